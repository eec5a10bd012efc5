/* SPDX-License-Identifier: MIT */
#ifndef LBK_TRAIN_H
#define LBK_TRAIN_H
#include <limbeck/method.h>
#include <limbeck/op.h>
#include <limbeck/tensor.h>
LBK_BEGIN

/* "rdd.lambda" = "0.7". Beside options of methods, models, sources and tasks:
 *   <role>, <role>.weights, <role>.tap.<name>   model; file; another name for a tap: student.tap.c4=layer4
 *   <stream>, <stream>.views                    data set; views > 0: draws repeat every so many epochs
 *   term.<label>.loss, .weight, .<input>        another registered loss, wired "role/tap[@stream]" or
 *                                               "@stream/field", added to every stage with all its roles
 * Names that are unknown fail, with the nearest known one. */
struct lbk_setting { const char *name, *value; };

struct lbk_progress {
    uint32_t size;
    const char *stage;
    int64_t step, steps;
    double lr, seconds;
    /* terms, watches and scores so far; of a step that may be some back, not to make the device wait */
    int n;
    const char *const *labels;
    const double *values;
    int n_tables;                                     /* of an evaluation; they live as long as the context */
    const struct lbk_table *tables;
};

struct lbk_train_params {
    uint32_t size;
    const char *method, *device, *out_dir;            /* method NULL = "plain": the task alone */
    const char *resume;                               /* run directory to continue, or NULL */
    const struct lbk_setting *settings;
    int n_settings;
    bool strict;                                      /* refuse host fallbacks */
    /* every LBK_OPT_WEIGHT off: the baseline of the same recipe */
    bool plain;
    /* false = stop cleanly after this step */
    bool (*progress)(void *ud, const struct lbk_progress *p);
    void *ud;
};
/* Pre-flight, also the first thing lbk_train() does: every stage in turn, on one batch, leaving nothing behind: settings, files,
 * the folder of the run, shapes, taps, wires, host hooks, every term finite, gradients present, memory of the device and of the
 * host, room on disk. What a rehearsed sweep leaves feeds the next stage. put() gets, stage by stage, what will be done: length,
 * roles, streams, terms with their weights over time, memory, time as measured on one batch. The plan goes to the log. */
LBK_API lbk_status lbk_check(lbk_ctx *ctx, const struct lbk_train_params *p, void (*put)(void *ud, const char *line), void *ud);
/* A run that ends leaves in out_dir: config.yaml (the settings, resolved: `-c` repeats the run), env.json, metrics.jsonl,
 * metrics.csv, curves.svg (the metrics drawn, after each evaluation), curves.png (the same, in the end), samples (pictures of the
 * same few validation samples, with what teachers and student make of them, where the task shows something), report.html (see
 * limbeck/report.h), checkpoints,
 * student.safetensors and result.json, written last: {"schema": "limbeck.result/1", "method", "plain", "seed", "settings": {name:
 * text}, "metric": "accuracy", "accuracy": on test data at the epoch that validation picked (and every other test score under its
 * name), "scores": {name: {"better": "higher"|"lower", "test", "last_test", "validation", "last_validation"}}, of the delivered
 * weights and of the last step's, what is known, "seconds", "stages": [{"name", "seconds", "sweep"}], "phases": {name: seconds},
 * "networks": [{"role", "model", "weights", "parameters", "buffers", "bytes", "macs"}] of those that do the student's task, macs:
 * multiply-adds of convolutions and matrix products for one sample, "warnings": [text] since the run began or was taken up again,
 * "images_per_second", "peak_bytes", "fallbacks", "tables": {name: {"rows", "columns", "values"}} that metrics leave of test
 * data, "teacher_cache": {"mode", "hits", "misses", "read_bytes", "kept_bytes", "seconds_saved"} since the run began or was taken
 * up again, hits and misses in samples; "teacher": null, or {"part": "val", "metric": "accuracy", "better": "higher"|"lower",
 * "student_before": score of the weights the student was given or null, "student": its score in the end or null, "roles":
 * [{"role", "model", "scores": {name: number}}]}, scored before the first step and kept as teacher.json; "weights_sha256",
 * "plugins": {name: sha256}, "data": {name: sha256}}. */
LBK_API lbk_status lbk_train(lbk_ctx *ctx, const struct lbk_train_params *p);
LBK_API lbk_status lbk_evaluate(lbk_ctx *ctx, const struct lbk_train_params *p, struct lbk_progress *out);

/* A class and how much of it there is, 0 .. 1. */
struct lbk_share { int64_t label; const char *name; double share; };
/* What a network makes of one picture. Valid during the call that gets it. */
struct lbk_answer {
    uint32_t size;
    const char *input;                                /* a file's name, or "sample 7" of a data set */
    lbk_status status;
    const char *error;                                /* what was said of its failure; NULL: it did not fail */
    int n_files; const char *const *files;            /* written */
    int n_classes; const struct lbk_share *classes;   /* of one class: the five likeliest; of one per pixel: by area; of boxes */
    double lo, hi;                                    /* metres, the least and greatest; NAN: no depth */
    int64_t n_boxes;                                  /* drawn; -1: it finds no boxes */
};
struct lbk_predict_params {
    uint32_t size;
    const char *from;                                 /* the folder of a run, or a file of weights, as a rule in such a folder */
    const char *part;                                 /* without files: of the data set, "train", "val", "test" */
    int n_files; const char *const *files;            /* PNG or JPEG */
    void (*each)(void *ud, const struct lbk_answer *a);
    void *ud;
};
/* Answers for pictures of any size that the network takes, prepared as the run prepared its own, written to p->out_dir beside the
 * names of the pictures: NAME_depth.png (colours with a scale), NAME_depth_mm.png (16 bits, millimetres), NAME_overlay.png with a
 * legend, NAME_label.png, NAME_boxes.png (of a data set with the truth at the left) and NAME_boxes.json. They are of the picture's
 * size, zoomed by a whole number where it is small, except those for programs. Of a data set also predictions.jsonl; with
 * labels, the scores are in *scores (may be NULL), else none. p->resume is not looked at. An input that fails does not end it: the
 * status of the first is what it gives. */
LBK_API lbk_status lbk_predict(lbk_ctx *ctx, const struct lbk_train_params *p, const struct lbk_predict_params *what,
                               struct lbk_progress *scores);

/* What a model is made of, at an input of that shape (one sample, no batch axis). */
struct lbk_model_info {
    uint32_t size;
    /* numbers that are trained, and that are not */
    int64_t parameters, buffers;
    void (*weight)(void *ud, const char *name, lbk_shape shape, bool trainable);
    /* batch of 1; in the model's order */
    void (*tap)(void *ud, const char *name, lbk_shape shape);
    void *ud;
    /* Products that are added up, for the answer to one sample: convolutions and matrix products, without what other taps take */
    double multiply_adds;
};
LBK_API lbk_status lbk_model_describe(lbk_ctx *ctx, const char *model, lbk_shape input, int n, const struct lbk_setting *options,
                                      struct lbk_model_info *io);
/* Weights of a model between a safetensors file that PyTorch reads (a state_dict with the names of the published checkpoint,
 * by the model's renames) and one that roles load. Either way every tensor must find its partner, of the same shape, or nothing is
 * written. Elements become F32. PyTorch's counts of batches mean nothing here: they are kept as metadata and come back with it,
 * as does other metadata, so that an F32 file goes there and back to the same bytes. */
struct lbk_convert_params {
    uint32_t size;
    const char *model, *in, *out;
    lbk_shape input;                       /* of one sample, as for lbk_model_describe() */
    const struct lbk_setting *options;     /* of the model; without "classes" it has as many as the file */
    int n_options;
    bool back;                             /* to the published names */
    bool anew;                             /* what depends on the number of classes is not taken over but starts for "classes" */
};
/* tensors written, of which have another name, and were not taken over; classes 0: the model has no such option */
struct lbk_converted { uint32_t size; int64_t tensors, renamed, anew, classes; };
LBK_API lbk_status lbk_convert(lbk_ctx *ctx, const struct lbk_convert_params *p, struct lbk_converted *out);

/* The stages of a method as its options stand, a line for each: "student: rest of the run, roles
 * student, streams train". */
LBK_API lbk_status lbk_method_describe(lbk_ctx *ctx, const char *method, int n, const struct lbk_setting *options,
                                       void (*put)(void *ud, const char *line), void *ud);
/* The settings of a run that belong to no method, model or source. */
LBK_API const struct lbk_opt *lbk_train_options(void);

/* Of a step or of an operator alone. With what is not known 0. */
struct lbk_bench {
    uint32_t size;
    double median_ms, gflops;              /* by the clock of the host; gflops by device_ms, of an operator */
    int64_t launches, fallbacks;
    uint64_t peak_bytes;
    /* By the clock of the device where it has one: of an operator the shortest of the runs, and what it takes to bring
     * values to the layouts of a kernel and back is apart, as a network keeps them there; 0 where something falls back.
     * Of a step that is profiled the mean, of all its launches. bytes: what is read and written, once each; of an operator
     * without its reorders. */
    double device_ms, reorder_ms;
    uint64_t bytes, reorder_bytes;
    int64_t reorders;
    /* as the device reports them, "fma_gflops" and "bandwidth_gbs" */
    double peak_gflops, peak_gbs;
    /* of a step: opening the device, making plan and kernels, and the first step */
    double first_ms;
    double plan_ms;                        /* of that, from the graph to a plan with its kernels */
    uint64_t resident_bytes;               /* most that this process ever held in memory, measuring peaks for a profile too */
    double started_ms;                     /* from the start of the process to the end of its first step */
    /* Of a step that is profiled: what its launches would take at the measured peaks; bytes of its temporaries as they are
     * placed, and the most that is alive at once, which no placement can beat. */
    double roof_ms;
    uint64_t arena_bytes, live_bytes;
};
/* Of a step that is profiled, all launches of one operator ("map": what is pointwise), for one step. */
struct lbk_bench_row {
    uint32_t size;
    const char *op;
    int64_t launches, fallbacks;
    double ms, flops;                      /* by the clock of the device where it has one; multiply-adds count 2 */
    uint64_t bytes;                        /* what each launch reads and writes, each arg and out once */
    /* At the measured peaks: computing, moving, and the sum over launches of the longer of both. 0 = unknown */
    double compute_ms, move_ms, roof_ms;
};
/* Times whole training steps on made-up data. Settings: model, teacher (a frozen network whose outputs are learnt too), input
 * ("3x32x32"), classes, batch, seconds (to measure for), profile (each launch is timed, each() gets a row for every
 * operator, the longest first, and the plan is logged), options of the model. each may be NULL. */
LBK_API lbk_status lbk_bench_train(lbk_ctx *ctx, const char *device, int n, const struct lbk_setting *settings,
                                   void (*each)(void *ud, const struct lbk_bench_row *row), void *ud, struct lbk_bench *out);
/* Times an operator, as compiled with profile: every launch waits for the one before. Settings: shapes, of its operands as in
 * struct lbk_case, and params of the operator; without them, it is timed on each of its own samples. Also
 * strict=yes: what would fall back is an error; seconds: to measure each for. */
LBK_API lbk_status lbk_bench_op(lbk_ctx *ctx, const char *device, const char *op, int n, const struct lbk_setting *settings,
                                void (*each)(void *ud, const struct lbk_case *sample, const struct lbk_bench *b), void *ud);

/* Value and gradients of a registered loss on the tensors of a safetensors file, named as its inputs are; writes "loss" and,
 * for each floating-point input, "grad.<input>". value may be NULL. */
LBK_API lbk_status lbk_loss_eval(lbk_ctx *ctx, const char *device, const char *loss, const char *in, const char *out,
                                 int n, const struct lbk_setting *options, double *value);

/* In a process of its own, with a time limit: loads the plugin and tests all it registers. put()
 * gets a line per test. */
LBK_API lbk_status lbk_plugin_check(lbk_ctx *ctx, const char *path, void (*put)(void *ud, const char *line), void *ud);

LBK_END
#endif
