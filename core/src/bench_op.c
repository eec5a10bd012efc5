/* SPDX-License-Identifier: MIT */
#include <limbeck/plugin.h>
#include <limbeck/rng.h>
#include <limbeck/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "graph.h"

enum { RUNS_MAX = 101 };

/* One sample of an operator on a device. */
struct trial {
    lbk_ctx *ctx;
    lbk_device *device;
    const struct lbk_op *op;
    int n;
    lbk_val *in[LBK_OPERAND_MAX];
    struct lbk_bind bind[LBK_OPERAND_MAX];
    char name[LBK_OPERAND_MAX][8];
    lbk_opts *opts;
    lbk_graph *graph;
    lbk_store *store;
    lbk_exec *exec;
};

struct kind { lbk_dtype type; lbk_shape shape; int64_t lo, hi; };

/* "2x3x8x8", "4:10" (whole numbers 0 .. 9), "4:-1..9", "4:u" (bytes), "" (a scalar), up to a comma.
 */
static struct kind operand(const char *s)
{
    struct kind k = { .type = LBK_F32 };
    char *at = (char *) s;
    while (*at >= '0' && *at <= '9' && k.shape.n < LBK_MAX_DIMS) {
        k.shape.d[k.shape.n++] = strtoll(at, &at, 10);
        at += *at == 'x';
    }
    if (*at != ':')
        return k;
    k.type = at[1] == 'u' ? LBK_U8 : LBK_I32;
    k.hi = strtoll(at + 1, &at, 10) - 1;
    if (!strncmp(at, "..", 2)) {
        k.lo = k.hi + 1;
        k.hi = strtoll(at + 2, NULL, 10);
    }
    return k;
}

static void fill(void *data, const struct kind *k)
{
    const int64_t n = lbk_shape_count(k->shape);
    for (int64_t i = 0; i < n; i++) {
        const float u = lbk_random_at(lbk_mix(1, (uint64_t) n), 0, (uint64_t) i);
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
    const size_t bytes = (size_t) lbk_shape_count(k->shape) * (k->type == LBK_U8 ? 1 : 4);
    snprintf(t->name[i], sizeof t->name[i], "%d", i);
    t->bind[i].name = t->name[i];
    t->in[i] = lbk_input(t->graph, t->name[i], k->type, k->shape);
    lbk_status st = lbk_tensor_create(t->device, k->type, k->shape, &t->bind[i].tensor);
    void *data = st ? NULL : malloc(bytes + 1);
    if (!st && !data)
        st = lbk_fail(t->ctx, LBK_ENOMEM, "bench: out of memory");
    if (st)
        return st;
    fill(data, k);
    st = lbk_tensor_write(t->bind[i].tensor, data, bytes);
    free(data);
    return st;
}

static lbk_status set_params(struct trial *t, const char *text)
{
    char item[128];
    lbk_status st = LBK_OK;
    for (const char *s = text; s && *s && !st;) {
        const size_t n = strcspn(s, ",");
        snprintf(item, sizeof item, "%.*s", (int) n, s);
        char *value = strchr(item, '=');
        if (!value)
            return lbk_fail(t->ctx, LBK_EINVAL, "%s: expected name=value in its case, got '%s'",
                            t->op->name, item);
        *value++ = 0;
        st = lbk_opts_set(t->opts, item, value);
        s += n + (s[n] == ',');
    }
    return st;
}

static lbk_status build(struct trial *t, const struct lbk_case *c)
{
    lbk_status st = lbk_graph_create(t->ctx, &t->graph);
    for (const char *s = c->shapes; !st && t->n < LBK_OPERAND_MAX; s++) {
        const struct kind k = operand(s);
        st = add_input(t, &k);
        s += strcspn(s, ",");
        if (!*s)
            break;
    }
    if (!st && t->op->params)
        st = lbk_opts_create(t->ctx, t->op->params, t->op->params_size, &t->opts);
    if (!st && t->opts)
        st = set_params(t, c->params);
    if (st)
        return st;
    const void *params = t->opts ? lbk_opts_cfg(t->opts) : NULL;
    lbk_output(t->graph, "y", lbk_apply(t->graph, t->op, t->n, t->in, params));
    st = lbk_graph_status(t->graph);
    if (!st)
        st = lbk_store_create(t->device, &t->store);
    return st ? st : lbk_compile(t->graph, t->store, NULL, &t->exec);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

/* Runs until a fifth of a second has gone, three times at least; reading a byte back waits for the
 * device. */
static lbk_status measure(struct trial *t, struct lbk_bench *b)
{
    double ms[RUNS_MAX];
    int n = 0;
    lbk_status st = lbk_run(t->exec, t->n, t->bind, 0, NULL);
    for (const double begun = now_ms(); !st && n < RUNS_MAX && (n < 3 || now_ms() - begun < 200);) {
        const double from = now_ms();
        st = lbk_run(t->exec, t->n, t->bind, 0, NULL);
        ms[n++] = now_ms() - from;
    }
    if (st)
        return st;
    qsort(ms, (size_t) n, sizeof *ms, by_size);
    struct lbk_exec_info info = { .size = sizeof info };
    lbk_exec_info(t->exec, &info);
    *b = (struct lbk_bench) { .size = sizeof *b, .median_ms = ms[n / 2], .launches = info.launches,
                              .gflops = info.flops / (ms[n / 2] * 1e6), .fallbacks = info.fallbacks,
                              .peak_bytes = info.arena_bytes + info.state_bytes };
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

lbk_status lbk_bench_op(lbk_ctx *ctx, const char *device, const char *op,
                        void (*each)(void *ud, const struct lbk_case *sample,
                                     const struct lbk_bench *b),
                        void *ud)
{
    const struct lbk_op *d = lbk_registry_find(ctx, LBK_OPS, op);
    lbk_device *dev;
    if (!d)
        return lbk_fail(ctx, LBK_ENOENT, "op '%s' is unknown", op);
    lbk_status st = lbk_device_open(ctx, device, &dev);
    if (st)
        return st;
    for (const struct lbk_case *c = d->cases; !st && c && c->shapes; c++) {
        struct trial t = { .ctx = ctx, .device = dev, .op = d };
        struct lbk_bench b;
        st = build(&t, c);
        if (!st)
            st = measure(&t, &b);
        if (!st)
            each(ud, c, &b);
        finish(&t);
    }
    lbk_device_close(&dev);
    return st;
}
