/* SPDX-License-Identifier: MIT */
#include "opdef.h"
#include <limbeck/task.h>

/* sum(loss * weight) / norm */
static lbk_val *term(lbk_graph *g, const struct lbk_term *t)
{
    lbk_val *v = t->loss, *norm = t->norm;
    if (!t->weight && !norm)
        return lbk_mean(g, v, LBK_ALL);
    if (t->weight)
        v = lbk_mul(g, v, t->weight);
    if (!norm) {
        lbk_val *sum = lbk_sum(g, t->weight, LBK_ALL);
        norm = lbk_select(g, lbk_abs(g, sum), sum, lbk_scalar(g, 1));
    }
    return lbk_div(g, lbk_sum(g, v, LBK_ALL), norm);
}

lbk_val *lbk_terms_reduce(lbk_graph *g, int n, const struct lbk_term t[])
{
    lbk_val *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (t[i].coef == 0)
            continue;
        lbk_val *v = term(g, &t[i]);
        if (t[i].coef != 1)
            v = lbk_mul(g, v, lbk_scalar(g, t[i].coef));
        sum = sum ? lbk_add(g, sum, v) : v;
    }
    return n > 0 && !sum ? lbk_scalar(g, 0) : sum;
}
