/* SPDX-License-Identifier: MIT */
/* From a graph to a list of launches. Passes run in the order of lbk__plan_build; each leaves
 * what its line says. */
#ifndef LBK_SRC_PLAN_H
#define LBK_SRC_PLAN_H
#include "device.h"
#include "graph.h"

#define NONE UINT32_MAX

/* Where a planned value lives. */
enum value_kind { VALUE_TEMP, VALUE_STATE, VALUE_INPUT, VALUE_CONST };

/* One buffer: several nodes may name it (views, values that overwrite their state). */
struct value {
    uint8_t kind;
    /* seen from outside or through a view: must keep that layout */
    bool row_major;
    bool settled;                      /* of a leaf: the same in every run */
    lbk_dtype dtype;
    lbk_shape shape;
    struct lbk_layout layout;
    const char *name;                  /* input, state */
    const void *data;                  /* const */
    uint32_t maker;                    /* group, NONE for leaves */
    uint32_t twin;                     /* the same in another layout, NONE */
    /* positions in the schedule; last = n_group: lives to the end */
    uint32_t first, last;
    /* in place: the value whose memory this one takes over, a state's too; NONE = its own */
    uint32_t home;
    size_t bytes, offset;              /* in the arena: an address, see slab_most */
    lbk_mem *mem;                      /* state, const; of an input: bound by run */
};

/* Over all runs; not warm: of the first, which counts until there is another. */
struct timing { double ns; int64_t runs; bool warm; };

struct group {
    struct lbk_group g;
    uint32_t arg[LBK_ARG_MAX], out[LBK_OUT_MAX];      /* values */
    /* bytes from the start of the value: an arg may be a part of it */
    size_t skip[LBK_ARG_MAX];
    lbk_node *root[LBK_OUT_MAX];       /* nodes whose values the outs are */
    lbk_node *anchor;                  /* NULL: a map */
    bool fallback;                     /* runs through the reference on the host */
    bool update;                       /* writes nothing but states */
    bool chained;                      /* launched with another */
    bool once;                         /* launched in the first run, and when states have been exchanged */
    int n_chain; uint32_t next;        /* how many one launch is for; the next of them, NONE */
    struct lbk_offer offer;
    uint32_t rank;                     /* node id it is ordered by */
    struct timing time;                /* measured, with profile */
    double flops;
    lbk_code *code;
    size_t scratch_offset;
};

struct plan {
    lbk_device *device;
    lbk_store *store;
    lbk_graph *graph;                  /* simplified and lowered; the plan's own */
    struct group *group;  int64_t n_group, cap_group;
    struct value *value;  int64_t n_value, cap_value;
    uint32_t *value_of;                /* node id -> value, NONE where a node is never stored */
    uint32_t *made_by;                 /* node id -> group, NONE for leaves and inlined nodes */
    uint32_t *order;                   /* launch position -> group */
    /* after the last launch */
    int64_t n_copy, cap_copy; struct state_copy { uint32_t state, value; size_t skip; } *copy;
    /* a read before the write over it */
    int64_t n_before, cap_before; struct before { uint32_t first, then; } *before;
    struct lbk_compile_params params;
    int n_node_before, n_reorder, n_fallback, n_chained, n_once;
    struct timing copying;             /* with profile: of all copies of a run, by the host's clock */
    /* The arena is slabs, each a buffer of its own: slab k has the addresses from k * slab_most on, and uses slab[k]
     * bytes of them. arena: of all; live: the most that is alive at once, which no placement can beat. */
    size_t slab_most, n_slab, *slab;
    size_t arena_bytes, live_bytes;
};

/* Dead code, common nodes, constants, identities; operators that the device declines are
 * lowered. */
lbk_status lbk__plan_simplify(struct plan *p, const lbk_graph *from);
/* Every stored value has a group that makes it; pointwise nodes are inlined or stored. */
lbk_status lbk__plan_group(struct plan *p);
/* A total order that respects reads and writes; states are overwritten in place where that is
 * safe. */
lbk_status lbk__plan_order(struct plan *p);
/* Every operand has the layout its group was offered with; reorders inserted. Keeps the order. */
lbk_status lbk__plan_layout(struct plan *p);
/* Groups that depend on settled values alone run once: what folds the batch norms of a frozen network is not computed anew. */
void lbk__plan_once(struct plan *p);
/* Places in the arena: overlapping bytes are never alive together, and nothing is larger than a buffer may be. */
lbk_status lbk__plan_memory(struct plan *p);
/* Updates that a driver can launch together are chained; the first is launched. Keeps order and memory. */
void lbk__plan_chain(struct plan *p);
lbk_status lbk__plan_build(struct plan *p, const lbk_graph *from);
void lbk__plan_finish(struct plan *p);

/* Shared by the passes. */
bool lbk__is_pointwise(const lbk_node *n);
bool lbk__is_view(const lbk_node *n);
double lbk__node_flops(const lbk_node *n);
/* What it takes to compute v, a node of g; negative: out of memory. */
double lbk__graph_flops(const lbk_graph *g, const lbk_node *v);
/* What a launch of it reads and writes, each arg and out once. */
uint64_t lbk__group_bytes(const struct lbk_group *g);
/* What that copy of a state writes. */
size_t lbk__plan_copy_bytes(const struct plan *p, int64_t copy);
/* As compiled, with what a profile measured. */
const struct plan *lbk__exec_plan(const lbk_exec *x);
/* The node whose buffer a chain of views looks at, and how many bytes into it (skip may be NULL). A slice that is
 * contiguous in row-major order is a view. */
lbk_node *lbk__storage_node(lbk_node *n, size_t *skip);
/* Does the device take the group as it is? Its answer is left in g->offer. */
bool lbk__plan_ask(struct plan *p, struct group *g);
/* Would the device take this operator alone, on plain operands? */
bool lbk__plan_takes(struct plan *p, const lbk_node *n);
lbk_status lbk__plan_no_memory(const struct plan *p);
/* Says that the device has not got what the plan needs: how much, the largest values, the batch that would fit. used:
 * bytes on the device beside the plan. */
lbk_status lbk__plan_too_large(const struct plan *p, size_t used);
struct group *lbk__plan_add_group(struct plan *p);
uint32_t lbk__plan_add_value(struct plan *p, const struct value *v);
/* The value whose memory v is in: its own, or where its chain of homes ends. */
uint32_t lbk__plan_storage(const struct plan *p, uint32_t v);
/* For messages: "conv2d"; "student/conv1/conv2d of 8x16x32x32", "input 'x' of 3". */
const char *lbk__plan_group_name(const struct group *g);
const char *lbk__plan_value_text(const struct plan *p, uint32_t v, char *buf, size_t size);

#endif
