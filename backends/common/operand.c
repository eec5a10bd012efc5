/* SPDX-License-Identifier: MIT */
#include "operand.h"

bool operand_shape(const struct lbk_group *g, int i, lbk_shape *out)
{
    const struct lbk_expr *e = &g->operand[i];
    bool any = false;
    for (int k = 0; k < e->n; k++) {
        if (e->w[k].kind != LBK_WORD_ARG)
            continue;
        const lbk_shape s = g->arg[e->w[k].arg].shape;
        if (any && s.n != out->n)
            return false;
        for (int a = 0; a < s.n; a++)
            if (!any || s.d[a] != 1)
                out->d[a] = s.d[a];
        out->n = s.n;
        any = true;
    }
    return any;
}
