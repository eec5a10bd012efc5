/* SPDX-License-Identifier: MIT */
/* What need not be computed in every run. */
#include "plan.h"

static bool is_settled(const struct plan *p, uint32_t v)
{
    const struct value *x = &p->value[lbk__plan_storage(p, v)];
    return x->maker == NONE ? x->settled : p->group[x->maker].once;
}

static bool runs_once(const struct plan *p, const struct group *g)
{
    for (int i = 0; i < g->g.n_arg; i++)
        if (!is_settled(p, g->arg[i]))
            return false;
    for (int k = 0; k < g->g.n_out; k++)
        if (p->value[g->out[k]].home != NONE)
            return false;
    return true;
}

void lbk__plan_once(struct plan *p)
{
    for (int64_t i = 0; i < p->graph->n_assign; i++)
        p->value[p->value_of[p->graph->assign[i].state->id]].settled = false;
    for (int64_t i = 0; i < p->n_group; i++) {
        struct group *g = &p->group[p->order[i]];
        g->once = runs_once(p, g);
        p->n_once += g->once;
    }
}
