/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "device.h"

size_t lbk__dtype_size(lbk_dtype t)
{
    switch (t) {
    case LBK_F32: return 4;
    case LBK_F16: return 2;
    case LBK_I32: return 4;
    case LBK_U8:  return 1;
    }
    return 0;
}

const char *lbk__dtype_name(lbk_dtype t)
{
    switch (t) {
    case LBK_F32: return "f32";
    case LBK_F16: return "f16";
    case LBK_I32: return "i32";
    case LBK_U8:  return "u8";
    }
    return "unknown";
}

bool lbk__shape_bytes(lbk_dtype t, lbk_shape s, size_t *out)
{
    size_t n = lbk__dtype_size(t);
    if (s.n < 0 || s.n > LBK_MAX_DIMS || !n)
        return false;
    for (int i = 0; i < s.n; i++)
        if (s.d[i] < 0 || __builtin_mul_overflow(n, (size_t) s.d[i], &n))
            return false;
    *out = n;
    return n <= PTRDIFF_MAX;
}

const char *lbk__shape_text(lbk_shape s, char *buf, size_t size)
{
    size_t at = 0;
    snprintf(buf, size, "%s", s.n < 0 ? "any" : "scalar");
    for (int i = 0; i < s.n && at < size; i++)
        at += (size_t) snprintf(buf + at, size - at, "%s%" PRId64, i ? "x" : "", s.d[i]);
    return buf;
}

lbk_status lbk__tensor_make(lbk_device *d, lbk_dtype t, lbk_shape s, lbk_tensor **out)
{
    char text[96];
    size_t bytes;
    *out = NULL;
    if (!lbk__shape_bytes(t, s, &bytes))
        return lbk_fail(d->ctx, LBK_EINVAL, "tensor: %s of %s does not fit in memory",
                        lbk__dtype_name(t), lbk__shape_text(s, text, sizeof text));
    lbk_tensor *x = calloc(1, sizeof *x);
    if (!x)
        return LBK_ENOMEM;
    *x = (lbk_tensor) { d, NULL, t, s, bytes, 1 };
    const lbk_status st = lbk__mem_alloc(d, bytes, &x->mem);
    if (st) {
        free(x);
        return st;
    }
    d->refs++;
    *out = x;
    return LBK_OK;
}

lbk_status lbk_tensor_create(lbk_device *d, lbk_dtype t, lbk_shape s, lbk_tensor **out)
{
    char text[96], has[96] = "no more";
    const struct lbk_limits *most = &d->limits;
    size_t bytes = 0;
    const lbk_status st = lbk__tensor_make(d, t, s, out);
    if (st != LBK_ENOMEM)
        return st;
    lbk__shape_bytes(t, s, &bytes);
    if (most->max_alloc && bytes > most->max_alloc)
        snprintf(has, sizeof has, "%" PRIu64 " at most for one buffer", most->max_alloc);
    else if (most->memory)
        snprintf(has, sizeof has, "%" PRIu64, most->memory);
    return lbk_fail(d->ctx, st,
                    "out of memory: a tensor of %s %s needs %zu bytes, device '%s' has %s; %zu are "
                    "in use",
                    lbk__dtype_name(t), lbk__shape_text(s, text, sizeof text), bytes, d->spec, has,
                    d->bytes);
}

lbk_tensor *lbk_tensor_ref(lbk_tensor *t)
{
    t->refs++;
    return t;
}

void lbk_tensor_unref(lbk_tensor **t)
{
    lbk_tensor *x = *t;
    *t = NULL;
    if (!x || --x->refs)
        return;
    lbk_device *d = x->device;
    lbk__mem_free(d, x->mem, x->bytes);
    free(x);
    lbk__device_unref(d);
}

lbk_dtype lbk_tensor_dtype(const lbk_tensor *t) { return t->dtype; }
lbk_shape lbk_tensor_shape(const lbk_tensor *t) { return t->shape; }

static lbk_status whole(const lbk_tensor *t, const char *verb, size_t bytes)
{
    if (bytes == t->bytes)
        return LBK_OK;
    return lbk_fail(t->device->ctx, LBK_EINVAL, "tensor: %s of %zu bytes, expected %zu", verb,
                    bytes, t->bytes);
}

lbk_status lbk_tensor_write(lbk_tensor *t, const void *src, size_t bytes)
{
    const lbk_status st = whole(t, "write", bytes);
    return st || !bytes ? st : t->device->fns.write(t->device->drv, t->mem, 0, src, bytes);
}

lbk_status lbk_tensor_read(const lbk_tensor *t, void *dst, size_t bytes)
{
    const lbk_status st = whole(t, "read", bytes);
    return st || !bytes ? st : t->device->fns.read(t->device->drv, t->mem, 0, dst, bytes);
}
