/* SPDX-License-Identifier: MIT */
/* Backends that are made up, for what core does with any: "gpu", "proc" and "old". Their devices
 * are rows of fake_devices; their kernels do nothing but maps of one word. */
#ifndef LBK_TESTS_FAKE_H
#define LBK_TESTS_FAKE_H
#include "unit.h"
#include <stdio.h>
#include <limbeck/plugin.h>

struct lbk_mem {
    size_t bytes;
    char *at;
};
struct lbk_drv {
    lbk_ctx *ctx;
    bool timing;
};
struct fake_cfg {
    int64_t level;
};
/* What the drivers were told. */
struct fake {
    struct lbk_device_info gpu[4];
    int n_gpu, problems, timed_on, timed_off, asked;
    struct lbk_limits limits;
    bool no_proc, rates; /* is there no "proc" and no "old"; does the report of "gpu" have rates */
};
static struct fake fake;

static inline void fake_close(lbk_drv *d) { free(d); }

static inline lbk_status fake_alloc(lbk_drv *d, size_t bytes, lbk_mem **out)
{
    lbk_mem *m = malloc(sizeof *m);
    *m = (lbk_mem){ bytes, aligned_alloc(64, (bytes + 63) / 64 * 64) };
    memset(m->at, 0, bytes);
    *out = m;
    return LBK_OK;
}

static inline void fake_free(lbk_drv *d, lbk_mem *m)
{
    free(m->at);
    free(m);
}

static inline lbk_status fake_write(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n)
{
    assert_true(off + n <= m->bytes);
    memcpy(m->at + off, src, n);
    return LBK_OK;
}

static inline lbk_status fake_read(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n)
{
    assert_true(off + n <= m->bytes);
    memcpy(dst, m->at + off, n);
    return LBK_OK;
}

static inline int fake_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    *o = (struct lbk_offer){ .size = sizeof *o };
    return !g->op;
}

static inline lbk_status fake_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code **out)
{
    *out = NULL;
    return LBK_OK;
}

static inline void fake_release(lbk_drv *d, lbk_code *c) { fail_msg("nothing was prepared"); }

static inline lbk_status fake_launch(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    return LBK_OK;
}

static inline lbk_status fake_finish(lbk_drv *d) { return LBK_OK; }

static inline lbk_status fake_elapsed(lbk_drv *d, double *ns)
{
    *ns = fake.asked++ ? 5000 : 1e9;
    return d->timing ? LBK_OK : lbk_fail(d->ctx, LBK_EDEVICE, "gpu: launches are not timed");
}

static inline void fake_limits(lbk_drv *d, struct lbk_limits *out)
{
    assert_int_equal(out->size, sizeof *out);
    *out = fake.limits;
}

static inline lbk_status fake_timing(lbk_drv *d, bool on)
{
    d->timing = on;
    fake.timed_on += on, fake.timed_off += !on;
    return LBK_OK;
}

static inline lbk_status fake_tune(lbk_drv *d, void (*put)(void *ud, const char *line), void *ud)
{
    put(ud, "matmul: tile 64x64");
    put(ud, "conv2d: tile 32x32");
    return LBK_OK;
}

static const struct lbk_device_fns fake_fns = {
    .size = sizeof(struct lbk_device_fns),
    .close = fake_close,
    .alloc = fake_alloc,
    .free = fake_free,
    .write = fake_write,
    .read = fake_read,
    .supports = fake_supports,
    .prepare = fake_prepare,
    .release = fake_release,
    .launch = fake_launch,
    .finish = fake_finish,
    .elapsed = fake_elapsed,
    .limits = fake_limits,
    .timing = fake_timing,
    .tune = fake_tune,
};

static inline lbk_status fake_open(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out,
                                   const struct lbk_device_fns **fns)
{
    if (index >= fake.n_gpu)
        return lbk_fail(ctx, LBK_ENOENT, "gpu %d: there are %d", index, fake.n_gpu);
    *out = calloc(1, sizeof **out);
    (*out)->ctx = ctx;
    *fns = &fake_fns;
    return LBK_OK;
}

/* A driver of before timing, tuning and limits. */
static inline lbk_status old_open(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out,
                                  const struct lbk_device_fns **fns)
{
    static struct lbk_device_fns old;
    old = fake_fns;
    old.size = offsetof(struct lbk_device_fns, limits);
    old.elapsed = NULL;
    *fns = &old;
    *out = calloc(1, sizeof **out);
    return LBK_OK;
}

static inline int gpu_probe(lbk_ctx *ctx, struct lbk_device_info *out, int max)
{
    for (int i = 0; i < fake.n_gpu && i < max; i++)
        out[i] = fake.gpu[i];
    return fake.n_gpu;
}

static inline int proc_probe(lbk_ctx *ctx, struct lbk_device_info *out, int max)
{
    if (max > 0 && !fake.no_proc)
        *out = (struct lbk_device_info){
            .name = "Proc", .vendor = "ACME", .is_host = true, .is_cpu = true, .unified = true
        };
    return !fake.no_proc;
}

static inline int old_probe(lbk_ctx *ctx, struct lbk_device_info *out, int max)
{
    if (max > 0 && !fake.no_proc)
        *out = (struct lbk_device_info){ .name = "Old", .vendor = "ACME", .is_cpu = true };
    return !fake.no_proc;
}

static inline lbk_status gpu_report(lbk_ctx *ctx, int index, const void *cfg,
                                    void (*put)(void *ud, const char *key, const char *value),
                                    void *ud)
{
    const struct fake_cfg *c = cfg;
    char text[32];
    if (index >= fake.n_gpu)
        return lbk_fail(ctx, LBK_ENOENT, "gpu %d: there are %d", index, fake.n_gpu);
    snprintf(text, sizeof text, "%d", (int) c->level);
    put(ud, "name", fake.gpu[index].name);
    put(ud, "level", text);
    if (fake.rates)
        put(ud, "fma_gflops", "123.5"), put(ud, "bandwidth_gbs", "45.25");
    return LBK_OK;
}

static inline int
gpu_diagnose(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend), void *ud)
{
    for (int i = 0; i < fake.problems; i++)
        put(ud, i ? "the loader is not there" : "no platform", i ? "apt install loader" : "");
    return fake.problems;
}

static const struct lbk_opt fake_opts[] = { LBK_INT(fake_cfg, level, 2, 0, 9, "how much"),
                                            LBK_OPTS_END };
static const struct lbk_backend gpu_backend = { .size = sizeof gpu_backend,
                                                .name = "gpu",
                                                .opts = fake_opts,
                                                .cfg_size = sizeof(struct fake_cfg),
                                                .probe = gpu_probe,
                                                .open = fake_open,
                                                .report = gpu_report,
                                                .diagnose = gpu_diagnose };
static const struct lbk_backend proc_backend = {
    .size = sizeof proc_backend, .name = "proc", .probe = proc_probe, .open = old_open
};
static const struct lbk_backend old_backend = { .size = offsetof(struct lbk_backend, report),
                                                .name = "old",
                                                .probe = old_probe,
                                                .open = old_open };

static inline lbk_status fake_setup(lbk_registrar *r)
{
    lbk_register_backend(r, &gpu_backend);
    lbk_register_backend(r, &proc_backend);
    return lbk_register_backend(r, &old_backend);
}

static inline int fake_start(void **state)
{
    static const struct lbk_plugin plugin = { LBK_ABI, LBK_ABI_MARK, sizeof plugin, "fake", "1",
                                              "MIT",   "",           fake_setup };
    static const struct lbk_plugin *const all[] = { &plugin, NULL };
    struct unit *u = calloc(1, sizeof *u);
    const struct lbk_ctx_params p = { .size = sizeof p,
                                      .log = unit_log,
                                      .log_ud = u,
                                      .log_level = LBK_LOG_INFO,
                                      .builtins = all,
                                      .plugin_path = "/nonexistent",
                                      .seed = 1 };
    *state = u;
    fake = (struct fake){ .n_gpu = 2, .gpu = { { .name = "One" }, { .name = "Two" } } };
    return u ? lbk_ctx_create(&p, &u->ctx) : -1;
}

#endif
