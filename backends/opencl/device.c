/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache.h"
#include "clblast.h"
#include "code.h"
#include "device.h"
#include "probe.h"
#include "trial.h"

enum { PLATFORMS_MOST = 32, DEVICES_MOST = 64, AXES_MOST = 8, TEXT_MOST = 16384 };

int ocl_find(const struct cl_api *cl, struct ocl_found *out, int max)
{
    cl_platform_id platform[PLATFORMS_MOST];
    cl_uint n_platform = 0;
    int n = 0;
    if (cl->GetPlatformIDs(PLATFORMS_MOST, platform, &n_platform))
        return 0;
    for (cl_uint i = 0; i < n_platform && i < PLATFORMS_MOST; i++) {
        cl_device_id device[DEVICES_MOST];
        cl_uint k = 0;
        if (cl->GetDeviceIDs(platform[i], CL_DEVICE_TYPE_ALL, DEVICES_MOST, device, &k))
            continue;
        for (cl_uint j = 0; j < k && j < DEVICES_MOST; j++, n++)
            if (n < max)
                out[n] = (struct ocl_found){ platform[i], device[j] };
    }
    return n;
}

void ocl_device_text(const struct cl_api *cl, cl_device_id device, cl_device_info what, char *to,
                     size_t size)
{
    char all[TEXT_MOST] = "";
    if (cl->GetDeviceInfo(device, what, sizeof all - 1, all, NULL))
        all[0] = '\0';
    snprintf(to, size, "%.*s", (int) size - 1, all + strspn(all, " "));
}

void ocl_platform_text(const struct cl_api *cl, cl_platform_id platform, cl_platform_info what,
                       char *to, size_t size)
{
    char all[TEXT_MOST] = "";
    if (cl->GetPlatformInfo(platform, what, sizeof all - 1, all, NULL))
        all[0] = '\0';
    snprintf(to, size, "%.*s", (int) size - 1, all);
}

static void get(const struct cl_api *cl, cl_device_id device, cl_device_info what, void *to,
                size_t size)
{
    if (cl->GetDeviceInfo(device, what, size, to, NULL))
        memset(to, 0, size);
}

void ocl_read_limits(const struct cl_api *cl, cl_device_id device, struct ocl_limits *out)
{
    cl_ulong memory, most, local;
    cl_device_type type;
    cl_device_local_mem_type local_type;
    cl_uint units, vector;
    cl_bool unified;
    size_t group, items[AXES_MOST];
    get(cl, device, CL_DEVICE_GLOBAL_MEM_SIZE, &memory, sizeof memory);
    get(cl, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &most, sizeof most);
    get(cl, device, CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof local);
    get(cl, device, CL_DEVICE_TYPE, &type, sizeof type);
    get(cl, device, CL_DEVICE_LOCAL_MEM_TYPE, &local_type, sizeof local_type);
    get(cl, device, CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units);
    get(cl, device, CL_DEVICE_HOST_UNIFIED_MEMORY, &unified, sizeof unified);
    get(cl, device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &vector, sizeof vector);
    get(cl, device, CL_DEVICE_MAX_WORK_GROUP_SIZE, &group, sizeof group);
    get(cl, device, CL_DEVICE_MAX_WORK_ITEM_SIZES, items, sizeof items);
    *out = (struct ocl_limits){ .group = group ? group : 1,
                                .local = (size_t) local,
                                .max_alloc = (size_t) most,
                                .memory = (size_t) memory,
                                .units = (int) units,
                                .vector = vector ? (int) vector : 1,
                                .cpu = type & CL_DEVICE_TYPE_CPU,
                                .local_is_global = local_type == CL_GLOBAL,
                                .unified = unified };
    for (int i = 0; i < 3; i++)
        out->items[i] = items[i] ? items[i] : 1;
}

bool ocl_usable(const struct cl_api *cl, cl_device_id device, char why[256])
{
    char version[128];
    int major = 0, minor = 0;
    cl_bool compiler, available;
    get(cl, device, CL_DEVICE_COMPILER_AVAILABLE, &compiler, sizeof compiler);
    get(cl, device, CL_DEVICE_AVAILABLE, &available, sizeof available);
    ocl_device_text(cl, device, CL_DEVICE_VERSION, version, sizeof version);
    sscanf(version, "OpenCL %d.%d", &major, &minor);
    why[0] = '\0';
    if (!available)
        snprintf(why, 256, "the driver says it is not available");
    else if (!compiler)
        snprintf(why, 256, "the driver has no compiler");
    else if (major * 10 + minor < 12)
        snprintf(why, 256, "expected OpenCL 1.2 or later, found '%s'", version);
    return !why[0];
}

const char *ocl_family_name(enum ocl_family f) { return f == OCL_WIDE ? "wide" : "tile"; }

static lbk_status make_queue(lbk_drv *d, bool timing)
{
    cl_int err;
    cl_command_queue queue = d->cl->CreateCommandQueue(
        d->context, d->device, timing ? CL_QUEUE_PROFILING_ENABLE : 0, &err);
    const lbk_status st = ocl_check(d, err, "a command queue");
    if (st)
        return st;
    if (d->queue)
        d->cl->ReleaseCommandQueue(d->queue);
    d->queue = queue, d->timing = timing;
    return LBK_OK;
}

static lbk_status make_context(lbk_drv *d)
{
    cl_int err;
    const cl_context_properties p[] = { CL_CONTEXT_PLATFORM, (cl_context_properties) d->platform,
                                        0 };
    d->context = d->cl->CreateContext(p, 1, &d->device, NULL, NULL, &err);
    return ocl_check(d, err, "a context");
}

static lbk_status find_device(lbk_ctx *ctx, lbk_drv *d, int index)
{
    struct ocl_found found[DEVICES_MOST];
    char why[256];
    const int n = ocl_find(d->cl, found, DEVICES_MOST);
    if (n == 0)
        return lbk_fail(ctx, LBK_EDEVICE,
                        "opencl: no platform has a device; 'limbeck doctor' says what is missing");
    if (index >= n || index >= DEVICES_MOST)
        return lbk_fail(ctx, LBK_ENOENT, "opencl device %d: there are devices 0..%d", index, n - 1);
    d->platform = found[index].platform, d->device = found[index].device;
    ocl_device_text(d->cl, d->device, CL_DEVICE_NAME, d->name, sizeof d->name);
    if (!ocl_usable(d->cl, d->device, why))
        return lbk_fail(ctx, LBK_EUNSUPPORTED, "opencl device %d ('%s'): %s", index, d->name, why);
    return LBK_OK;
}

static enum ocl_family measured_family(lbk_drv *d)
{
    if (!d->limits.cpu)
        return OCL_TILE;
    const bool vectors = ocl_probe_wide(d), wide = vectors && ocl_probe_long_loops(d);
    if (!ocl_fact(d, "vectors") || (vectors && !ocl_fact(d, "long loops")))
        lbk_ctx_log(d->ctx, LBK_LOG_WARN,
                    "opencl: '%s': what its vectors are like could not be measured; the kernels of "
                    "family '%s' are used",
                    d->name, ocl_family_name(OCL_TILE));
    return wide ? OCL_WIDE : OCL_TILE;
}

/* Before a program is built: it says which text that has. */
static void choose(lbk_drv *d, const struct ocl_cfg *cfg)
{
    d->limits.slow_fma = ocl_probe_slow_fma(d);
    d->limits.local = ocl_known_local(d);
    d->limits.short_loops = !ocl_probe_long_loops(d) && ocl_fact(d, "long loops");
    d->family_given = cfg->family;
    d->winograd = cfg->winograd == 0;
    const char *tuned = ocl_fact(d, "tuned family");
    if (cfg->family)
        d->family = (enum ocl_family)(cfg->family - 1);
    else if (d->limits.short_loops)
        d->family = OCL_TILE;
    else if (tuned)
        d->family = strcmp(tuned, ocl_family_name(OCL_WIDE)) == 0 ? OCL_WIDE : OCL_TILE;
    else
        d->family = measured_family(d);
    ocl_tuning_load(d);
}

static void warn_of_loops(lbk_drv *d)
{
    if (d->limits.short_loops)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "opencl: '%s' leaves loops early (long loops: %s): %s",
                    d->name, ocl_fact(d, "long loops"),
                    d->family == OCL_TILE ? "sums are cut into parts that it can do"
                                          : "with family 'wide' large tensors come out wrong");
}

/* No kernels are better than wrong ones. */
static lbk_status settle(lbk_drv *d)
{
    char why[128] = "";
    for (int turn = 0;; turn++) {
        const lbk_status st = ocl_selftest(d, why);
        if (st != LBK_EUNSUPPORTED)
            return st;
        const enum ocl_family other = d->family == OCL_WIDE ? OCL_TILE : OCL_WIDE;
        if (turn || d->family_given)
            return lbk_fail(d->ctx, st,
                            "opencl: '%s' computes wrongly with the kernels of family '%s': %s; "
                            "another driver or device is needed",
                            d->name, ocl_family_name(d->family), why);
        lbk_ctx_log(d->ctx, LBK_LOG_WARN,
                    "opencl: '%s' computes wrongly with the kernels of family '%s': %s; those of "
                    "'%s' are used",
                    d->name, ocl_family_name(d->family), why, ocl_family_name(other));
        d->family = other;
    }
}

static lbk_status open_device(lbk_ctx *ctx, lbk_drv *d, int index, const struct ocl_cfg *cfg)
{
    lbk_status st = find_device(ctx, d, index);
    if (st)
        return st;
    ocl_read_limits(d->cl, d->device, &d->limits);
    st = make_context(d);
    st = st ? st : make_queue(d, false);
    st = st ? st : ocl_cache_open(d, cfg->cache);
    if (!st)
        choose(d, cfg);
    st = st ? st : ocl_programs_open(d);
    st = st ? st : ocl_staging_open(d);
    st = st ? st : settle(d);
    st = st ? st : ocl_clblast_settle(d, (enum ocl_gemm) cfg->gemm);
    if (!st)
        warn_of_loops(d);
    return st;
}

lbk_status ocl_open(lbk_ctx *ctx, int index, const struct ocl_cfg *cfg, lbk_drv **out)
{
    const char *why;
    lbk_drv *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "opencl: out of host memory");
    d->ctx = ctx;
    d->cl = ocl_load(&why);
    const lbk_status st =
        d->cl ? open_device(ctx, d, index, cfg)
              : lbk_fail(ctx, LBK_EDEVICE, "opencl: %s; 'limbeck doctor' says how to mend it",
                         why);
    if (st)
        ocl_close(d);
    else
        *out = d;
    return st;
}

lbk_status ocl_timing(lbk_drv *d, bool on)
{
    if (on == d->timing)
        return LBK_OK;
    const lbk_status st = ocl_check(d, d->cl->Finish(d->queue), "waiting for the queue");
    return st ? st : make_queue(d, on);
}

void ocl_close(lbk_drv *d)
{
    if (d->queue)
        d->cl->Finish(d->queue);
    if (d->first)
        d->cl->ReleaseEvent(d->first);
    if (d->last)
        d->cl->ReleaseEvent(d->last);
    ocl_clblast_close(d);
    ocl_programs_close(d);
    ocl_cache_close(d);
    if (d->queue) {
        ocl_staging_close(d);
        d->cl->ReleaseCommandQueue(d->queue);
    }
    if (d->context)
        d->cl->ReleaseContext(d->context);
    ocl_unload(d->cl);
    free(d);
}
