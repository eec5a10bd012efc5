/* SPDX-License-Identifier: MIT */
/* Start values of states: functions of (seed, name), on the host. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/rng.h>
#include "opdef.h"
#include "scope.h"

static double fan_in(lbk_shape s)
{
    double n = 1;
    for (int i = 1; i < s.n; i++)
        n *= (double) s.d[i];
    return n > 0 ? n : 1;
}

/* From element `at` on, a multiple of four. */
static void random_run(uint64_t key, uint64_t step, int64_t at, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += 4) {
        const struct lbk_philox p = lbk_philox(key, step, (uint64_t) (at + i) >> 2);
        for (int64_t k = 0; k < 4 && i + k < n; k++)
            out[i + k] = lbk_unit(p.v[k]);
    }
}

void lbk__random_fill(uint64_t key, uint64_t step, int64_t n, float *out)
{
    random_run(key, step, 0, n, out);
}

float lbk__normal(const float draw[2])
{
    const double u = 1.0 - draw[0], v = draw[1];
    return (float) (sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void draw(uint64_t key, const struct lbk_init *init, lbk_shape s, float *v)
{
    enum { RUN = 256 };
    const int64_t n = lbk_shape_count(s);
    const double sd = init->kind == LBK_INIT_KAIMING ? sqrt(2 / fan_in(s)) : init->a;
    float u[2 * RUN];
    if (init->kind == LBK_INIT_UNIFORM) {
        lbk__random_fill(key, 0, n, v);
        for (int64_t i = 0; i < n; i++)
            v[i] = (float) ((2.0 * v[i] - 1) * init->a);
        return;
    }
    for (int64_t at = 0; at < n; at += RUN) {
        const int64_t some = n - at < RUN ? n - at : RUN;
        random_run(key, 0, 2 * at, 2 * some, u);
        for (int64_t i = 0; i < some; i++)
            v[at + i] = (float) (lbk__normal(u + 2 * i) * sd);
    }
}

lbk_status lbk__init_values(lbk_ctx *ctx, const lbk_node *state, float *v)
{
    const int64_t n = lbk_shape_count(state->shape);
    const struct lbk_init *init = state->init;
    switch (init->kind) {
    case LBK_INIT_ZEROS: memset(v, 0, (size_t) n * sizeof *v); return LBK_OK;
    case LBK_INIT_ONES:
        for (int64_t i = 0; i < n; i++)
            v[i] = 1;
        return LBK_OK;
    case LBK_INIT_DATA: memcpy(v, init->data, (size_t) n * sizeof *v); return LBK_OK;
    case LBK_INIT_NONE:
        return lbk_fail(ctx, LBK_ENOENT,
                        "weight '%s' is missing: expected it in a file or an artifact",
                        state->name);
    default:
        draw(lbk_mix(ctx->params.seed, lbk__name_key(state->name)), init, state->shape, v);
        return LBK_OK;
    }
}

/* Integers start as zeros, ones or data. */
static lbk_status start_value(lbk_ctx *ctx, const lbk_node *n, void *v, size_t bytes)
{
    if (n->dtype == LBK_F32)
        return lbk__init_values(ctx, n, v);
    if (n->init->kind == LBK_INIT_DATA)
        memcpy(v, n->init->data, bytes);
    else if (n->init->kind == LBK_INIT_ZEROS)
        memset(v, 0, bytes);
    else
        return lbk_fail(ctx, LBK_EINVAL, "state '%s' is %s, expected zeros or data to start from",
                        n->name, lbk__dtype_name(n->dtype));
    return LBK_OK;
}

static lbk_status make(lbk_store *s, const lbk_node *n)
{
    size_t bytes;
    lbk_ctx *ctx = s->device->ctx;
    if (!lbk__shape_bytes(n->dtype, n->shape, &bytes))
        return lbk_fail(ctx, LBK_EINVAL, "state '%s' is too large", n->name);
    void *v = malloc(bytes + 1);
    lbk_tensor *t = NULL;
    lbk_status st = v ? start_value(ctx, n, v, bytes)
                      : lbk_fail(ctx, LBK_ENOMEM, "state '%s': out of memory", n->name);
    if (!st)
        st = lbk_tensor_create(s->device, n->dtype, n->shape, &t);
    if (!st && bytes)
        st = lbk_tensor_write(t, v, bytes);
    if (!st)
        st = lbk_store_put(s, n->name, t);
    lbk_tensor_unref(&t);
    free(v);
    return st;
}

static lbk_status check(lbk_store *s, const lbk_node *n, const lbk_tensor *t)
{
    if (t->dtype == n->dtype && lbk__same_shape(t->shape, n->shape))
        return LBK_OK;
    return lbk_fail(s->device->ctx, LBK_EINVAL, "weight '%s' is %s %s, expected %s %s", n->name,
                    lbk__dtype_name(t->dtype), SHAPE(t->shape), lbk__dtype_name(n->dtype),
                    SHAPE(n->shape));
}

static lbk_status fill_one(lbk_store *s, const lbk_node *n)
{
    const lbk_tensor *t = lbk_store_get(s, n->name);
    return t ? check(s, n, t) : make(s, n);
}

lbk_status lbk__store_fill(lbk_store *s, const lbk_graph *g)
{
    bool *live = calloc((size_t) g->n_node + 1, sizeof *live);
    if (!live)
        return lbk_fail(s->device->ctx, LBK_ENOMEM, "weights: out of memory");
    lbk__graph_live(g, live);
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < g->n_node; i++)
        if (g->node[i]->kind == NODE_STATE && live[i] && g->node[i]->init)
            st = fill_one(s, g->node[i]);
    free(live);
    return st;
}

lbk_status lbk__store_fill_under(lbk_store *s, const lbk_graph *g, const char *prefix)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < g->n_node; i++) {
        const lbk_node *n = g->node[i];
        if (n->kind == NODE_STATE && n->init && n->init->kind != LBK_INIT_NONE &&
            !strncmp(n->name, prefix, strlen(prefix)))
            st = fill_one(s, n);
    }
    return st;
}
