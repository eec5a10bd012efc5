/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "cpu.h"

#define ISA_NAME(unused, isa) #isa,
static const char *const isa_built[] = { CPU_ISA_LIST(ISA_NAME, unused) };
enum { N_BUILT = sizeof isa_built / sizeof *isa_built };

static bool machine_has(const char *isa)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    if (strcmp(isa, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("fma");
    if (strcmp(isa, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
#endif
    return strcmp(isa, "base") == 0;
}

int cpu_isa_find(const char *name)
{
    bool any = strcmp(name, "auto") == 0;
    for (int i = 0; i < N_BUILT; i++)
        if ((any || strcmp(name, isa_built[i]) == 0) && machine_has(isa_built[i]))
            return i;
    return -1;
}

const char *cpu_isa_name(int isa) { return isa_built[isa]; }

lbk_status cpu_open(lbk_ctx *ctx, int threads, const char *isa, bool pin, lbk_drv **out)
{
    int found = cpu_isa_find(isa);
    if (found < 0)
        return lbk_fail(ctx, LBK_EUNSUPPORTED,
                        "cpu option isa=%s: this build or machine has none, expected %s or less",
                        isa, isa_built[cpu_isa_find("auto")]);
    lbk_drv *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "cpu device: no memory");
    *d = (lbk_drv){ .ctx = ctx, .isa = found, .winograd = true };
    d->threads = threads > 0 ? threads : pool_cores();
    d->pool = pool_create(d->threads, pin);
    if (!d->pool) {
        threads = d->threads;
        free(d);
        return lbk_fail(ctx, LBK_ENOMEM, "cpu device: %d threads are not to be had", threads);
    }
    *out = d;
    return LBK_OK;
}
