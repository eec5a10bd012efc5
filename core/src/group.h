/* SPDX-License-Identifier: MIT */
/* What making groups and writing their expressions share. */
#ifndef LBK_SRC_GROUP_H
#define LBK_SRC_GROUP_H
#include <string.h>
#include "plan.h"

struct use { lbk_node *reader; uint32_t next; };

struct work {
    struct plan *p;
    int64_t n;
    uint32_t *uses;                    /* node -> first of its readers in use[], NONE */
    struct use *use; int64_t n_use, cap_use;
    bool *stored;
    uint32_t *stamp, now;              /* visited marks of the path search, per group */
    int64_t cap_stamp;
};

struct builder {
    struct work *w;
    struct group *to;
    lbk_node *memo[LBK_EXPR_MAX];
    lbk_shape shape;
    struct lbk_expr *e;
    lbk_node *acc;
    bool full;
};

/* The planned value that node n, or the node it is a view of, is stored as; NONE: out of memory. */
uint32_t lbk__value_for(struct work *w, lbk_node *n);
/* Registers of n in the expression; full is set when it does not fit. Recomputed when inlined (or
 * when n is the root the expression is for), else loaded. */
int lbk__put_load(struct builder *b, lbk_node *n);
int lbk__put_node(struct builder *b, lbk_node *n, bool root);

/* Index among the args of the group of n as it is stored, -1: no room. */
int lbk__group_arg(struct work *w, struct group *to, lbk_node *n);

/* Marks in w->stored the pointwise nodes whose values are stored. */
void lbk__group_decide(struct work *w);

/* The first two different stored nodes that would recompute n, from have on; how many there are, at most 3; 3 when the budget
 * of steps is spent. */
int lbk__group_roots(const struct work *w, lbk_node *n, lbk_node *found[3], int have, int *budget);

/* An anchor as a group: its operands (false: too many, or too long), its result, one out; or all it is with its result as
 * it is. */
void lbk__group_anchor(struct work *w, struct group *to, lbk_node *n);
bool lbk__group_operands(struct work *w, struct group *to, lbk_node *n);
void lbk__group_out(struct group *to, int i, lbk_node *root, uint32_t v, int result);
void lbk__group_plain(struct group *to, lbk_node *root, uint32_t v);
/* Would the device compute the pointwise operands of this anchor as it loads them? */
bool lbk__group_takes(struct work *w, lbk_node *n);
/* Forgets the values from n_value on, made for a group that came to nothing. */
void lbk__group_forget(struct work *w, int64_t n_value);

static inline bool is_anchor(const lbk_node *n)
{
    return n->kind == NODE_OP && !lbk__is_pointwise(n) && !lbk__is_view(n);
}

static inline bool is_number(const lbk_node *n)
{
    return n->kind == NODE_CONST && n->dtype == LBK_F32 && lbk_shape_count(n->shape) == 1;
}

static inline bool is_broadcast(const lbk_node *n) { return !n->op->expr; }

static inline bool same_count(const lbk_node *a, const lbk_node *b)
{
    return lbk_shape_count(a->shape) == lbk_shape_count(b->shape);
}

/* Recomputed by whoever reads it. */
static inline bool inlined(const struct work *w, const lbk_node *n)
{
    return n->kind == NODE_OP && lbk__is_pointwise(n) && !w->stored[n->id];
}

#endif
