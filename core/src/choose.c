/* SPDX-License-Identifier: MIT */
/* The device that "auto" stands for. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "device.h"

enum { MOST = 64 }; /* devices of one backend that are looked at */

enum class { OTHER_CPU, HOST_CPU, ACCELERATOR };

static enum class class_of(const struct lbk_device_info *d)
{
    return !d->is_cpu ? ACCELERATOR : d->is_host ? HOST_CPU : OTHER_CPU;
}

/* Of two of a kind the one with memory of its own, then the one with more; the first of equals. */
static bool better(const struct lbk_device_info *a, const struct lbk_device_info *b)
{
    if (class_of(a) != class_of(b))
        return class_of(a) > class_of(b);
    if (class_of(a) == ACCELERATOR && a->unified != b->unified)
        return b->unified;
    return a->memory > b->memory;
}

static lbk_status best(lbk_ctx *ctx, char *spec, size_t size)
{
    struct lbk_device_info top = { .memory = 0 }, d[MOST];
    const struct lbk_backend *of = NULL;
    int index = 0;
    const lbk_status st = lbk_plugin_load_all(ctx);
    if (st)
        return st;
    for (const struct lbk_backend *b = NULL; (b = lbk_registry_next(ctx, LBK_BACKENDS, b));) {
        const int n = lbk_device_list(ctx, b->name, d, MOST);
        for (int i = 0; i < n && i < MOST; i++)
            if (!d[i].unusable && (!of || better(&d[i], &top)))
                of = b, index = i, top = d[i];
    }
    if (!of)
        return lbk_fail(ctx, LBK_EDEVICE, "device 'auto': no backend has found a device");
    snprintf(spec, size, index ? "%s:%d" : "%s", of->name, index);
    lbk_ctx_log(ctx, LBK_LOG_INFO, "device=auto is %s: %s, %s", spec, top.name, top.vendor);
    return LBK_OK;
}

lbk_status lbk_device_choose(lbk_ctx *ctx, const char *spec, char *out, size_t size)
{
    const bool is_auto = !strncmp(spec, "auto", 4) && (!spec[4] || strchr(":,", spec[4]));
    if (is_auto && spec[4])
        return lbk_fail(ctx, LBK_EINVAL,
                        "device '%s': auto takes no index and no options: name a device for them",
                        spec);
    if (is_auto)
        return best(ctx, out, size);
    if ((size_t) snprintf(out, size, "%s", spec) >= size)
        return lbk_fail(ctx, LBK_EINVAL, "device '%.40s...': expected at most %zu characters", spec,
                        size - 1);
    return LBK_OK;
}
