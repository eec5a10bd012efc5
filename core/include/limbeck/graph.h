/* SPDX-License-Identifier: MIT */
#ifndef LBK_GRAPH_H
#define LBK_GRAPH_H
#include <limbeck/tensor.h>
LBK_BEGIN

typedef struct lbk_graph lbk_graph;     /* owns its nodes; destroyed as a whole */
typedef struct lbk_val   lbk_val;       /* one typed, shaped value; borrowed from its graph */
typedef struct lbk_exec  lbk_exec;      /* a graph planned and compiled for one device */

LBK_API lbk_status lbk_graph_create(lbk_ctx *ctx, lbk_graph **out);
LBK_API void      lbk_graph_destroy(lbk_graph **g);

/* Builders never fail half-way: the first error is latched, everything built on it is NULL,
 * and NULL operands are accepted silently. Check once, at the end. */
LBK_API lbk_status lbk_graph_status(const lbk_graph *g);
LBK_API lbk_status lbk_graph_fail(lbk_graph *g, lbk_status st, const char *fmt, ...) LBK_PRINTF(3, 4);   /* latches */
LBK_API lbk_ctx  *lbk_graph_ctx(const lbk_graph *g);
/* Of what is live, whatever the order it was built in: equal hashes compute equal bits. */
LBK_API void      lbk_graph_hash(const lbk_graph *g, uint8_t out[32]);

LBK_API lbk_val *lbk_input(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s);
LBK_API lbk_val *lbk_state(lbk_graph *g, const char *name, lbk_dtype t, lbk_shape s, bool trainable);
LBK_API lbk_val *lbk_const(lbk_graph *g, lbk_dtype t, lbk_shape s, const void *data);
/* LBK_F32 constant from options or tables */
LBK_API lbk_val *lbk_numbers(lbk_graph *g, lbk_shape s, const double *v);
LBK_API lbk_val *lbk_scalar(lbk_graph *g, double v);
LBK_API lbk_val *lbk_filled(lbk_graph *g, lbk_shape s, double v);
LBK_API lbk_status lbk_output(lbk_graph *g, const char *name, lbk_val *v);
/* Takes effect when the run ends; once per state; dropped only with the pass or term it was
 * built in. */
LBK_API lbk_status lbk_assign(lbk_graph *g, lbk_val *state, lbk_val *v);

/* of NULL: rank 0, all d[] zero */
LBK_API lbk_shape lbk_shape_of(const lbk_val *v);
LBK_API lbk_dtype lbk_dtype_of(const lbk_val *v);
/* of a label or an index: how many values it can have; 0 = unknown */
LBK_API int64_t   lbk_range_of(const lbk_val *v);

/* Reverse mode, by appending nodes: out[i] = d(y)/d(wrt[i]), or a zero constant. */
LBK_API lbk_status lbk_grad(lbk_graph *g, lbk_val *y, int n, lbk_val *const wrt[], lbk_val *out[]);
LBK_API lbk_val   *lbk_stop_grad(lbk_graph *g, lbk_val *v);

/* Persistent state by name, shared by every exec bound to it. */
typedef struct lbk_store lbk_store;
LBK_API lbk_status  lbk_store_create(lbk_device *d, lbk_store **out);
LBK_API void       lbk_store_destroy(lbk_store **s);
LBK_API lbk_tensor *lbk_store_get(const lbk_store *s, const char *name);     /* borrowed */
/* takes a reference */
LBK_API lbk_status  lbk_store_put(lbk_store *s, const char *name, lbk_tensor *t);

/* A graph planned for the device of a store. States are looked up there by name; one that was made without a start
 * value and is absent begins as zeros, any other must be there. The graph may be destroyed afterwards. */
struct lbk_compile_params {
    uint32_t size;
    /* an operator that the device cannot run is an error, not a fallback to the host */
    bool strict;
    bool no_fusion;                    /* one group per operator: to compare with */
    bool profile;                      /* time every launch: slower, see lbk_exec_info */
};
/* p may be NULL */
LBK_API lbk_status lbk_compile(lbk_graph *g, lbk_store *state, const struct lbk_compile_params *p, lbk_exec **out);
LBK_API void      lbk_exec_destroy(lbk_exec **x);

/* One pass over the plan. Every input of the graph is bound by name, in its dtype and shape; outputs may be left out.
 * States are as the assigns leave them when it returns LBK_OK; after a failure they are undefined. [owner] */
struct lbk_bind { const char *name; lbk_tensor *tensor; };
LBK_API lbk_status lbk_run(lbk_exec *x, int n_in, const struct lbk_bind in[], int n_out, const struct lbk_bind out[]);

struct lbk_exec_info {
    uint32_t size;
    int nodes, groups, launches, reorders, fallbacks;
    double flops;                      /* of one run */
    size_t arena_bytes;                /* temporaries, placed */
    /* the most that is alive at once: what no placement can beat */
    size_t live_bytes;
    size_t state_bytes;
    /* What the groups of one run read and write, each arg and out once; of that, by reorders. */
    uint64_t moved_bytes, reorder_bytes;
    /* With profile: over all runs so far, by the clock of the device where it has one; of that, in reorders. Not of
     * fallbacks, nor of the first run once there is a second: a driver may still compile in it. */
    double ns, reorder_ns;
};
/* out->size set by the caller */
LBK_API void      lbk_exec_info(const lbk_exec *x, struct lbk_exec_info *out);
/* The plan as text, one line a launch: operators, shapes, layouts, place in memory. With profile
 * also the mean time, of all runs but the first when there are more. */
LBK_API void      lbk_exec_dump(const lbk_exec *x, void (*put)(void *ud, const char *line), void *ud);

LBK_END
#endif
