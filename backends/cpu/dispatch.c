/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cpu.h"

struct lbk_code {
    const struct cpu_kernel *kernel;
    void *own;
};

#define CPU_KERNEL(name) &cpu_kernel_##name,
static const struct cpu_kernel *const kernels[] = {
#include "kernel_list.h"
    NULL
};
#undef CPU_KERNEL

const struct cpu_kernel *cpu_kernel_find(const struct lbk_group *g)
{
    const char *op = g->op ? g->op->name : "map";
    for (int i = 0; kernels[i]; i++)
        if (strcmp(kernels[i]->op, op) == 0)
            return kernels[i];
    return NULL;
}

int cpu_plain_operand(const struct lbk_group *g, int i)
{
    const struct lbk_expr *e = &g->operand[i];
    return e->n == 1 && e->w[0].kind == LBK_WORD_ARG ? e->w[0].arg : -1;
}

bool cpu_plain_operands(const struct lbk_group *g)
{
    for (int i = 0; i < g->n_operand; i++)
        if (cpu_plain_operand(g, i) < 0)
            return false;
    return true;
}

bool cpu_plain_epi(const struct lbk_group *g)
{
    return lbk_group_results(g) == 1 && g->epi.n == 1 && g->epi.w[0].kind == LBK_WORD_ACC;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    const struct cpu_kernel *k = cpu_kernel_find(g);
    *o = (struct lbk_offer){ .size = sizeof *o };
    for (int i = 0; i < LBK_ARG_MAX; i++)
        o->want_arg[i] = CPU_ROW;
    for (int i = 0; i < LBK_OUT_MAX; i++)
        o->want_out[i] = CPU_ROW;
    return k ? k->supports(d, g, o) : 0;
}

static lbk_status prepare(lbk_drv *d, const struct lbk_group *g, lbk_code **out)
{
    lbk_code *c = calloc(1, sizeof *c);
    if (!c)
        return lbk_fail(d->ctx, LBK_ENOMEM, "cpu device: no memory for a kernel");
    c->kernel = cpu_kernel_find(g);
    lbk_status s = c->kernel->prepare ? c->kernel->prepare(d, g, &c->own) : LBK_OK;
    if (s != LBK_OK) {
        free(c);
        return s;
    }
    *out = c;
    return LBK_OK;
}

static void release(lbk_drv *d, lbk_code *c)
{
    if (!c)
        return;
    if (c->kernel->release)
        c->kernel->release(c->own);
    free(c);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double) t.tv_sec + (double) t.tv_nsec;
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    double t = now_ns();
    lbk_status s = c->kernel->launch(d, g, c->own);
    d->ns = now_ns() - t;
    return s;
}

static lbk_status write_mem(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n)
{
    memcpy(m->at + off, src, n);
    return LBK_OK;
}

static lbk_status read_mem(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n)
{
    memcpy(dst, m->at + off, n);
    return LBK_OK;
}

static lbk_status copy_mem(lbk_drv *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff,
                           size_t n)
{
    memmove(dst->at + doff, src->at + soff, n);
    return LBK_OK;
}

static lbk_status finish(lbk_drv *d) { return LBK_OK; }

static lbk_status elapsed(lbk_drv *d, double *ns)
{
    *ns = d->ns;
    return LBK_OK;
}

static void limits(lbk_drv *d, struct lbk_limits *out) { out->memory = d->memory; }

static void close_drv(lbk_drv *d)
{
    pool_destroy(d->pool);
    free(d);
}

const struct lbk_device_fns cpu_device_fns = {
    .size = sizeof(struct lbk_device_fns),
    .close = close_drv,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .write = write_mem,
    .read = read_mem,
    .copy = copy_mem,
    .supports = supports,
    .prepare = prepare,
    .release = release,
    .launch = launch,
    .finish = finish,
    .elapsed = elapsed,
    .limits = limits,
};
