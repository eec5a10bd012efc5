/* SPDX-License-Identifier: MIT */
#ifndef LBK_TRAIN_H
#define LBK_TRAIN_H
#include <limbeck/method.h>
#include <limbeck/tensor.h>
LBK_BEGIN

/* "rdd.lambda" = "0.7". Beside options of methods, models, sources and tasks:
 *   <role>, <role>.weights, <role>.tap.<name>   model; file; "c4" = another name for a tap ("/layer4/Relu_output_0" of an ONNX file)
 *   <stream>, <stream>.views                    data set; views > 0: draws repeat every so many epochs, so frozen passes can be cached
 *   cache                                       directory: taps of FROZEN roles, keyed by (sample id, view: seed, number and the options of
 *                                               the transforms, hash of the role's graph and weights, tap, dtype); a key that does not match is a miss, never a guess
 *   term.<label>.loss, .weight, .<input>        another registered loss, wired "role/tap[@stream]" or "@stream/field", added to
 *                                               every stage that has all its roles
 * Names that are unknown fail, with the nearest known one. */
struct lbk_setting { const char *name, *value; };

struct lbk_progress {
    uint32_t size;
    const char *stage;
    int64_t step, steps;
    double lr, seconds;
    int n;                                            /* terms, watches and scores so far */
    const char *const *labels;
    const double *values;
};

struct lbk_train_params {
    uint32_t size;
    const char *method, *device, *out_dir;            /* method NULL = "plain": the task alone */
    const char *resume;                               /* run directory to continue, or NULL */
    const struct lbk_setting *settings;
    int n_settings;
    bool strict;                                      /* refuse host fallbacks */
    bool plain;                                       /* every LBK_OPT_WEIGHT off: the baseline of the same recipe */
    bool (*progress)(void *ud, const struct lbk_progress *p);   /* false = stop cleanly after this step */
    void *ud;
};
/* Pre-flight, also the first thing lbk_train() does: every stage in turn, on one batch, writing nothing: settings, shapes, taps,
 * wires, host hooks, every term finite, gradients present, memory. What a rehearsed sweep leaves feeds the next stage. */
LBK_API lbk_status lbk_check(lbk_ctx *ctx, const struct lbk_train_params *p, void (*put)(void *ud, const char *line), void *ud);
LBK_API lbk_status lbk_train(lbk_ctx *ctx, const struct lbk_train_params *p);
LBK_API lbk_status lbk_evaluate(lbk_ctx *ctx, const struct lbk_train_params *p, struct lbk_progress *out);

LBK_END
#endif
