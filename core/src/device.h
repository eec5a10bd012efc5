/* SPDX-License-Identifier: MIT */
/* Inside of devices, tensors and stores. */
#ifndef LBK_SRC_DEVICE_H
#define LBK_SRC_DEVICE_H
#include <limbeck/backend.h>
#include <limbeck/graph.h>
#include "ctx.h"

struct lbk_device {
    lbk_ctx *ctx;
    char spec[LBK_DEVICE_SPEC];
    const struct lbk_backend *backend;
    lbk_opts *opts;
    lbk_drv *drv;
    struct lbk_device_fns fns;       /* zero-filled past what the driver knows */
    struct lbk_limits limits;
    struct lbk_device_info info;     /* as it was opened */
    int index;                       /* of its backend */
    int timed;                       /* execs that are profiled */
    int refs;
    size_t bytes, peak_bytes;        /* allocated through lbk__mem_alloc */
};
struct lbk_tensor {
    lbk_device *device;
    lbk_mem *mem;
    lbk_dtype dtype;
    lbk_shape shape;
    size_t bytes;
    int refs;
};

/* Whole-array access to a store, in order of name. */
struct store_entry { char *name; lbk_tensor *tensor; };
struct lbk_store {
    lbk_device *device;
    struct store_entry *at;
    int64_t n, cap;
    uint64_t changes;                /* counts: a name that has another tensor, or none any more */
};

/* Device memory, counted; 0 bytes are allowed. LBK_ENOMEM is the caller's to log, who knows what it was for: the driver
 * has no more, or the limits of the device are passed. */
lbk_status lbk__mem_alloc(lbk_device *d, size_t bytes, lbk_mem **out);
void lbk__mem_free(lbk_device *d, lbk_mem *m, size_t bytes);
lbk_status lbk__mem_copy(lbk_device *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff, size_t n);
/* As lbk_tensor_create, but LBK_ENOMEM is the caller's to log. */
lbk_status lbk__tensor_make(lbk_device *d, lbk_dtype t, lbk_shape s, lbk_tensor **out);
/* A tensor to be bound to an input or output of x: without memory for it, it says what the plan needs. */
lbk_status lbk__exec_tensor(const lbk_exec *x, lbk_dtype t, lbk_shape s, lbk_tensor **out);
/* Is its memory that of the host? */
bool lbk__device_is_host(const lbk_device *d);
/* Counted: launches are timed while any exec wants them to be. */
lbk_status lbk__device_timing(lbk_device *d, bool on);
/* tensors, stores and execs keep their device open */
void lbk__device_unref(lbk_device *d);

size_t lbk__dtype_size(lbk_dtype t);
const char *lbk__dtype_name(lbk_dtype t);
/* Bytes of a dense tensor; false on overflow or a negative extent. The only place that
 * multiplies extents that come from outside. */
bool lbk__shape_bytes(lbk_dtype t, lbk_shape s, size_t *out);
bool lbk__same_shape(lbk_shape a, lbk_shape b);
/* "64x3x7x7" into buf; returns buf. "scalar" for rank 0. */
const char *lbk__shape_text(lbk_shape s, char *buf, size_t size);

#endif
