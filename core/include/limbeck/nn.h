/* SPDX-License-Identifier: MIT */
#ifndef LBK_NN_H
#define LBK_NN_H
#include <limbeck/ckpt.h>
#include <limbeck/graph.h>
#include <limbeck/opt.h>
LBK_BEGIN

/* Where parameters get their names, whether they train, and what random draws are keyed by. Owned by its graph;
 * NULL in, NULL out. Initial values and dropout masks depend on (seed, path, step), never on what else was built. */
typedef struct lbk_scope lbk_scope;
/* "student/layer2/0/" */
LBK_API lbk_scope *lbk_scope_sub(lbk_scope *s, const char *fmt, ...) LBK_PRINTF(2, 3);
LBK_API lbk_graph *lbk_scope_graph(const lbk_scope *s);
LBK_API bool       lbk_scope_training(const lbk_scope *s);

struct lbk_init {
    enum { LBK_INIT_ZEROS, LBK_INIT_ONES, LBK_INIT_NORMAL, LBK_INIT_UNIFORM, LBK_INIT_KAIMING, LBK_INIT_DATA, LBK_INIT_NONE } kind;
    double a;
    /* INIT_DATA: row-major, copied; how a foreign file brings its weights */
    const void *data;
                                      /* INIT_NONE: the role's weights must have it;
                                       * LBK_SHAPE_ANY takes their shape */
};
LBK_API lbk_val *lbk_weight(lbk_scope *s, const char *name, lbk_shape shape, struct lbk_init init);
/* State that is not trained: running statistics, memory banks. Change it with lbk_assign; it is
 * checkpointed and resumed. */
LBK_API lbk_val *lbk_buffer(lbk_scope *s, const char *name, lbk_dtype t, lbk_shape shape, struct lbk_init init);
/* fresh in [0, 1) every step */
LBK_API lbk_val *lbk_uniform(lbk_scope *s, const char *name, lbk_shape shape);

/* 0 means 1, except pad */
struct lbk_conv { int64_t out, kernel, stride, pad, dilation, groups; bool bias; };
#define lbk_conv(...) ((struct lbk_conv) { __VA_ARGS__ })
LBK_API lbk_val *lbk_nn_conv2d(lbk_scope *s, lbk_val *x, struct lbk_conv c);
/* w: C_in x out/groups x k x k, as PyTorch's ConvTranspose2d. */
LBK_API lbk_val *lbk_nn_conv2d_transpose(lbk_scope *s, lbk_val *x, struct lbk_conv c);
LBK_API lbk_val *lbk_nn_batch_norm(lbk_scope *s, lbk_val *x);
LBK_API lbk_val *lbk_nn_linear(lbk_scope *s, lbk_val *x, int64_t out, bool bias);
LBK_API lbk_val *lbk_nn_dropout(lbk_scope *s, lbk_val *x, double p);

/* Names a value. Every head and every feature is a tap; one nobody asks for costs nothing.
 * name "" = the scope's own path. */
LBK_API void lbk_tap(lbk_scope *s, const char *name, lbk_val *v);

struct lbk_model {
    uint32_t size;
    const char *name, *doc;
    /* "classify", "segment", "depth", "detect": gives its taps their meaning; NULL = set by the
     * user as <role>.task */
    const char *task;
    const char *reads;                /* field it is fed; NULL = "image" */
    /* how it wants an image: "bgr,mean=104:117:123,scale=255"; NULL = RGB in 0..1. Done in the
     * graph, so roles can differ */
    const char *input;
    const struct lbk_opt *opts;
    size_t cfg_size;
    /* what it returns becomes the tap "out" */
    lbk_val *(*build)(lbk_scope *s, lbk_val *x, const void *cfg);
    /* from the usual published checkpoint; NULL = its names with '/' for '.' */
    const struct lbk_rename *renames;
};

LBK_END
#endif
