/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <limbeck/plugin.h>
#include "cpu.h"

struct cpu_cfg { int64_t threads; int isa; bool pin; };

static const char *const isa_names[] = { "auto", "avx512", "avx2", "base", NULL };
static const struct lbk_opt opts[] = {
    LBK_INT(cpu_cfg, threads, 0, 0, 1024, "threads; 0 = one per core this process may use"),
    LBK_ENUM(cpu_cfg, isa, "auto", isa_names, "instruction set; results are the same bits on each"),
    LBK_BOOL(cpu_cfg, pin, 1, "keep each thread on its core"),
    LBK_OPTS_END
};

#define ISA_NAME(unused, isa) #isa,
static const char *const isa_built[] = { CPU_ISA_LIST(ISA_NAME, unused) };
enum { N_BUILT = sizeof isa_built / sizeof *isa_built };

static bool machine_has(const char *isa)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma");
    if (strcmp(isa, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#endif
    return strcmp(isa, "base") == 0;
}

/* -1: not built in, or not on this machine. */
static int isa_find(const char *name)
{
    bool any = strcmp(name, "auto") == 0;
    for (int i = 0; i < N_BUILT; i++)
        if ((any || strcmp(name, isa_built[i]) == 0) && machine_has(isa_built[i]))
            return i;
    return -1;
}

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
    *out = (struct lbk_device_info) { .is_host = true, .unified = true };
    cpu_name(out->name, sizeof out->name);
    snprintf(out->vendor, sizeof out->vendor, "%d cores, %s", pool_cores(), isa_built[isa_find("auto")]);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    out->memory = pages > 0 && page > 0 ? (uint64_t) pages * (uint64_t) page : 0;
    return 1;
}

static lbk_status open_drv(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out, const struct lbk_device_fns **fns)
{
    const struct cpu_cfg *c = cfg;
    int isa = isa_find(isa_names[c->isa]);
    if (index != 0)
        return lbk_fail(ctx, LBK_ENOENT, "cpu device %d: there is only device 0", index);
    if (isa < 0)
        return lbk_fail(ctx, LBK_EUNSUPPORTED, "cpu option isa=%s: this build or machine has none, expected at most %s",
            isa_names[c->isa], isa_built[isa_find("auto")]);
    lbk_drv *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "cpu device: no memory");
    *d = (lbk_drv) { .ctx = ctx, .isa = isa, .threads = c->threads > 0 ? (int) c->threads : pool_cores() };
    d->pool = pool_create(d->threads, c->pin);
    if (!d->pool) {
        int n = d->threads;
        free(d);
        return lbk_fail(ctx, LBK_ENOMEM, "cpu device: %d threads are not to be had", n);
    }
    *out = d;
    *fns = &cpu_device_fns;
    return LBK_OK;
}

static const struct lbk_backend backend = {
    .size = sizeof backend, .name = "cpu", .doc = "this machine's processor, vectorised", .opts = opts,
    .cfg_size = sizeof(struct cpu_cfg), .probe = probe, .open = open_drv,
};

static lbk_status setup(lbk_registrar *r)
{
    return lbk_register_backend(r, &backend);
}

LBK_PLUGIN(cpu, "0.1.0", "MIT", "", setup);
