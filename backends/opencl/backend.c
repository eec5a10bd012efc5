/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <limbeck/plugin.h>
#include "report.h"

enum { PROBE_MOST = 64 };
static const char *const family_names[] = { "auto", "wide", "tile", NULL };
static const char *const gemm_names[] = { "auto", "own", "clblast", NULL };
static const char *const winograd_names[] = { "auto", "off", NULL };
static const struct lbk_opt opts[] = {
    LBK_ENUM(ocl_cfg, family, "auto", family_names,
             "kernels: wide for processors, tile for GPUs, auto by what the device is"),
    LBK_ENUM(ocl_cfg, gemm, "auto", gemm_names,
             "plain matrix products: own kernels, CLBlast's, or auto: the faster ones where tuned"),
    LBK_ENUM(ocl_cfg, winograd, "auto", winograd_names,
             "convolutions by Winograd where faster; off: more accurate sums, always"),
    LBK_BOOL(ocl_cfg, cache, 1, "keep built kernels, and what was found out about the device"),
    LBK_OPTS_END,
};

static void describe(const struct cl_api *cl, const struct ocl_found *f, struct lbk_device_info *to)
{
    struct ocl_limits l;
    ocl_read_limits(cl, f->device, &l);
    *to = (struct lbk_device_info){
        .memory = l.memory, .unified = l.unified, .is_cpu = l.cpu, .max_alloc = l.max_alloc
    };
    char why[256];
    to->unusable = !ocl_usable(cl, f->device, why);
    ocl_device_text(cl, f->device, CL_DEVICE_NAME, to->name, sizeof to->name);
    ocl_platform_text(cl, f->platform, CL_PLATFORM_NAME, to->vendor, sizeof to->vendor);
}

static int probe(lbk_ctx *ctx, struct lbk_device_info *out, int max)
{
    struct ocl_found found[PROBE_MOST];
    const char *why;
    const struct cl_api *cl = ocl_load(&why);
    if (!cl)
        return 0;
    const int n = ocl_find(cl, found, PROBE_MOST);
    for (int i = 0; i < n && i < max && i < PROBE_MOST; i++)
        describe(cl, &found[i], &out[i]);
    ocl_unload(cl);
    return n;
}

static lbk_status open_drv(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out,
                           const struct lbk_device_fns **fns)
{
    *fns = &ocl_device_fns;
    return ocl_open(ctx, index, cfg, out);
}

static const struct lbk_backend backend = {
    .size = sizeof backend,
    .name = "opencl",
    .doc = "GPUs and processors with an OpenCL 1.2 driver",
    .opts = opts,
    .cfg_size = sizeof(struct ocl_cfg),
    .probe = probe,
    .open = open_drv,
    .report = ocl_report,
    .diagnose = ocl_diagnose,
};

static lbk_status setup(lbk_registrar *r) { return lbk_register_backend(r, &backend); }

LBK_PLUGIN(opencl, "0.1.0", "MIT", "", setup);
