/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <limbeck/plugin.h>
#include "cpu.h"

struct cpu_cfg {
    int64_t threads;
    int isa, winograd;
    bool pin;
    int64_t memory;
};

static const char *const isa_names[] = { "auto", "avx512", "avx2", "base", NULL };
static const char *const winograd_names[] = { "auto", "off", NULL };
static const struct lbk_opt opts[] = {
    LBK_INT(cpu_cfg, threads, 0, 0, 1024, "threads; 0 = one per core this process may use"),
    LBK_ENUM(cpu_cfg, isa, "auto", isa_names, "instruction set; results are the same bits on each"),
    LBK_ENUM(cpu_cfg, winograd, "auto", winograd_names,
             "convolutions by Winograd where faster; off: more accurate sums, always"),
    LBK_BOOL(cpu_cfg, pin, 1, "keep each thread on its core"),
    LBK_INT(cpu_cfg, memory, 0, 0, 1 << 30, "MiB that may be used; 0 = what the machine has"),
    LBK_OPTS_END
};

static void cpu_name(char *buf, size_t size)
{
    char line[256];
    snprintf(buf, size, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *text = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (text) {
            text[strcspn(text, "\n")] = '\0';
            snprintf(buf, size, "%.*s", (int) size - 1, text + 2);
            break;
        }
    }
    if (f)
        fclose(f);
}

static int probe(lbk_ctx *ctx, struct lbk_device_info *out, int max)
{
    if (max < 1)
        return 1;
    *out = (struct lbk_device_info){ .is_host = true, .unified = true, .is_cpu = true };
    cpu_name(out->name, sizeof out->name);
    snprintf(out->vendor, sizeof out->vendor, "%d cores, %s", pool_cores(),
             cpu_isa_name(cpu_isa_find("auto")));
    out->memory = cpu_memory();
    return 1;
}

static lbk_status no_such(lbk_ctx *ctx, int index)
{
    return lbk_fail(ctx, LBK_ENOENT, "cpu device %d: there is only device 0", index);
}

static lbk_status open_drv(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out,
                           const struct lbk_device_fns **fns)
{
    const struct cpu_cfg *c = cfg;
    if (index != 0)
        return no_such(ctx, index);
    *fns = &cpu_device_fns;
    const lbk_status st = cpu_open(ctx, (int) c->threads, isa_names[c->isa], c->pin, out);
    if (!st) {
        (*out)->memory = c->memory ? (uint64_t) c->memory << 20 : cpu_memory();
        (*out)->winograd = c->winograd == 0;
    }
    return st;
}

static lbk_status put_rates(lbk_ctx *ctx, const struct cpu_cfg *c,
                            void (*put)(void *ud, const char *key, const char *value), void *ud)
{
    lbk_drv *d;
    char text[32];
    double gflops, gbs;
    lbk_status st = cpu_open(ctx, (int) c->threads, isa_names[c->isa], c->pin, &d);
    if (st)
        return st;
    st = cpu_rates(d, &gflops, &gbs);
    cpu_device_fns.close(d);
    if (st)
        return lbk_fail(ctx, st, "cpu device: no memory to measure its bandwidth with");
    snprintf(text, sizeof text, "%.1f", gflops);
    put(ud, "fma_gflops", text);
    snprintf(text, sizeof text, "%.1f", gbs);
    put(ud, "bandwidth_gbs", text);
    return LBK_OK;
}

static lbk_status report(lbk_ctx *ctx, int index, const void *cfg,
                         void (*put)(void *ud, const char *key, const char *value), void *ud)
{
    const struct cpu_cfg *c = cfg;
    char text[256];
    if (index != 0)
        return no_such(ctx, index);
    cpu_name(text, sizeof text);
    put(ud, "processor", text);
    snprintf(text, sizeof text, "%d", pool_cores());
    put(ud, "cores", text);
    snprintf(text, sizeof text, "%d", c->threads ? (int) c->threads : pool_cores());
    put(ud, "threads", text);
    const int isa = cpu_isa_find(isa_names[c->isa]);
    put(ud, "instruction set", isa < 0 ? "not on this machine" : cpu_isa_name(isa));
    snprintf(text, sizeof text, "%.1f GiB", (double) cpu_memory() / (1 << 30));
    put(ud, "memory", text);
    return isa < 0 ? LBK_OK : put_rates(ctx, c, put, ud);
}

static const struct lbk_backend backend = {
    .size = sizeof backend,
    .name = "cpu",
    .doc = "this machine's processor, vectorised",
    .opts = opts,
    .cfg_size = sizeof(struct cpu_cfg),
    .probe = probe,
    .open = open_drv,
    .report = report,
};

static lbk_status setup(lbk_registrar *r) { return lbk_register_backend(r, &backend); }

LBK_PLUGIN(cpu, "0.1.0", "MIT", "", setup);
