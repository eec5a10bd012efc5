/* SPDX-License-Identifier: MIT */
#ifndef LBK_TENSOR_H
#define LBK_TENSOR_H
#include <limbeck/base.h>
LBK_BEGIN

#define LBK_MAX_DIMS 6

typedef enum lbk_dtype { LBK_F32 = 1, LBK_F16, LBK_I32, LBK_U8 } lbk_dtype;
/* row-major; rank 0 is a scalar */
typedef struct lbk_shape { int n; int64_t d[LBK_MAX_DIMS]; } lbk_shape;
#define LBK_SHAPE(...) \
    ((lbk_shape) { (int) (sizeof((int64_t[]) { __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#define LBK_SHAPE_ANY ((lbk_shape) { -1, { 0 } })

static inline int64_t lbk_shape_count(lbk_shape s)
{
    int64_t n = 1;
    for (int i = 0; i < s.n; i++)
        n *= s.d[i];
    return n;
}

typedef struct lbk_device lbk_device;
typedef struct lbk_tensor lbk_tensor;   /* storage on one device, reference counted */

struct lbk_device_info {
    char name[64], vendor[64];
    uint64_t memory;                   /* bytes; 0 = unknown */
    /* is_host: the host itself, with no driver in between; unified: shares its memory with the host */
    bool is_host, unified, fp16;
    bool is_cpu;                       /* a processor of the host, whatever drives it */
    bool unusable;                     /* it is there, and cannot be opened: too old, no compiler */
    uint64_t max_alloc;                /* bytes of the largest single buffer; 0 = no limit */
};
/* How many there are, of which out got at most max; 0 also for a backend that is not there. */
LBK_API int       lbk_device_list(lbk_ctx *ctx, const char *backend, struct lbk_device_info *out, int max);
/* All that is known about a device, as keys and values in the order of its driver: platform, limits, results of probes,
 * measured rates. Of these, "fma_gflops" (chains of fused multiply-adds, two operations each) and "bandwidth_gbs" (what a
 * kernel that copies floats reads and writes, on buffers that no cache holds) are plain numbers, in 1e9 a second. It may
 * measure for some seconds. No lines: the backend has nothing to tell. The texts are gone
 * when put() returns. [owner thread] */
LBK_API lbk_status lbk_device_report(lbk_ctx *ctx, const char *spec, void (*put)(void *ud, const char *key, const char *value),
                                     void *ud);
/* What is wrong with the installation that a backend stands on, and the command that mends it (mend may be ""): a call
 * for each problem. Returns how many; 0 also for a backend that does not look. [owner thread] */
LBK_API int       lbk_backend_diagnose(lbk_ctx *ctx, const char *backend,
                                       void (*put)(void *ud, const char *problem, const char *mend), void *ud);
enum { LBK_DEVICE_SPEC = 256 };        /* room for any spec */
/* What a spec stands for: itself, but "auto" is the best device that any backend has: one that is no processor before
 * the host's own backend, and that before another backend's processor; of several one with memory of its own,
 * then the one with the most. Says what it chose in one line. LBK_EDEVICE: there is none. */
LBK_API lbk_status lbk_device_choose(lbk_ctx *ctx, const char *spec, char *out, size_t size);
/* "cpu", "opencl:1", "opencl:1,fp16=yes", "auto" */
LBK_API lbk_status lbk_device_open(lbk_ctx *ctx, const char *spec, lbk_device **out);
/* the device itself goes with the last tensor, store or exec on it */
LBK_API void      lbk_device_close(lbk_device **d);
/* Times the kernels that a driver can choose from, and keeps its choice for later runs with the same device and driver; a
 * line for each choice. Minutes. LBK_EUNSUPPORTED: it has nothing to choose. Not while an exec is on it. [owner thread] */
LBK_API lbk_status lbk_device_tune(lbk_device *d, void (*put)(void *ud, const char *line), void *ud);

LBK_API lbk_status  lbk_tensor_create(lbk_device *d, lbk_dtype t, lbk_shape s, lbk_tensor **out);
LBK_API lbk_tensor *lbk_tensor_ref(lbk_tensor *t);
LBK_API void       lbk_tensor_unref(lbk_tensor **t);
LBK_API lbk_dtype   lbk_tensor_dtype(const lbk_tensor *t);
LBK_API lbk_shape   lbk_tensor_shape(const lbk_tensor *t);
LBK_API lbk_status  lbk_tensor_write(lbk_tensor *t, const void *src, size_t bytes);
/* waits for pending work */
LBK_API lbk_status  lbk_tensor_read(const lbk_tensor *t, void *dst, size_t bytes);

LBK_END
#endif
