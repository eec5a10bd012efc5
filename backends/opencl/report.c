/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include "cache.h"
#include "code.h"
#include "probe.h"
#include "report.h"

struct out {
    lbk_drv *d;
    void (*put)(void *ud, const char *key, const char *value);
    void *ud;
};

static void put(const struct out *o, const char *key, const char *fmt, ...) LBK_PRINTF(3, 4);
static void put(const struct out *o, const char *key, const char *fmt, ...)
{
    char text[1024];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    o->put(o->ud, key, text);
}

static void put_names(const struct out *o)
{
    static const struct {
        const char *key;
        cl_device_info what;
    } names[] = { { "device", CL_DEVICE_NAME },
                  { "vendor", CL_DEVICE_VENDOR },
                  { "driver", CL_DRIVER_VERSION },
                  { "version", CL_DEVICE_VERSION },
                  { "language", CL_DEVICE_OPENCL_C_VERSION } };
    const lbk_drv *d = o->d;
    char name[128], version[512];
    ocl_platform_text(d->cl, d->platform, CL_PLATFORM_NAME, name, sizeof name);
    ocl_platform_text(d->cl, d->platform, CL_PLATFORM_VERSION, version, sizeof version);
    put(o, "platform", "%s, %s", name, version);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ocl_device_text(d->cl, d->device, names[i].what, version, sizeof version);
        put(o, names[i].key, "%s", version);
    }
}

static void put_limits(const struct out *o)
{
    const struct ocl_limits *l = &o->d->limits;
    put(o, "type", "%s", l->cpu ? "processor" : "GPU or accelerator");
    put(o, "memory", "%.1f GiB%s", (double) l->memory / (1 << 30),
        l->unified ? ", the host's" : "");
    put(o, "largest buffer", "%.1f GiB", (double) l->max_alloc / (1 << 30));
    put(o, "compute units", "%d", l->units);
    put(o, "largest group", "%zu", l->group);
    put(o, "local memory", "%zu KiB%s", l->local / 1024,
        l->local_is_global ? ", part of global memory" : "");
}

static void put_facts(const struct out *o)
{
    lbk_drv *d = o->d;
    const struct ocl_facts *f = &d->cache->facts;
    ocl_probe_binaries(d);
    ocl_probe_features(d);
    put(o, "kernels", "%s", ocl_family_name(d->family));
    for (int i = 0; i < f->n; i++)
        if (f->at[i].value[0])
            o->put(o->ud, f->at[i].name, f->at[i].value);
    put(o, "kept in", "%s", d->cache->folder[0] ? d->cache->folder : "no folder");
}

static void put_rates(const struct out *o)
{
    const double fma = ocl_fma_rate(o->d), copy = ocl_copy_rate(o->d);
    if (fma > 0)
        put(o, "fma_gflops", "%.1f", fma * 1e-9);
    if (copy > 0)
        put(o, "bandwidth_gbs", "%.1f", copy * 1e-9);
}

lbk_status ocl_report(lbk_ctx *ctx, int index, const void *cfg,
                      void (*to)(void *ud, const char *key, const char *value), void *ud)
{
    struct out o = { NULL, to, ud };
    const lbk_status st = ocl_open(ctx, index, cfg, &o.d);
    if (st)
        return st;
    put_names(&o);
    put_limits(&o);
    put_facts(&o);
    put_rates(&o);
    ocl_close(o.d);
    return LBK_OK;
}
