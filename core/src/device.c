/* SPDX-License-Identifier: MIT */
/* The front of a driver: opens it by a spec, accounts for its memory, fills in what it leaves out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"

static lbk_status copy_through_host(lbk_device *d, lbk_mem *dst, size_t doff, const lbk_mem *src,
                                    size_t soff, size_t n)
{
    void *p = malloc(n ? n : 1);
    if (!p)
        return lbk_fail(d->ctx, LBK_ENOMEM, "device: out of memory");
    lbk_status st = d->fns.read(d->drv, src, soff, p, n);
    if (!st)
        st = d->fns.write(d->drv, dst, doff, p, n);
    free(p);
    return st;
}

lbk_status lbk__mem_copy(lbk_device *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff,
                         size_t n)
{
    if (!n)
        return LBK_OK;
    return d->fns.copy ? d->fns.copy(d->drv, dst, doff, src, soff, n)
                       : copy_through_host(d, dst, doff, src, soff, n);
}

lbk_status lbk__mem_alloc(lbk_device *d, size_t bytes, lbk_mem **out)
{
    const struct lbk_limits *most = &d->limits;
    if (most->max_alloc && bytes > most->max_alloc)
        return LBK_ENOMEM;
    if (most->memory && (d->bytes > most->memory || bytes > most->memory - d->bytes))
        return LBK_ENOMEM;
    const lbk_status st = d->fns.alloc(d->drv, bytes ? bytes : 1, out);
    if (st)
        return st;
    d->bytes += bytes;
    if (d->bytes > d->peak_bytes)
        d->peak_bytes = d->bytes;
    return LBK_OK;
}

void lbk__mem_free(lbk_device *d, lbk_mem *m, size_t bytes)
{
    if (!m)
        return;
    d->fns.free(d->drv, m);
    d->bytes -= bytes;
}

/* "opencl:1,fp16=yes" -> backend name, index, the rest */
static lbk_status split(lbk_ctx *ctx, const char *spec, char name[32], int *index,
                        const char **rest)
{
    const size_t n = strcspn(spec, ":,");
    char *end;
    *index = 0, *rest = "";
    if (!n || n >= 32)
        return lbk_fail(ctx, LBK_EINVAL, "device '%s': expected backend[:index][,option=value]",
                        spec);
    memcpy(name, spec, n), name[n] = 0;
    if (spec[n] == ':') {
        const long i = strtol(spec + n + 1, &end, 10);
        if (end == spec + n + 1 || (*end && *end != ',') || i < 0 || i > 255)
            return lbk_fail(ctx, LBK_EINVAL, "device '%s': expected an index of 0..255 after ':'",
                            spec);
        *index = (int) i;
        *rest = *end ? end + 1 : end;
    } else if (spec[n] == ',') {
        *rest = spec + n + 1;
    }
    return LBK_OK;
}

/* What a spec that is not auto names: a backend, one of its devices, options to be destroyed. */
static lbk_status resolve(lbk_ctx *ctx, const char *spec, const struct lbk_backend **backend,
                          int *index, lbk_opts **opts)
{
    char name[32];
    const char *rest;
    const void *found;
    *opts = NULL;
    lbk_status st = split(ctx, spec, name, index, &rest);
    if (!st)
        st = lbk__registry_need(ctx, LBK_BACKENDS, name, &found);
    if (st)
        return st;
    *backend = found;
    st = lbk_opts_create(ctx, (*backend)->opts, (*backend)->cfg_size, opts);
    if (!st)
        st = lbk_opts_parse(*opts, rest);
    if (st)
        lbk_opts_destroy(opts);
    return st;
}

/* A driver that has just opened a device and no longer lists it has failed. */
static lbk_status ask_info(lbk_device *d)
{
    enum { MOST = 64 };
    struct lbk_device_info info[MOST];
    const int n = d->backend->probe(d->ctx, info, MOST);
    if (d->index >= n)
        return lbk_fail(d->ctx, LBK_EDEVICE, "device '%s': opened, but its driver now lists %d",
                        d->spec, n);
    if (d->index < MOST)
        d->info = info[d->index];
    return LBK_OK;
}

static lbk_status start(lbk_device *d)
{
    const struct lbk_device_fns *fns;
    lbk_status st = d->backend->open(d->ctx, d->index, lbk_opts_cfg(d->opts), &d->drv, &fns);
    if (st)
        return st;
    memcpy(&d->fns, fns, fns->size < sizeof d->fns ? fns->size : sizeof d->fns);
    d->limits.size = sizeof d->limits;
    if (d->fns.limits)
        d->fns.limits(d->drv, &d->limits);
    return ask_info(d);
}

lbk_status lbk_device_open(lbk_ctx *ctx, const char *spec, lbk_device **out)
{
    const struct lbk_backend *backend;
    lbk_opts *opts = NULL;
    char own[LBK_DEVICE_SPEC];
    int index;
    *out = NULL;
    lbk_status st = lbk_device_choose(ctx, spec, own, sizeof own);
    if (!st)
        st = resolve(ctx, own, &backend, &index, &opts);
    if (st)
        return st;
    lbk_device *d = calloc(1, sizeof *d);
    if (!d) {
        lbk_opts_destroy(&opts);
        return lbk_fail(ctx, LBK_ENOMEM, "device: out of memory");
    }
    *d = (lbk_device){ .ctx = ctx, .backend = backend, .opts = opts, .index = index, .refs = 1 };
    memcpy(d->spec, own, sizeof d->spec);
    st = start(d);
    if (st)
        lbk_device_close(&d);
    *out = d;
    return st;
}

lbk_status lbk_device_report(lbk_ctx *ctx, const char *spec,
                             void (*put)(void *ud, const char *key, const char *value), void *ud)
{
    const struct lbk_backend *backend;
    lbk_opts *opts = NULL;
    char own[LBK_DEVICE_SPEC];
    int index;
    lbk_status st = lbk_device_choose(ctx, spec, own, sizeof own);
    if (!st)
        st = resolve(ctx, own, &backend, &index, &opts);
    if (!st && backend->report)
        st = backend->report(ctx, index, lbk_opts_cfg(opts), put, ud);
    lbk_opts_destroy(&opts);
    return st;
}

int lbk_backend_diagnose(lbk_ctx *ctx, const char *backend,
                         void (*put)(void *ud, const char *problem, const char *mend), void *ud)
{
    const struct lbk_backend *b = lbk_registry_find(ctx, LBK_BACKENDS, backend);
    return b && b->diagnose ? b->diagnose(ctx, put, ud) : 0;
}

lbk_status lbk_device_tune(lbk_device *d, void (*put)(void *ud, const char *line), void *ud)
{
    return d->fns.tune ? d->fns.tune(d->drv, put, ud)
                       : lbk_fail(d->ctx, LBK_EUNSUPPORTED,
                                  "device '%s': there is nothing to tune: its kernels are chosen "
                                  "without timing",
                                  d->spec);
}

lbk_status lbk__device_timing(lbk_device *d, bool on)
{
    const int before = d->timed;
    d->timed += on ? 1 : -1;
    return d->fns.timing && !before != !d->timed ? d->fns.timing(d->drv, on) : LBK_OK;
}

bool lbk__device_is_host(const lbk_device *d)
{
    return d->info.is_host || d->info.is_cpu || d->info.unified;
}

void lbk__device_unref(lbk_device *d)
{
    if (--d->refs)
        return;
    if (d->drv)
        d->fns.close(d->drv);
    lbk_opts_destroy(&d->opts);
    free(d);
}

void lbk_device_close(lbk_device **d)
{
    if (*d)
        lbk__device_unref(*d);
    *d = NULL;
}

int lbk_device_list(lbk_ctx *ctx, const char *backend, struct lbk_device_info *out, int max)
{
    const struct lbk_backend *b = lbk_registry_find(ctx, LBK_BACKENDS, backend);
    return b && b->probe ? b->probe(ctx, out, max) : 0;
}
