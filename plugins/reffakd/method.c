/* SPDX-License-Identifier: MIT */
/* ReffAKD: soft labels from an autoencoder's idea of which classes look alike (Doshi and Kim,
 * 2023). Leaves a K x K table of logits, and a model that answers with its rows: to whatever trains
 * the student it is a teacher like any other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/plugin.h>
#include "table.h"

enum { CLEAN, CODE };
enum { AE, PIXEL, UNIFORM, TEACHER };
enum { BY_MODE };
static const char *const modes[] = { "clean", "code", NULL };
static const char *const tables[] = { "ae", "pixel", "uniform", "teacher", NULL };
static const char *const reductions[] = { "auto", "batchmean", "mean", "sum", NULL };

struct reffakd {
    int mode, reduction, table;
    double T;
    struct lbk_ramp alpha;
    const char *delta, *tap, *student;
    int64_t per_class;
    struct lbk_span ae;
};
static const struct lbk_opt opts[] = {
    LBK_ENUM(reffakd, mode, "clean", modes,
             "corrected, or as the published code does it (README, deviations)"),
    LBK_ENUM(reffakd, table, "ae", tables,
             "what tells how alike classes are: autoencoder, pixels, nothing, a teacher"),
    LBK_WEIGHT(reffakd, alpha, "0.5", "of the soft labels; the true labels get the rest"),
    LBK_FLOAT(reffakd, T, 5, 0.01, 1000, "temperature: divides the student's logits"),
    LBK_ENUM(reffakd, reduction, "auto", reductions,
             "of the soft term; auto = batchmean, or mean in mode code"),
    LBK_STRING(reffakd, delta, "auto",
               "added to a class's similarity with itself; auto = the least that puts it first"),
    LBK_INT(reffakd, per_class, 0, 0, 1e9,
            "images of each class that count; 0 = all, or 40 in mode code"),
    LBK_STRING(reffakd, tap, "",
               "where the embedding is taken; empty = code, or pool of a teacher"),
    LBK_SPAN(reffakd, ae, "100%", "training of the autoencoder"),
    LBK_STRING(reffakd, student, "",
               "method that trains the student with the table as its teacher; empty = ours"),
    LBK_OPTS_END,
};

/* NaN = auto, negative = wrong. */
static double delta_of(const struct reffakd *c)
{
    char *end;
    if (!strcmp(c->delta, "auto"))
        return NAN;
    const double v = strtod(c->delta, &end);
    return *end || end == c->delta || !(v >= 0 && v <= 10) ? -1 : v;
}

static lbk_status check(lbk_ctx *ctx, const void *cfg)
{
    const struct reffakd *c = cfg;
    return delta_of(c) < 0 ? lbk_fail(ctx, LBK_EINVAL,
                                      "reffakd.delta: expected 0..10 or auto, got '%s'", c->delta)
                           : LBK_OK;
}

static const char *embedder(const struct reffakd *c)
{
    return c->table == TEACHER ? "embedder" : "autoencoder";
}

/* ---- the autoencoder learns ---- */

static void encode(lbk_objective *o, const void *cfg)
{
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "autoencoder", NULL)));
}

/* ---- the sweep embeds every image and sums per class ---- */

static void look(lbk_objective *o, const void *cfg)
{
    const struct reffakd *c = cfg;
    lbk_pass *p = lbk_obj_pass(o, embedder(c), NULL);
    lbk_val *z = lbk_pass_tap(p, *c->tap ? c->tap : c->table == TEACHER ? "pool" : "code");
    lbk_pass_read(
        p, "embedding",
        lbk_reshape(lbk_obj_graph(o), z, (struct lbk_dims){ 2, { lbk_shape_of(z).d[0], -1 } }));
}

static int64_t enough(const struct reffakd *c)
{
    return c->per_class ? c->per_class : c->mode == CODE ? 40 : INT64_MAX;
}

static lbk_status each(lbk_sweep *s, const void *cfg, void *state, const lbk_record *r)
{
    const struct reffakd *c = cfg;
    struct sums *t = state;
    struct lbk_array z, label;
    lbk_status st = lbk_record_get(r, c->table == PIXEL ? "image" : "embedding", LBK_F32, &z);
    if (!st)
        st = lbk_record_get(r, "label", LBK_I32, &label);
    if (!st && !t->sum &&
        !sums_init(t, lbk_sweep_field(s, "label")->classes, lbk_shape_count(z.shape)))
        st = lbk_fail(lbk_sweep_ctx(s), LBK_ENOMEM, "reffakd: out of memory");
    if (st)
        return st;
    const int64_t y = *(const int32_t *) label.data;
    if (y >= 0 && y < t->k && t->n[y] < enough(c))
        sums_add(t, y, z.data);
    return LBK_OK;
}

/* Logits of the table: T times the similarities, so that a softmax at temperature T sees those as
 * they are. */
static lbk_status leave(lbk_sweep *s, const struct reffakd *c, const struct sums *t)
{
    const int64_t n = t->k * t->k;
    double *a = malloc((size_t) n * sizeof *a);
    float *row = malloc((size_t) n * sizeof *row);
    lbk_status st =
        a && row ? LBK_OK : lbk_fail(lbk_sweep_ctx(s), LBK_ENOMEM, "reffakd: out of memory");
    if (!st) {
        sums_table(t, a);
        const double given = delta_of(c), delta = isnan(given) ? table_delta(a, t->k) : given;
        for (int64_t i = 0; i < n; i++)
            row[i] = (float) (c->T * (a[i] + (i % (t->k + 1) ? 0 : delta)));
        if (!lbk_sweep_rehearsal(s))
            lbk_ctx_log(lbk_sweep_ctx(s), LBK_LOG_INFO, "reffakd: table of %lld classes, delta %g",
                        (long long) t->k, delta);
        st = lbk_sweep_leave(s, "soft/table", LBK_F32, LBK_SHAPE(t->k, t->k), row);
    }
    free(a);
    free(row);
    return st;
}

static lbk_status end(lbk_sweep *s, const void *cfg, void *state, lbk_status st)
{
    struct sums *t = state;
    if (!st && !t->sum)
        st =
            lbk_fail(lbk_sweep_ctx(s), LBK_EINVAL, "reffakd: expected labelled images, found none");
    for (int64_t i = 0; !st && !lbk_sweep_rehearsal(s) && i < t->k; i++)
        if (t->n[i] < 2)
            st = lbk_fail(lbk_sweep_ctx(s), LBK_EINVAL,
                          "reffakd: class %lld: expected 2 images or more, found %lld",
                          (long long) i, (long long) t->n[i]);
    if (!st)
        st = leave(s, cfg, t);
    sums_finish(t);
    return st;
}

/* ---- the student learns from the table ---- */

static void teach(lbk_objective *o, const void *cfg)
{
    const struct reffakd *c = cfg;
    const char *reduction = c->reduction != BY_MODE ? reductions[c->reduction]
                            : c->mode == CODE       ? "mean"
                                                    : "batchmean";
    lbk_pass *s = lbk_obj_pass(o, "student", NULL);
    lbk_obj_loss(o, "task", lbk_ramp_rest(c->alpha), lbk_pass_loss(s));
    if (!lbk_ramp_off(c->alpha))
        lbk_obj_term(o, "soft", c->alpha, "kl",
                     LBK_WIRES({ "student", lbk_pass_out(s) },
                               { "teacher", lbk_pass_out(lbk_obj_pass(o, "teacher", NULL)) }),
                     "temperature=%.17g,reduction=%s", c->T, reduction);
}

/* The row of the label, as logits. */
static lbk_val *row(lbk_scope *s, lbk_val *label, const void *cfg)
{
    lbk_val *table =
        lbk_weight(s, "table", LBK_SHAPE_ANY, (struct lbk_init){ .kind = LBK_INIT_NONE });
    return lbk_gather(lbk_scope_graph(s), table, label, (struct lbk_axis){ 0 });
}

static lbk_val *uniform(lbk_scope *s, lbk_val *label, const void *cfg)
{
    return lbk_filled(lbk_scope_graph(s), LBK_SHAPE(lbk_shape_of(label).d[0], lbk_range_of(label)),
                      0);
}

/* ---- stages ---- */

static void add_table_stages(const struct reffakd *c, lbk_schedule *out)
{
    static const struct lbk_stream moving[] = { { "train", NULL, 1, 0 }, { 0 } };
    static const struct lbk_stream still[] = { { "train", NULL, 1, LBK_STREAM_STILL }, { 0 } };
    static const struct lbk_sweep_fns sweep = { sizeof sweep, sizeof(struct sums), each, end };
    static const struct lbk_role nobody[] = { { 0 } },
                                 embedder_roles[] = { { "embedder", NULL, LBK_FROZEN, 0 }, { 0 } };
    const char *model = c->mode == CODE ? "autoencoder" : "autoencoder_linear";
    const struct lbk_role learner[] = { { "autoencoder", model, LBK_TRAINED, 0 }, { 0 } };
    const struct lbk_role frozen[] = { { "autoencoder", model, LBK_FROZEN, 0 }, { 0 } };
    const bool learn = c->table == AE && !lbk_schedule_given(out, "autoencoder.weights");
    lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "autoencoder", .roles = learner,
                                   .flags = learn ? 0 : LBK_STAGE_SKIP, .length = c->ae,
                                   .objective = encode));
    lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "table",
                                   .flags = c->table == UNIFORM ? LBK_STAGE_SKIP : 0,
                                   .roles = c->table == AE        ? frozen
                                            : c->table == TEACHER ? embedder_roles
                                                                  : nobody,
                                   .streams = c->mode == CODE ? moving : still, .sweep = &sweep,
                                   .objective = c->table == PIXEL ? NULL : look));
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = {
        { "student", NULL, LBK_TRAINED, 0 },
        { "teacher", NULL, LBK_FROZEN, 0 },
        { 0 },
    };
    const struct reffakd *c = cfg;
    add_table_stages(c, out);
    lbk_schedule_bind(out, "teacher", c->table == UNIFORM ? "uniform" : "table",
                      c->table == UNIFORM ? NULL : "soft");
    if (*c->student)
        return lbk_schedule_method(out, c->student, "temperature=%.17g", c->T);
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "student", .roles = roles, .objective = teach));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const tasks[] = { "classify", NULL };
    lbk_register_model(r, LBK_DESC(lbk_model, .name = "table",
                                   .doc = "one row of logits for each class", .task = "classify",
                                   .reads = "label", .build = row));
    lbk_register_model(r, LBK_DESC(lbk_model, .name = "uniform",
                                   .doc = "every class as likely, whatever the label",
                                   .task = "classify", .reads = "label", .build = uniform));
    return lbk_register_method(
        r, LBK_DESC(lbk_method, .name = "reffakd",
                    .doc = "soft labels from how alike classes look, without a teacher",
                    .paper = "arXiv:2404.09886", .tasks = tasks, .opts = opts,
                    .cfg_size = sizeof(struct reffakd), .check = check, .schedule = schedule));
}

LBK_PLUGIN(reffakd, "0.1", "MIT", NULL, setup);
