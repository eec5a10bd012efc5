/* SPDX-License-Identifier: MIT */
/* Whole training steps of a model on made-up data that stays where it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "loose.h"
#include "trainer.h"

enum { WARM = 3, LEAST = 7, MOST = 200 };

struct bench_cfg {
    const char *model, *teacher, *loss, *taps, *input;
    int64_t classes, batch, threads;
    double seconds;
    bool profile;
};
static const struct lbk_opt bench_opts[] = {
    LBK_STRING(bench_cfg, model, "", "which network"),
    LBK_STRING(bench_cfg, teacher, "",
               "also a frozen network on the same images, learnt from beside the labels"),
    LBK_STRING(bench_cfg, loss, "kl,temperature=4,reduction=batchmean",
               "what compares it with the teacher, and options of that"),
    LBK_STRING(bench_cfg, taps, "out", "where in both; a term for each, as of neck/*"),
    LBK_STRING(bench_cfg, input, "3x32x32", "channels, rows and columns of an image"),
    LBK_INT(bench_cfg, classes, 10, 1, 1e6, "of the labels"),
    LBK_INT(bench_cfg, batch, 64, 1, 1e6, "images to a step"),
    LBK_INT(bench_cfg, threads, 0, 0, 4096, "of the device"),
    LBK_FLOAT(bench_cfg, seconds, 3, 0, 3600, "to measure for; at least some steps are"),
    LBK_BOOL(bench_cfg, profile, false,
             "time every launch, a row for each operator, and log the plan with its times"),
    LBK_OPTS_END,
};
static const char *const own[] = { "model", "teacher", "loss",    "taps",    "input", "classes",
                                   "batch", "threads", "seconds", "profile", NULL };

static bool is_own(const char *name)
{
    for (int i = 0; own[i]; i++)
        if (!strcmp(own[i], name))
            return true;
    return false;
}

static lbk_status parse_input(lbk_ctx *ctx, const char *text, lbk_shape *out)
{
    long long c, h, w;
    char more;
    if (sscanf(text, "%lldx%lldx%lld%c", &c, &h, &w, &more) != 3 || c < 1 || h < 1 || w < 1 ||
        c > 65536 || h > 65536 || w > 65536)
        return lbk_fail(ctx, LBK_EINVAL, "input: expected sizes as 3x32x32, got '%s'", text);
    *out = LBK_SHAPE(c, h, w);
    return LBK_OK;
}

/* row: what each sample has, or NULL */
static lbk_status fill(lbk_ctx *ctx, const lbk_node *n, const void *row, lbk_tensor *t)
{
    const int64_t count = lbk_shape_count(n->shape);
    float *v = malloc(((size_t) count + 1) * sizeof *v);
    if (!v)
        return lbk_fail(ctx, LBK_ENOMEM, "bench: out of memory");
    lbk__random_fill(7, (uint64_t) n->id, count, v);
    const size_t rows = row ? (size_t) n->shape.d[0] : 0;
    for (size_t i = 0; i < rows; i++)
        memcpy((char *) v + i * (t->bytes / rows), row, t->bytes / rows);
    for (int64_t i = 0; !row && i < count; i++) {
        const int32_t label = n->range ? (int32_t) (v[i] * (float) n->range) : 0;
        if (n->dtype == LBK_I32)
            memcpy(&v[i], &label, sizeof label);
        else if (!strcmp(n->name, "lr"))
            v[i] = 0.001f;
    }
    const lbk_status st = lbk_tensor_write(t, v, t->bytes);
    free(v);
    return st;
}

struct rig {
    lbk_device *device;
    lbk_store *store;
    lbk_exec *exec;
    int n;
    struct lbk_bind in[16];
    lbk_tensor *values;
    double opened, planned; /* when the device was, how long compiling took */
};

static lbk_status bind(struct rig *r, const struct loose *l)
{
    lbk_status st = LBK_OK;
    const lbk_graph *g = l->o->g;
    for (int64_t i = 0; !st && i < g->n_node && r->n < 16; i++) {
        const lbk_node *n = g->node[i];
        if (n->kind != NODE_INPUT)
            continue;
        st = lbk__exec_tensor(r->exec, n->dtype, n->shape, &r->in[r->n].tensor);
        if (!st)
            st = fill(g->ctx, n, lbk__loose_row(l, n->name), r->in[r->n].tensor);
        r->in[r->n++].name = n->name;
    }
    const lbk_node *v = g->output[0].v;
    return st ? st : lbk__exec_tensor(r->exec, v->dtype, v->shape, &r->values);
}

static void log_line(void *ctx, const char *line) { lbk_ctx_log(ctx, LBK_LOG_INFO, "%s", line); }

static lbk_status measure(struct rig *r, double budget, struct lbk_bench *out)
{
    double t[MOST];
    const struct lbk_bind value = { "values", r->values };
    struct lbk_exec_info info = { .size = sizeof info };
    lbk_status st = LBK_OK;
    double first = 0, started = 0;
    int n = -WARM;
    for (const double begun = lbk__now();
         !st && n < MOST && (n < LEAST || lbk__now() - begun < budget); n++) {
        float values[8];
        const double a = lbk__now();
        st = lbk_run(r->exec, r->n, r->in, 1, &value);
        if (!st)
            st = lbk_tensor_read(r->values, values, r->values->bytes);
        if (n >= 0)
            t[n] = lbk__now() - a;
        if (n == -WARM)
            first = lbk__now() - r->opened, started = lbk__process_seconds();
    }
    if (st)
        return st;
    const double median = lbk__median(n, t);
    lbk_exec_info(r->exec, &info);
    *out = (struct lbk_bench){ .size = sizeof *out,
                               .median_ms = 1e3 * median,
                               .first_ms = 1e3 * first,
                               .started_ms = 1e3 * started,
                               .plan_ms = 1e3 * r->planned,
                               .resident_bytes = lbk__resident_bytes(),
                               .gflops = 1e-9 * info.flops / median,
                               .launches = info.launches,
                               .fallbacks = info.fallbacks,
                               .peak_bytes = r->device->peak_bytes };
    return LBK_OK;
}

/* What a step is asked for, and who is told. */
struct request {
    const char *device;
    const struct bench_cfg *cfg;
    int n_teacher;
    const struct lbk_setting *teacher; /* its own options */
    void (*each)(void *ud, const struct lbk_bench_row *row);
    void *ud;
};

static void add_terms(struct loose *l, const struct request *q)
{
    const struct bench_cfg *c = q->cfg;
    char loss[64];
    const size_t n = strcspn(c->loss, ",");
    lbk_obj_loss(l->o, "task", LBK_CONST(1), lbk_pass_loss(l->pass));
    if (!*c->teacher)
        return;
    snprintf(loss, sizeof loss, "%.*s", (int) n, c->loss);
    lbk_pass *teacher = lbk__loose_teacher(l, c->teacher, c->classes, q->n_teacher, q->teacher);
    if (teacher)
        lbk_obj_levels(l->o, "teacher", LBK_CONST(1), l->pass, teacher, c->taps, loss, "%s",
                       c->loss[n] ? c->loss + n + 1 : "");
}

static lbk_status prepare(struct rig *r, const struct loose *l, const struct bench_cfg *c)
{
    lbk_graph *g = l->o->g;
    const struct lbk_compile_params how = { .size = sizeof how, .profile = c->profile };
    lbk_status st = lbk_store_create(r->device, &r->store);
    if (!st)
        st = lbk__store_fill(r->store, g);
    const double begun = lbk__now();
    if (!st)
        st = lbk_compile(g, r->store, &how, &r->exec);
    r->planned = lbk__now() - begun;
    return st ? st : bind(r, l);
}

static lbk_status run(struct loose *l, const struct request *q, struct lbk_bench *out)
{
    const bool profile = q->cfg->profile;
    struct rig r = { 0 };
    char spec[LBK_DEVICE_SPEC];
    const char *device = q->device ? q->device : "cpu";
    struct peaks peak;
    add_terms(l, q);
    lbk_status st = lbk__objective_finish(l->o, "sgd,momentum=0.9,wd=5e-4");
    if (!st && profile)
        st = lbk__peaks(l->ctx, device, spec, &peak);
    r.opened = lbk__now();
    if (!st)
        st = lbk_device_open(l->ctx, profile ? spec : device, &r.device);
    if (!st)
        st = prepare(&r, l, q->cfg);
    if (!st)
        st = measure(&r, q->cfg->seconds, out);
    if (!st && profile)
        st = lbk__profile(r.exec, peak, q->each, q->ud, out);
    if (!st && profile)
        lbk_exec_dump(r.exec, log_line, l->ctx);
    for (int i = 0; i < r.n; i++)
        lbk_tensor_unref(&r.in[i].tensor);
    lbk_tensor_unref(&r.values);
    lbk_exec_destroy(&r.exec);
    lbk_store_destroy(&r.store);
    lbk_device_close(&r.device);
    return st;
}

static bool of_teacher(const char *name) { return !strncmp(name, "teacher.", 8); }

/* The options of the teacher, or the other settings, in their order; returns how many. */
static int part(bool teacher, int n, const struct lbk_setting *settings, struct lbk_setting *to)
{
    int m = 0;
    for (int i = 0; i < n; i++)
        if (of_teacher(settings[i].name) == teacher)
            to[m++] =
                (struct lbk_setting){ settings[i].name + (teacher ? 8 : 0), settings[i].value };
    return m;
}

static lbk_status bench_train(lbk_ctx *ctx, struct request *q, int n,
                              const struct lbk_setting *settings, struct lbk_bench *out)
{
    const struct bench_cfg *c = q->cfg;
    lbk_shape input;
    struct loose l;
    if (!*c->model)
        return lbk_fail(ctx, LBK_EINVAL, "bench: which model: set model=NAME");
    lbk_status st = parse_input(ctx, c->input, &input);
    if (st)
        return st;
    st = lbk__loose_open(ctx, c->model, input, c->batch, c->classes, LBK_TRAINED, n, settings, own,
                         &l);
    if (!st)
        st = lbk__loose_encode(&l);
    if (!st)
        st = run(&l, q, out);
    lbk__loose_close(&l);
    return st;
}

lbk_status lbk_bench_train(lbk_ctx *ctx, const char *device, int n,
                           const struct lbk_setting *settings,
                           void (*each)(void *ud, const struct lbk_bench_row *row), void *ud,
                           struct lbk_bench *out)
{
    struct lbk_bench b;
    lbk_opts *o = NULL;
    struct lbk_setting *parts = calloc((size_t) n + 1, sizeof *parts);
    if (!parts)
        return lbk_fail(ctx, LBK_ENOMEM, "bench: out of memory");
    lbk_status st = lbk_opts_create(ctx, bench_opts, sizeof(struct bench_cfg), &o);
    for (int i = 0; !st && i < n; i++)
        if (is_own(settings[i].name))
            st = lbk_opts_set(o, settings[i].name, settings[i].value);
    const int m = part(true, n, settings, parts), left = part(false, n, settings, parts + m);
    if (!st) {
        struct request q = { device, lbk_opts_cfg(o), m, parts, each, ud };
        st = bench_train(ctx, &q, left, parts + m, &b);
    }
    lbk_opts_destroy(&o);
    free(parts);
    if (!st) {
        b.size = out->size;
        memcpy(out, &b, out->size < sizeof b ? out->size : sizeof b);
    }
    return st;
}
