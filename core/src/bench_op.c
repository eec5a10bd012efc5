/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/plugin.h>
#include <limbeck/rng.h>
#include "bench.h"
#include "device.h"
#include "setting.h"
#include "str.h"
#include "trainer.h"

/* Two to warm up: a plan that is profiled forgets its first run in the second. */
enum { RUNS_MAX = 101, WARM = 2, LEAST = 3 };

struct bench_op_cfg {
    bool strict;
    double seconds;
};
static const struct lbk_opt own_opts[] = {
    LBK_BOOL(bench_op_cfg, strict, false, "an operator that the device cannot run is an error"),
    LBK_FLOAT(bench_op_cfg, seconds, 0.2, 0, 3600, "to measure for; at least some runs are"),
    LBK_OPTS_END,
};

struct bench_op {
    lbk_ctx *ctx;
    lbk_device *device;
    const struct lbk_op *op;
    const struct bench_op_cfg *cfg;
    struct peaks peak;
};
/* One sample of it. */
struct trial {
    const struct bench_op *of;
    int n;
    lbk_val *in[LBK_OPERAND_MAX];
    struct lbk_bind bind[LBK_OPERAND_MAX];
    char name[LBK_OPERAND_MAX][8];
    lbk_opts *opts;
    lbk_graph *graph;
    lbk_store *store;
    lbk_exec *exec;
};

struct kind { lbk_dtype type; lbk_shape shape; int64_t lo, hi; size_t bytes; };

/* ---- operands ---- */

/* "64x3x32x32" or nothing; returns where it ends. */
static const char *sizes(const char *at, lbk_shape *out)
{
    while (isdigit((unsigned char) *at) && out->n < LBK_MAX_DIMS) {
        char *end;
        out->d[out->n++] = strtoll(at, &end, 10);
        at = end;
        if (*at != 'x' || !isdigit((unsigned char) at[1]))
            break;
        at++;
    }
    return at;
}

/* What follows a colon: "10" (whole numbers 0 .. 9), "-1..9", "u" (bytes); returns
 * where it ends, or a place within it that is wrong. */
static const char *range(const char *at, struct kind *k)
{
    char *end;
    if (*at == 'u') {
        k->type = LBK_U8;
        return at + 1;
    }
    k->type = LBK_I32;
    k->hi = strtoll(at, &end, 10);
    if (end == at)
        return at - 1;
    if (!strncmp(end, "..", 2)) {
        k->lo = k->hi, at = end + 2;
        k->hi = strtoll(at, &end, 10);
        return end == at ? at - 1 : end;
    }
    k->hi -= 1;
    return end;
}

/* The operand at *text, as in struct lbk_case; *text goes on to the comma behind it, or the end. */
static lbk_status operand(lbk_ctx *ctx, const char **text, struct kind *k)
{
    *k = (struct kind){ .type = LBK_F32 };
    const size_t n = strcspn(*text, ",");
    const char *at = sizes(*text, &k->shape);
    if (*at == ':')
        at = range(at + 1, k);
    if (at != *text + n || k->lo > k->hi || k->lo < INT32_MIN || k->hi > INT32_MAX)
        return lbk_fail(ctx, LBK_EINVAL,
                        "shapes: expected sizes as 64x3x32x32, or 64x10:100 and 64:-1..99 of whole "
                        "numbers and 64:u of bytes, got '%.*s'",
                        n > 80 ? 80 : (int) n, *text);
    if (!lbk__shape_bytes(k->type, k->shape, &k->bytes))
        return lbk_fail(ctx, LBK_EINVAL, "shapes: '%.*s' is too large", n > 80 ? 80 : (int) n,
                        *text);
    *text += n;
    return LBK_OK;
}

static void fill(void *data, const struct kind *k)
{
    const int64_t n = lbk_shape_count(k->shape);
    const uint64_t key = lbk_mix(1, (uint64_t) n);
    for (int64_t i = 0; i < n; i++) {
        const float u = lbk_random_at(key, 0, (uint64_t) i);
        if (k->type == LBK_F32)
            ((float *) data)[i] = 0.25f + u;
        else if (k->type == LBK_I32)
            ((int32_t *) data)[i] = (int32_t) (k->lo + (int64_t) (u * (float) (k->hi - k->lo + 1)));
        else
            ((uint8_t *) data)[i] = (uint8_t) (u * 255);
    }
}

static lbk_status add_input(struct trial *t, const struct kind *k)
{
    const int i = t->n++;
    snprintf(t->name[i], sizeof t->name[i], "%d", i);
    t->bind[i].name = t->name[i];
    t->in[i] = lbk_input(t->graph, t->name[i], k->type, k->shape);
    lbk_status st = lbk_tensor_create(t->of->device, k->type, k->shape, &t->bind[i].tensor);
    void *data = st ? NULL : malloc(k->bytes + 1);
    if (!st && !data)
        st = lbk_fail(t->of->ctx, LBK_ENOMEM, "bench: out of memory");
    if (st)
        return st;
    fill(data, k);
    st = lbk_tensor_write(t->bind[i].tensor, data, k->bytes);
    free(data);
    return st;
}

static lbk_status add_inputs(struct trial *t, const char *shapes)
{
    lbk_status st = LBK_OK;
    for (const char *s = shapes; !st; s++) {
        struct kind k;
        if (t->n == LBK_OPERAND_MAX)
            return lbk_fail(t->of->ctx, LBK_EINVAL, "shapes: expected at most %d, got '%s'",
                            LBK_OPERAND_MAX, shapes);
        st = operand(t->of->ctx, &s, &k);
        if (!st)
            st = add_input(t, &k);
        if (!*s)
            break;
    }
    return st;
}

/* ---- a trial ---- */

static lbk_status build(struct trial *t, const struct lbk_case *c)
{
    const struct lbk_op *op = t->of->op;
    const struct lbk_compile_params how = { .size = sizeof how,
                                            .profile = true,
                                            .strict = t->of->cfg->strict };
    lbk_status st = lbk_graph_create(t->of->ctx, &t->graph);
    if (!st)
        st = add_inputs(t, c->shapes);
    if (!st && op->params)
        st = lbk_opts_create(t->of->ctx, op->params, op->params_size, &t->opts);
    if (!st && t->opts)
        st = lbk_opts_parse(t->opts, c->params);
    if (st)
        return st;
    const void *params = t->opts ? lbk_opts_cfg(t->opts) : NULL;
    lbk_output(t->graph, "y", lbk_apply(t->graph, op, t->n, t->in, params));
    st = lbk_graph_status(t->graph);
    if (!st)
        st = lbk_store_create(t->of->device, &t->store);
    return st ? st : lbk_compile(t->graph, t->store, &how, &t->exec);
}

static void take_stock(const struct trial *t, struct lbk_exec_info *out)
{
    *out = (struct lbk_exec_info){ .size = sizeof *out };
    lbk_exec_info(t->exec, out);
}

static lbk_status measure(struct trial *t, struct lbk_bench *b)
{
    double wall[RUNS_MAX], kernel = INFINITY, reorder = INFINITY;
    struct lbk_exec_info was, is;
    lbk_status st = LBK_OK;
    int n = -WARM;
    for (const double begun = lbk__now();
         !st && n < RUNS_MAX && (n < LEAST || lbk__now() - begun < t->of->cfg->seconds); n++) {
        take_stock(t, &was);
        const double from = lbk__now();
        st = lbk_run(t->exec, t->n, t->bind, 0, NULL);
        const double to = lbk__now();
        take_stock(t, &is);
        if (n < 0)
            continue;
        wall[n] = 1e3 * (to - from);
        reorder = fmin(reorder, is.reorder_ns - was.reorder_ns);
        kernel = fmin(kernel, is.ns - was.ns - (is.reorder_ns - was.reorder_ns));
    }
    if (st)
        return st;
    *b = (struct lbk_bench){ .size = sizeof *b,
                             .median_ms = lbk__median(n, wall),
                             .launches = is.launches,
                             .fallbacks = is.fallbacks,
                             .peak_bytes = is.arena_bytes + is.state_bytes,
                             .device_ms = is.fallbacks ? 0 : 1e-6 * kernel,
                             .reorder_ms = is.fallbacks ? 0 : 1e-6 * reorder,
                             .bytes = is.moved_bytes - is.reorder_bytes,
                             .reorder_bytes = is.reorder_bytes,
                             .reorders = is.reorders,
                             .peak_gflops = t->of->peak.gflops,
                             .peak_gbs = t->of->peak.gbs };
    b->gflops = 1e-6 * is.flops / (b->device_ms > 0 ? b->device_ms : b->median_ms);
    return LBK_OK;
}

static void finish(struct trial *t)
{
    lbk_exec_destroy(&t->exec);
    lbk_store_destroy(&t->store);
    lbk_graph_destroy(&t->graph);
    lbk_opts_destroy(&t->opts);
    for (int i = 0; i < t->n; i++)
        lbk_tensor_unref(&t->bind[i].tensor);
}

/* ---- what is asked for ---- */

/* The params of op that are set, as "name=value,..." in the arena. */
static lbk_status collect(struct settings *s, const struct lbk_op *op, const char **out)
{
    const char *all = "";
    for (const struct lbk_opt *o = op->params; all && o && o->type != LBK_OPT_END; o++) {
        const char *v = lbk__setting(s, "%s", o->name);
        if (v)
            all = lbk__arena_str(&s->arena, strchr(v, ',') ? "%s%s%s=[%s]" : "%s%s%s=%s", all,
                                 *all ? "," : "", o->name, v);
    }
    *out = all;
    return all ? LBK_OK : lbk_fail(s->ctx, LBK_ENOMEM, "bench: out of memory");
}

static lbk_status read_request(struct settings *s, const struct lbk_op *op, lbk_opts *own,
                               struct lbk_case *out)
{
    out->shapes = lbk__setting(s, "shapes");
    lbk_status st = lbk__settings_fill(s, "", own);
    if (!st)
        st = collect(s, op, &out->params);
    if (!st)
        st = lbk__settings_done(s);
    if (!st && !out->shapes && *out->params)
        st = lbk_fail(s->ctx, LBK_EINVAL, "bench: '%s' goes with shapes=, as in shapes=%s",
                      out->params, op->cases && op->cases->shapes ? op->cases->shapes : "64x10");
    return st;
}

static lbk_status try_sample(const struct bench_op *of, const struct lbk_case *c,
                             void (*each)(void *ud, const struct lbk_case *sample,
                                          const struct lbk_bench *b),
                             void *ud)
{
    struct trial t = { .of = of };
    struct lbk_bench b;
    lbk_status st = build(&t, c);
    if (!st)
        st = measure(&t, &b);
    if (!st)
        each(ud, c, &b);
    finish(&t);
    return st;
}

lbk_status lbk_bench_op(lbk_ctx *ctx, const char *device, const char *op, int n,
                        const struct lbk_setting *settings,
                        void (*each)(void *ud, const struct lbk_case *sample,
                                     const struct lbk_bench *b),
                        void *ud)
{
    struct bench_op b = { .ctx = ctx, .op = lbk_registry_find(ctx, LBK_OPS, op) };
    struct settings *s;
    struct lbk_case given = { 0 };
    char spec[LBK_DEVICE_SPEC];
    lbk_opts *own = NULL;
    if (!b.op)
        return lbk_fail(ctx, LBK_ENOENT, "op '%s' is unknown", op);
    lbk_status st = lbk__settings_create(ctx, n, settings, &s);
    if (!st)
        st = lbk_opts_create(ctx, own_opts, sizeof(struct bench_op_cfg), &own);
    if (!st)
        st = read_request(s, b.op, own, &given);
    if (!st) {
        b.cfg = lbk_opts_cfg(own);
        st = lbk__peaks(ctx, device, spec, &b.peak);
    }
    if (!st)
        st = lbk_device_open(ctx, spec, &b.device);
    if (!st && given.shapes)
        st = try_sample(&b, &given, each, ud);
    else
        for (const struct lbk_case *c = b.op->cases; !st && c && c->shapes; c++)
            st = try_sample(&b, c, each, ud);
    lbk_device_close(&b.device);
    lbk_opts_destroy(&own);
    lbk__settings_destroy(&s);
    return st;
}
