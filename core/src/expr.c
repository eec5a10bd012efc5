/* SPDX-License-Identifier: MIT */
/* Pointwise nodes as expressions over the values that a group reads. */
#include "group.h"

uint32_t lbk__value_for(struct work *w, lbk_node *n)
{
    static const uint8_t kinds[] = { [NODE_OP] = VALUE_TEMP,
                                     [NODE_INPUT] = VALUE_INPUT,
                                     [NODE_STATE] = VALUE_STATE,
                                     [NODE_CONST] = VALUE_CONST };
    lbk_node *s = lbk__storage_node(n, NULL);
    uint32_t *v = &w->p->value_of[s->id];
    if (*v == NONE) {
        const struct value made = { .kind = kinds[s->kind],
                                    .row_major = s->kind != NODE_OP,
                                    .settled = s->settled || s->kind == NODE_CONST,
                                    .dtype = s->dtype,
                                    .shape = s->shape,
                                    .name = s->name,
                                    .data = s->data,
                                    .home = NONE,
                                    .maker = NONE,
                                    .twin = NONE };
        *v = lbk__plan_add_value(w->p, &made);
    }
    if (s != n && *v != NONE)
        w->p->value[*v].row_major = true;
    return w->p->value_of[n->id] = *v;
}

/* The same seen at another rank: leading ones come or go. */
static lbk_shape at_rank(lbk_shape s, int rank)
{
    lbk_shape o = { .n = rank };
    for (int i = 0; i < rank; i++)
        o.d[i] = i < rank - s.n ? 1 : s.d[i - (rank - s.n)];
    return o;
}

/* Index among the group's args of node n seen with that shape. */
static int arg_of(struct work *w, struct group *to, lbk_node *n, lbk_shape shape)
{
    size_t skip;
    const uint32_t v = lbk__value_for(w, n);
    struct lbk_group *g = &to->g;
    lbk__storage_node(n, &skip);
    for (int i = 0; i < g->n_arg; i++)
        if (to->arg[i] == v && to->skip[i] == skip && lbk__same_shape(g->arg[i].shape, shape))
            return i;
    if (v == NONE || g->n_arg == LBK_ARG_MAX)
        return -1;
    to->arg[g->n_arg] = v, to->skip[g->n_arg] = skip;
    g->arg[g->n_arg] = (struct lbk_arg){ .dtype = n->dtype, .shape = shape };
    return g->n_arg++;
}

int lbk__group_arg(struct work *w, struct group *to, lbk_node *n)
{
    return arg_of(w, to, n, n->shape);
}

static int put_word(struct builder *b, lbk_node *n, struct lbk_word word)
{
    if (b->e->n == LBK_EXPR_MAX) {
        b->full = true;
        return 0;
    }
    b->memo[b->e->n] = n;
    b->e->w[b->e->n] = word;
    return b->e->n++;
}

int lbk__put_load(struct builder *b, lbk_node *n)
{
    const int arg = arg_of(b->w, b->to, n, at_rank(n->shape, b->shape.n));
    if (arg < 0)
        b->full = true;
    return put_word(
        b, n, (struct lbk_word){ .kind = LBK_WORD_ARG, .arg = (uint8_t) (arg < 0 ? 0 : arg) });
}

int lbk__put_node(struct builder *b, lbk_node *n, bool root)
{
    for (int i = 0; i < b->e->n; i++)
        if (b->memo[i] == n)
            return i;
    if (b->full)
        return 0;
    if (n == b->acc)
        return put_word(b, n, (struct lbk_word){ .kind = LBK_WORD_ACC });
    if (is_number(n))
        return put_word(
            b, n, (struct lbk_word){ .kind = LBK_WORD_CONST, .value = *(const float *) n->data });
    if (!root && !inlined(b->w, n))
        return lbk__put_load(b, n);
    if (is_broadcast(n))
        return lbk__put_node(b, n->in[0], false);
    struct lbk_word word = { .kind = LBK_WORD_OP, .op = n->op };
    for (int i = 0; i < n->n; i++)
        word.in[i] = (uint8_t) lbk__put_node(b, n->in[i], false);
    return put_word(b, n, word);
}
