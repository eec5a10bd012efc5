/* SPDX-License-Identifier: MIT */
/* The best of a few turns, by the clock of the host, each long enough that launching does not
 * matter. */
#include <stdlib.h>
#include <string.h>
#include "code.h"
#include "probe.h"

enum { TURNS = 4, CHAINS = 8, LONGEST = 1 << 24, WIDE_GROUPS = 1024, TILE_GROUPS = 8 };
static const double turn_ms = 2, budget_ms = 100; /* many short ones: others may be running too */

struct load {
    struct ocl_try t;
    cl_mem buf[2];
    size_t global, local;
    size_t parts, next; /* a turn does one of so many parts of the buffers; 0: they have no parts */
};

static double turn(lbk_drv *d, struct load *l, cl_int *err)
{
    const size_t at = l->parts ? l->next++ % l->parts * l->global : 0;
    const double from = ocl_now();
    *err = d->cl->EnqueueNDRangeKernel(d->queue, l->t.kernel, 1, &at, &l->global, &l->local, 0,
                                       NULL, NULL);
    if (!*err)
        *err = d->cl->Finish(d->queue);
    return ocl_now() - from;
}

/* Milliseconds, of as many turns as fit so many; 0: it failed. */
static double best(lbk_drv *d, struct load *l, double budget)
{
    const double begun = ocl_now();
    double ms = 0;
    cl_int err = CL_SUCCESS;
    for (int i = 0; !err && (i < TURNS || ocl_now() - begun < budget); i++) {
        const double now = turn(d, l, &err);
        ms = i == 0 || now < ms ? now : ms;
    }
    return err ? 0 : ms;
}

static bool open_buffers(lbk_drv *d, struct load *l, size_t bytes)
{
    static const cl_uint zero;
    cl_int err = CL_SUCCESS;
    for (cl_uint i = 0; i < 2 && !err; i++) {
        l->buf[i] = d->cl->CreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &err);
        if (!err)
            err = d->cl->EnqueueFillBuffer(d->queue, l->buf[i], &zero, sizeof zero, 0, bytes, 0,
                                           NULL, NULL);
        if (!err)
            err = d->cl->SetKernelArg(l->t.kernel, i, sizeof l->buf[i], &l->buf[i]);
    }
    return !err;
}

static void close_load(lbk_drv *d, struct load *l)
{
    d->cl->Finish(d->queue);
    for (int i = 0; i < 2; i++)
        if (l->buf[i])
            d->cl->ReleaseMemObject(l->buf[i]);
    ocl_try_close(d, &l->t);
}

/* ---- fma ---- */

/* Chains enough that none has to wait for itself, of vectors as wide as the device's own. */
static void put_fma(struct ocl_text *t, const char *fma, int width)
{
    ocl_put(t,
            "#define V float%.0d\n__kernel void probe(__global V *a, __global V *b, int n)\n"
            "{\n    const size_t at = get_global_id(0);\n    const V x = a[at] + 0.5f, y = b[at] + "
            "1.0f;\n",
            width);
    for (int i = 0; i < CHAINS; i++)
        ocl_put(t, "    V r%d = y + %d.0f;\n", i, i);
    ocl_put(t, "    for (int i = 0; i < n; i++) {\n");
    for (int i = 0; i < CHAINS; i++)
        ocl_put(t, "        r%d = %s(r%d, x, y);\n", i, fma, i);
    ocl_put(t, "    }\n    a[at] = r0");
    for (int i = 1; i < CHAINS; i++)
        ocl_put(t, " + r%d", i);
    ocl_put(t, ";\n}\n");
}

/* As many turns of the loop as last long enough. */
static double timed(lbk_drv *d, struct load *l, double flops_per_turn)
{
    cl_int n = 256, err = CL_SUCCESS;
    double ms = 0;
    while (!err) {
        err = d->cl->SetKernelArg(l->t.kernel, 2, sizeof n, &n);
        if (!err)
            turn(d, l, &err); /* the first one may compile */
        ms = err ? 0 : turn(d, l, &err);
        if (err || ms >= turn_ms || n >= LONGEST)
            break;
        n *= 2;
    }
    ms = err ? 0 : best(d, l, budget_ms);
    return ms > 0 ? flops_per_turn * n / ms * 1e3 : 0;
}

static bool open_fma(lbk_drv *d, const char *fma, int width, struct load *l)
{
    struct ocl_text t = { 0 };
    put_fma(&t, fma, width);
    const bool ok = !t.failed && ocl_try_open(d, OCL_OPTIONS, t.s, &l->t) &&
                    open_buffers(d, l, l->global * (size_t) (width ? width : 1) * sizeof(cl_float));
    free(t.s);
    return ok;
}

/* Milliseconds of n turns in so many work-items; 0: it failed. */
static double few(lbk_drv *d, const char *fma, cl_int n, int width, size_t items, size_t group)
{
    struct load l = { .local = group < d->limits.group ? group : d->limits.group, .global = items };
    const bool ok =
        open_fma(d, fma, width, &l) && !d->cl->SetKernelArg(l.t.kernel, 2, sizeof n, &n);
    const double ms = ok ? best(d, &l, 0) : 0;
    close_load(d, &l);
    return ms;
}

/* Two times compared, kept as a fact; not when one of them failed, which may not happen again. */
static bool compare(lbk_drv *d, const char *name, const double ms[2], bool yes,
                    const char *const words[4])
{
    if (ms[0] <= 0 || ms[1] <= 0)
        return false;
    ocl_fact_set(d, name, "%s: %s %.3f ms, %s %.3f ms", words[yes], words[2], ms[0], words[3],
                 ms[1]);
    ocl_facts_save(d);
    return yes;
}

bool ocl_probe_slow_fma(lbk_drv *d)
{
    static const char *const words[] = { "fast", "slow", "fma", "mad" };
    const char *known = ocl_fact(d, "fma");
    if (known)
        return strncmp(known, words[1], strlen(words[1])) == 0;
    const double ms[2] = { few(d, "fma", 64, 4, 256, 1), few(d, "mad", 64, 4, 256, 1) };
    return compare(d, "fma", ms, ms[0] > 4 * ms[1], words);
}

bool ocl_probe_wide(lbk_drv *d)
{
    static const char *const words[] = { "of a group", "of a work-item", "those of a group",
                                         "those of a work-item" };
    const char *known = ocl_fact(d, "vectors"), *mad = d->limits.slow_fma ? "mad" : "fma";
    if (known)
        return strncmp(known, words[1], strlen(words[1])) == 0;
    const double ms[2] = { few(d, mad, 1024, 0, 1024, 64), few(d, mad, 1024, 16, 64, 1) };
    return compare(d, "vectors", ms, ms[1] <= ms[0], words);
}

double ocl_fma_rate(lbk_drv *d)
{
    cl_uint width = 0;
    struct load l = { .local = 1 };
    d->cl->GetDeviceInfo(d->device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width,
                         NULL);
    width = width == 8 || width == 16 ? width : 4;
    /* PoCL deals groups out by the hundred: of a few, one thread would run all. */
    l.local = d->family == OCL_WIDE ? 1 : d->limits.group < 256 ? d->limits.group : 256;
    l.global = l.local * (size_t) (d->limits.units > 0 ? d->limits.units : 1) *
               (d->family == OCL_WIDE ? WIDE_GROUPS : TILE_GROUPS);
    const double each = 2.0 * CHAINS * width * (double) l.global;
    const double rate =
        open_fma(d, d->limits.slow_fma ? "mad" : "fma", (int) width, &l) ? timed(d, &l, each) : 0;
    close_load(d, &l);
    return rate;
}

/* ---- copy ---- */

/* Processors: a part at a time, for short turns; when one comes back it has left the caches. */
double ocl_copy_rate(lbk_drv *d)
{
    static const char text[] =
        "__kernel void probe(__global T *restrict a, __global const T *restrict b)\n"
        "{\n    const size_t i = get_global_id(0);\n    a[i] = b[i];\n}\n";
    /* more than their caches */
    enum { CPU_BYTES = 64 << 20, GPU_BYTES = 256 << 20, CPU_PARTS = 4 };
    size_t bytes = d->limits.cpu ? CPU_BYTES : GPU_BYTES;
    struct load l = { .local = d->limits.group < 256 ? d->limits.group : 256,
                      .parts = d->limits.cpu ? CPU_PARTS : 1 };
    while (bytes > d->limits.max_alloc || bytes > d->limits.memory / 4)
        bytes /= 2;
    const bool wide = d->family == OCL_WIDE; /* the compiler makes vectors of a group */
    const size_t each = wide ? sizeof(cl_float) : sizeof(cl_float4);
    const char *options = wide ? OCL_OPTIONS " -DT=float" : OCL_OPTIONS " -DT=float4";
    l.global = bytes / each / l.parts / l.local * l.local;
    if (!l.global || !ocl_try_open(d, options, text, &l.t))
        return 0;
    const double ms = open_buffers(d, &l, bytes) ? best(d, &l, budget_ms) : 0;
    close_load(d, &l);
    return ms > 0 ? 2.0 * (double) (each * l.global) / ms * 1e3 : 0;
}
