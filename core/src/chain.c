/* SPDX-License-Identifier: MIT */
/* Maps that do the same to other values, as the updates of all weights do, become one launch. */
#include <string.h>
#include "plan.h"

static bool same_word(const struct lbk_word *a, const struct lbk_word *b)
{
    return a->kind == b->kind && a->arg == b->arg && memcmp(a->in, b->in, sizeof a->in) == 0 &&
           a->op == b->op && memcmp(&a->value, &b->value, sizeof a->value) == 0;
}

static bool whole(const struct lbk_group *g, int arg)
{
    return lbk__same_shape(g->arg[arg].shape, g->acc);
}

static bool one(const struct lbk_group *g, int arg)
{
    return lbk_shape_count(g->arg[arg].shape) == 1;
}

/* Every arg is all of the result or one number, and all lies in rows. */
static bool plain(const struct lbk_group *g)
{
    for (int i = 0; i < g->n_arg; i++)
        if (g->arg[i].layout.order != LBK_ROW_MAJOR || (!whole(g, i) && !one(g, i)))
            return false;
    for (int k = 0; k < g->n_out; k++)
        if (g->out[k].layout.order != LBK_ROW_MAJOR)
            return false;
    return true;
}

static bool alike(const struct lbk_group *a, const struct lbk_group *b)
{
    if (a->n_arg != b->n_arg || a->n_out != b->n_out || a->epi.n != b->epi.n ||
        memcmp(a->result, b->result, sizeof a->result) != 0)
        return false;
    for (int i = 0; i < a->n_arg; i++)
        if (whole(a, i) != whole(b, i))
            return false;
    for (int i = 0; i < a->epi.n; i++)
        if (!same_word(&a->epi.w[i], &b->epi.w[i]))
            return false;
    return true;
}

static bool writes(const struct plan *p, const struct group *g, uint32_t storage)
{
    for (int k = 0; k < g->g.n_out; k++)
        if (lbk__plan_storage(p, g->out[k]) == storage)
            return true;
    return false;
}

/* Does b read or write what a writes? */
static bool after(const struct plan *p, const struct group *a, const struct group *b)
{
    for (int i = 0; i < b->g.n_arg; i++)
        if (writes(p, a, lbk__plan_storage(p, b->arg[i])))
            return true;
    for (int k = 0; k < b->g.n_out; k++)
        if (writes(p, a, lbk__plan_storage(p, b->out[k])))
            return true;
    return false;
}

/* Updates write states, whose memory is nobody else's; so in a row of them order matters only where
 * one touches what another writes. */
static bool may_move(const struct plan *p, uint32_t from, uint32_t to)
{
    const struct group *g = &p->group[p->order[to]];
    for (uint32_t t = from; t < to; t++) {
        const struct group *before = &p->group[p->order[t]];
        if (after(p, before, g) || after(p, g, before))
            return false;
    }
    return true;
}

static bool join(struct plan *p, uint32_t from, uint32_t to)
{
    struct group *head = &p->group[p->order[from]], *g = &p->group[p->order[to]];
    if (head->chained || head->n_chain >= head->offer.also || !plain(&head->g) ||
        !alike(&head->g, &g->g) || !plain(&g->g) || !may_move(p, from, to))
        return false;
    struct group *last = head;
    while (last->next != NONE)
        last = &p->group[last->next];
    last->next = p->order[to];
    head->n_chain++;
    g->chained = true;
    p->n_chained++;
    return true;
}

void lbk__plan_chain(struct plan *p)
{
    uint32_t begin = 0;
    for (uint32_t t = 0; t < p->n_group; t++) {
        struct group *g = &p->group[p->order[t]];
        g->next = NONE, g->n_chain = 1;
        if (!g->update || g->anchor || g->fallback) {
            begin = t + 1;
            continue;
        }
        for (uint32_t h = begin; h < t && !g->chained; h++)
            join(p, h, t);
    }
}
