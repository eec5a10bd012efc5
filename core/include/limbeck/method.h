/* SPDX-License-Identifier: MIT */
#ifndef LBK_METHOD_H
#define LBK_METHOD_H
#include <limbeck/ctx.h>
#include <limbeck/task.h>
LBK_BEGIN

/* A loss: named scalar built from named values, with options of its own. The scope is its own: adapters and memory
 * banks made there are trained or kept, checkpointed and resumed, and never part of an exported model. */
struct lbk_loss {
    uint32_t size;
    const char *name, *doc;
    /* {"student", "teacher", NULL}: order of in[]; a trailing '?' may stay unwired */
    const char *const *inputs;
    const struct lbk_opt *opts;
    size_t cfg_size;
    lbk_val *(*build)(lbk_scope *s, lbk_val *const in[], const void *cfg);
    /* of the inputs, for readers: {"N x K", "N", NULL}; letters name sizes that must agree */
    const char *const *shapes;
};
struct lbk_wire { const char *input; lbk_val *v; };
#define LBK_WIRES(...) ((const struct lbk_wire[]) { __VA_ARGS__, { NULL, NULL } })

/* Hidden layers, N x C x H x W: made comparable before a loss takes their difference. */
enum lbk_adapter { LBK_ADAPT_AUTO, LBK_ADAPT_ON, LBK_ADAPT_OFF };
#define LBK_ADAPTER_NAMES { "auto", "on", "off", NULL }
/* Minimum and maximum to 0 and 1: of each channel of each sample, of each sample, of all. STANDARDISE: each channel over the batch
 * to mean 0 and variance 1. A width is LBK_FEATURE_TINY more than it is, and so is a variance. */
enum lbk_scaling { LBK_SCALE_NONE, LBK_SCALE_CHANNEL, LBK_SCALE_SAMPLE, LBK_SCALE_TENSOR, LBK_SCALE_STANDARDISE };
#define LBK_SCALING_NAMES { "none", "channel", "sample", "tensor", "standardise", NULL }
#define LBK_FEATURE_TINY 1e-6
/* x through a convolution 1 x 1 with bias, "adapter/" in the scope, to the channels of `like`; AUTO: where they differ. */
LBK_API lbk_val *lbk_feature_adapt(lbk_scope *s, lbk_val *x, const lbk_val *like, enum lbk_adapter how);
/* stop: no gradient through what it is scaled by; else ties of a minimum or a maximum share its gradient. Latches where x has not
 * the axes that it speaks of. */
LBK_API lbk_val *lbk_feature_scale(lbk_graph *g, lbk_val *x, enum lbk_scaling over, bool stop);
/* Both as options of a loss, the first member of its config struct; defaults as text: LBK_FEATURE_OPTS("auto", "channel"). */
struct lbk_feature { int adapter, normalise; bool stop; };
#define LBK_FEATURE_OPTS(adapter_, normalise_)                                                                              \
    LBK_ENUM(lbk_feature, adapter, adapter_, ((const char *const[]) LBK_ADAPTER_NAMES),                                      \
             "a convolution 1x1 on the student; auto = where the channels differ"),                                          \
    LBK_ENUM(lbk_feature, normalise, normalise_, ((const char *const[]) LBK_SCALING_NAMES),                                  \
             "minimum and maximum to 0 and 1, over what; standardise: channels to mean 0, variance 1"),                      \
    LBK_BOOL(lbk_feature, stop, false, "no gradient through what it is normalised by")
/* in: student, teacher; out: the student's after adapter and scaling, the teacher's, a constant, after scaling, of one shape.
 * false: latched. */
LBK_API bool lbk_feature_pair(lbk_scope *s, lbk_val *const in[2], const struct lbk_feature *f, lbk_val *out[2]);

struct lbk_role {                      /* a network taking part in a stage */
    /* "student", "teacher", "autoencoder"; a table ends at NULL */
    const char *name;
    const char *model;                /* NULL: chosen by the user as --<name> */
    /* FROZEN evaluates; FROZEN_BATCH normalises by the batch but keeps every weight and buffer;
     * both are hashed before and after */
    enum lbk_mode { LBK_FROZEN, LBK_FROZEN_BATCH, LBK_TRAINED } mode;
    /* MANY: --teacher a,b,c */
    enum { LBK_ROLE_MANY = 1, LBK_ROLE_OPTIONAL = 2 } flags;
};
struct lbk_stream {                    /* a source of batches */
    const char *name;                 /* "train", "unlabelled"; a table ends at NULL */
    /* same samples as that stream, seen through other draws: a second view; NULL = its own data
     * set */
    const char *of;
    double ratio;                     /* batch size relative to the first stream's; 0 = 1 */
    /* STILL: evaluation transforms, each sample once, in order */
    enum { LBK_STREAM_OPTIONAL = 1, LBK_STREAM_STILL = 2 } flags;
};

/* Handed to objective(): the graph under construction. Everything latches; nothing needs
 * checking. */
typedef struct lbk_objective lbk_objective;
LBK_API lbk_graph *lbk_obj_graph(lbk_objective *o);
/* stream NULL = the stage's first */
LBK_API lbk_pass  *lbk_obj_pass(lbk_objective *o, const char *role, const char *stream);
/* 0 = role or stream absent */
LBK_API int        lbk_obj_passes(lbk_objective *o, const char *role, const char *stream, int max, lbk_pass *out[]);
/* a tensor an earlier stage left */
LBK_API lbk_val   *lbk_obj_artifact(lbk_objective *o, const char *name);
/* extra trainable parts, as in a loss */
LBK_API lbk_scope *lbk_obj_scope(lbk_objective *o, const char *name);
/* Adds weight * v to what is minimised. A term whose weight is off all run long is dropped, and with it every pass,
 * role, stream, scope and assignment that only it needed: what is left is the plain graph, not one multiplied by 0.
 * A weight that is 1 all run long multiplies nothing. */
LBK_API void       lbk_obj_loss(lbk_objective *o, const char *label, struct lbk_ramp weight, lbk_val *v);
/* The same with a registered loss, options as text ("temperature=%g") or NULL. Not even built
 * when off. */
LBK_API void       lbk_obj_term(lbk_objective *o, const char *label, struct lbk_ramp weight, const char *loss,
                                const struct lbk_wire *wires, const char *fmt, ...) LBK_PRINTF(6, 7);
LBK_API lbk_val   *lbk_loss_call(lbk_scope *s, const char *loss, const struct lbk_wire *wires, const char *fmt, ...)
    LBK_PRINTF(4, 5);
/* A term for each level: the values of both passes whose taps match a pattern ("neck*"), in the order of the models, as inputs
 * "student" and "teacher" of a loss. "<label>/<tap of the student>", or the label alone where there is one level. As many of
 * both, else latches. */
LBK_API void       lbk_obj_levels(lbk_objective *o, const char *label, struct lbk_ramp weight, lbk_pass *student,
                                  lbk_pass *teacher, const char *taps, const char *loss, const char *fmt, ...)
    LBK_PRINTF(8, 9);
/* logged only; keeps nothing alive */
LBK_API void       lbk_obj_watch(lbk_objective *o, const char *label, lbk_val *v);

/* One pass over the first stream, no gradient. objective() says what each() finds in a record by lbk_pass_read().
 * Its state is the plugin's own and is not checkpointed: a sweep that is killed starts over. */
typedef struct lbk_sweep lbk_sweep;
LBK_API lbk_ctx   *lbk_sweep_ctx(const lbk_sweep *s);
/* pre-flight on one batch: be content with what came, leave the right shapes */
LBK_API bool       lbk_sweep_rehearsal(const lbk_sweep *s);
LBK_API const struct lbk_field *lbk_sweep_field(const lbk_sweep *s, const char *field);
LBK_API lbk_status lbk_sweep_leave(lbk_sweep *s, const char *name, lbk_dtype t, lbk_shape shape, const void *data);
struct lbk_sweep_fns {
    uint32_t size;
    /* zeroed at the start, freed at the end, by the host */
    size_t state_size;
    /* in the order of the stream */
    lbk_status (*each)(lbk_sweep *s, const void *cfg, void *state, const lbk_record *r);
    /* always called */
    lbk_status (*end)(lbk_sweep *s, const void *cfg, void *state, lbk_status so_far);
};

/* CARRY: go on with the previous stage's weights, optimiser, ramp clock, and best checkpoint so far.
 * SKIP: not run; there so that its settings are known whichever way the method's options point. */
enum { LBK_STAGE_CARRY = 1, LBK_STAGE_SKIP = 2 };
struct lbk_stage {
    uint32_t size;
    uint32_t flags;
    const char *name;
    const struct lbk_role *roles;
    /* NULL = "train" alone; an epoch is one pass over the first */
    const struct lbk_stream *streams;
    struct lbk_span length;           /* zero = what is left of the run */
    /* "adamw,wd=1e-4"; NULL = the run's own. The user's setting wins over both */
    const char *optim;
    struct lbk_ramp lr;               /* off = the run's own. The user's setting wins over both */
    const char *best;                 /* score that picks the checkpoint a later stage starts from unless it carries:
                                         "val/coco.ap50", "last"; NULL = the first score of the first trained role's task */
    void (*objective)(lbk_objective *o, const void *cfg);            /* pure */
    const struct lbk_sweep_fns *sweep;                               /* NULL = train */
};

/* Latches: after a failure every call returns it. */
typedef struct lbk_schedule lbk_schedule;
/* Has the user set that key of the run: "teacher.weights" of a role, "unlabelled" = data of a stream? [owner thread] */
LBK_API bool       lbk_schedule_given(const lbk_schedule *s, const char *key);
/* copied, tables too; dropped if nothing uses what it leaves */
LBK_API lbk_status lbk_schedule_add(lbk_schedule *s, const struct lbk_stage *st);
/* From here on the role is that model, frozen, with "artifact/..." as its weights, whatever
 * method asks for it. */
LBK_API lbk_status lbk_schedule_bind(lbk_schedule *s, const char *role, const char *model, const char *artifact);
/* Its stages; fmt (or NULL) gives options that stand in for its defaults, under the user's own
 * settings. */
LBK_API lbk_status lbk_schedule_method(lbk_schedule *s, const char *method, const char *fmt, ...) LBK_PRINTF(3, 4);

struct lbk_method {
    uint32_t size;
    const char *name, *doc, *paper;
    const char *const *tasks;         /* {"depth", NULL}; NULL = any */
    const struct lbk_opt *opts;
    size_t cfg_size;
    /* optional: rules across options */
    lbk_status (*check)(lbk_ctx *ctx, const void *cfg);
    lbk_status (*schedule)(lbk_ctx *ctx, const void *cfg, lbk_schedule *out);   /* pure */
};

LBK_END
#endif
