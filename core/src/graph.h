/* SPDX-License-Identifier: MIT */
/* Inside of a graph: what grad, the evaluator, the planner and the scopes see of it. */
#ifndef LBK_SRC_GRAPH_H
#define LBK_SRC_GRAPH_H
#include <limbeck/graph.h>
#include <limbeck/nn.h>
#include <limbeck/op.h>
#include <limbeck/ops.h>
#include "arena.h"

enum node_kind { NODE_OP, NODE_INPUT, NODE_STATE, NODE_CONST };

/* One node computes one value, so a node and its value are one struct. Nodes are numbered in the order they were built,
 * which is a topological order. Everything lives in the graph's arena. */
struct lbk_node {
    lbk_graph *g;
    uint32_t id;
    uint8_t kind;
    bool trainable;                  /* NODE_STATE */
    bool settled;                    /* NODE_STATE: nobody writes it while a plan of the graph lives */
    const struct lbk_op *op;         /* NODE_OP */
    /* NODE_OP: a copy, padding zeroed, so that equal bytes are equal parameters */
    const void *params;
    int n;                           /* operands */
    lbk_node **in;
    lbk_dtype dtype;
    lbk_shape shape;
    int64_t range;                   /* lbk_range_of */
    const char *name;                /* NODE_INPUT, NODE_STATE */
    const char *where;               /* scope path it was built under, for messages; "" outside */
    const void *data;                /* NODE_CONST: row-major, of dtype */
    const struct lbk_init *init;     /* NODE_STATE: how it starts; its key is its name */
};
struct lbk_val { struct lbk_node node; };

struct graph_output { const char *name; lbk_node *v; };
struct graph_assign { lbk_node *state, *v; };

struct lbk_graph {
    lbk_ctx *ctx;
    struct arena arena;
    lbk_status status;
    const char *where;               /* stamped on new nodes; the scopes set it */
    lbk_node **node;  int64_t n_node, cap_node;
    struct graph_output *output; int64_t n_output, cap_output;
    struct graph_assign *assign; int64_t n_assign, cap_assign;
};

static inline lbk_val *val_of(lbk_node *n) { return (lbk_val *) n; }
static inline lbk_node *node_of(lbk_val *v) { return v ? &v->node : NULL; }

/* State by name, created on first use; a second use must agree in dtype and shape. init is
 * copied. */
lbk_val *lbk__state(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s, bool trainable, const struct lbk_init *init);
lbk_node *lbk__graph_find(const lbk_graph *g, enum node_kind kind, const char *name);

/* Marks (id -> true) what outputs and assigns need. live: n_node bools. */
void lbk__graph_live(const lbk_graph *g, bool *live);

/* Of what n computes from inputs and states of those names, in hexadecimal: equal digests compute equal bits. */
lbk_status lbk__graph_digest(const lbk_graph *g, const lbk_node *n, char out[65]);

/* Runs a graph node by node on the host through ref, lower and the pointwise references, row-major.
 * The meaning of a graph: constant folding, the gradient checks and the search for a NaN use it. */
struct eval {
    bool f64;                        /* LBK_F32 values are held as double */
    uint64_t seed;
    /* inputs and states, in the type eval holds them in */
    const void *(*leaf)(void *ud, const lbk_node *n);
    /* after each node; a status other than LBK_OK ends the run with it. NULL = none */
    lbk_status (*seen)(void *ud, const lbk_node *n, const void *value);
    void *ud;
};
/* value[id] of every node that the n targets need; free with lbk__eval_free. */
lbk_status lbk__eval(lbk_graph *g, const struct eval *e, int n, lbk_node *const target[], void ***value);
void lbk__eval_free(lbk_graph *g, void **value);
/* One op on dense host buffers: ref, else lower through a graph of its own. */
lbk_status lbk__eval_op(lbk_ctx *ctx, const struct lbk_op *op, const struct lbk_ref *r);

#endif
