/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "code.h"
#include "trial.h"

#define OCL_KERNEL(name) extern const struct ocl_kernel ocl_kernel_##name;
#include "kernel_list.h"
#undef OCL_KERNEL
#define OCL_KERNEL(name) &ocl_kernel_##name,
static const struct ocl_kernel *const kernels[] = {
#include "kernel_list.h"
    NULL
};
#undef OCL_KERNEL

const struct ocl_kernel *ocl_kernel_find(const struct lbk_group *g)
{
    const char *op = g->op ? g->op->name : "map";
    for (int i = 0; kernels[i]; i++)
        if (strcmp(kernels[i]->op, op) == 0)
            return kernels[i];
    return NULL;
}

int ocl_plain_operand(const struct lbk_group *g, int i)
{
    const struct lbk_expr *e = &g->operand[i];
    return e->n == 1 && e->w[0].kind == LBK_WORD_ARG ? e->w[0].arg : -1;
}

bool ocl_plain_operands(const struct lbk_group *g)
{
    for (int i = 0; i < g->n_operand; i++)
        if (ocl_plain_operand(g, i) < 0)
            return false;
    return true;
}

bool ocl_plain_epi(const struct lbk_group *g)
{
    return lbk_group_results(g) == 1 && g->epi.n == 1 && g->epi.w[0].kind == LBK_WORD_ACC;
}

const char *ocl_type(lbk_dtype t)
{
    return t == LBK_F32 ? "float" : t == LBK_F16 ? "ushort" : t == LBK_I32 ? "int" : "uchar";
}

static bool indexed_by_int(const struct lbk_arg *a)
{
    return lbk_arg_bytes(a) / 4 < INT32_MAX - 4096 && lbk_shape_count(a->shape) < INT32_MAX - 4096;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    const struct ocl_kernel *k = ocl_kernel_find(g);
    *o = (struct lbk_offer){ .size = sizeof *o };
    for (int i = 0; i < LBK_ARG_MAX; i++)
        o->want_arg[i] = OCL_ROW;
    for (int i = 0; i < LBK_OUT_MAX; i++)
        o->want_out[i] = OCL_ROW;
    for (int i = 0; i < g->n_arg; i++)
        if (!indexed_by_int(&g->arg[i]))
            return 0;
    for (int i = 0; i < g->n_out; i++)
        if (!indexed_by_int(&g->out[i]))
            return 0;
    return k && k->on[d->family].supports ? k->on[d->family].supports(d, g, o) : 0;
}

static lbk_status finish(lbk_drv *d)
{
    d->unflushed = 0;
    const cl_int err = d->cl->Finish(d->queue);
    d->told &= err != 0;
    return err && d->told ? LBK_EDEVICE : ocl_check(d, err, "waiting for the queue");
}

static lbk_status elapsed(lbk_drv *d, double *ns)
{
    cl_ulong from = 0, to = 0;
    cl_event last = d->last ? d->last : d->first;
    if (!d->first)
        return LBK_OK;
    cl_int err = d->cl->GetEventProfilingInfo(d->first, CL_PROFILING_COMMAND_START, sizeof from,
                                              &from, NULL);
    if (!err)
        err = d->cl->GetEventProfilingInfo(last, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL);
    if (!err)
        *ns = (double) (to - from);
    return ocl_check(d, err, "the times of a kernel");
}

static void limits(lbk_drv *d, struct lbk_limits *out)
{
    out->memory = d->limits.memory;
    out->max_alloc = d->limits.max_alloc;
}

const struct lbk_device_fns ocl_device_fns = {
    .size = sizeof(struct lbk_device_fns),
    .close = ocl_close,
    .alloc = ocl_alloc,
    .free = ocl_free,
    .write = ocl_write,
    .read = ocl_read,
    .copy = ocl_copy,
    .supports = supports,
    .prepare = ocl_prepare,
    .release = ocl_release,
    .launch = ocl_launch,
    .finish = finish,
    .elapsed = elapsed,
    .limits = limits,
    .timing = ocl_timing,
    .tune = ocl_tune,
};
