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
