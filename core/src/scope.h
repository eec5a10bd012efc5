/* SPDX-License-Identifier: MIT */
/* Inside of scopes: a network under construction, and how its states start. */
#ifndef LBK_SRC_SCOPE_H
#define LBK_SRC_SCOPE_H
#include <limbeck/method.h>
#include "graph.h"

struct tap {
    const char *name;
    lbk_val *v;
    struct tap *next;
};
/* state = state + momentum * (to - state), once for every pass of a trained role, in the order of
 * the passes. */
struct drift {
    lbk_val *state, *to;
    double momentum;
    struct drift *next;
};

/* One pass of one network. Zero-initialised but for g, path and mode; lives as long as the graph.
 */
struct net {
    lbk_graph *g;
    const char *path; /* "student/" */
    enum lbk_mode mode;
    int64_t parameters; /* numbers that are trained, or were */
    bool settled; /* its states are written by nobody while the graph is used */
    struct tap *taps, **last_tap; /* in the order of the model */
    struct drift *drifts, **last_drift;
    lbk_shape (*shape_of)(
        void *ud, const char *state); /* optional: of weights that exist; rank -1 = absent */
    void *ud; /* the run, or NULL */
};
struct lbk_scope {
    struct net *net;
    const char *path;
};

lbk_scope *lbk__scope_root(struct net *n);
/* The scope that new nodes are stamped with; returns the one before. */
const char *lbk__scope_enter(lbk_graph *g, const char *path);
void lbk__scope_leave(lbk_graph *g, const char *before);
void lbk__scope_drift(lbk_scope *s, lbk_val *state, lbk_val *to, double momentum);
/* Assigns the states that n nets drift, one net after the other. */
lbk_status lbk__nets_assign(lbk_graph *g, int n, struct net *const net[]);
/* Of a tap, NULL = there is none. */
struct tap *lbk__net_tap(const struct net *n, const char *name);

uint64_t lbk__name_key(const char *name);
/* Every live state of the graph that the store lacks, at its start value: a function of (seed of
 * the context, name). */
lbk_status lbk__store_fill(lbk_store *s, const lbk_graph *g);
/* The same of every state whose name begins with prefix, live or not, so that a network is whole whatever is asked of it;
 * but for those that only a file or an artifact can bring. */
lbk_status lbk__store_fill_under(lbk_store *s, const lbk_graph *g, const char *prefix);
/* out[i] = lbk_random_at(key, step, i) for i < n, four from each block of Philox. */
void lbk__random_fill(uint64_t key, uint64_t step, int64_t n, float *out);
/* Normally distributed, of two draws in 0 .. 1 (Box and Muller). */
float lbk__normal(const float draw[2]);
/* The start value of one state into n floats. */
lbk_status lbk__init_values(lbk_ctx *ctx, const lbk_node *state, float *v);

#endif
