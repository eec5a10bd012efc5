/* SPDX-License-Identifier: MIT */
/* What the compiler and the device take beyond OpenCL 1.2, or should take by it: small kernels, run
 * and compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "code.h"
#include "device.h"
#include "probe.h"

enum { GROUP = 64, VALUES = 64 };
static const char local_name[] = "usable local memory";

/* One group of GROUP work-items, as many as the largest sub-groups have; a[i] = i to begin with. */
struct trial {
    struct ocl_try t;
    cl_mem buf;
    size_t local; /* bytes of the second argument; 0: there is none */
    size_t group; /* 0: GROUP, or what there is of it */
    size_t said;  /* work-items of a group, by the driver */
};

static bool run(lbk_drv *d, const struct trial *t, float a[VALUES])
{
    const size_t usual = d->limits.group < GROUP ? d->limits.group : GROUP;
    const size_t group = t->group ? t->group : usual;
    const size_t bytes = VALUES * sizeof *a;
    cl_int err = d->cl->SetKernelArg(t->t.kernel, 0, sizeof t->buf, &t->buf);
    if (!err && t->local)
        err = d->cl->SetKernelArg(t->t.kernel, 1, t->local, NULL);
    for (int i = 0; i < VALUES; i++)
        a[i] = (float) i;
    if (!err)
        err = d->cl->EnqueueWriteBuffer(d->queue, t->buf, CL_TRUE, 0, bytes, a, 0, NULL, NULL);
    if (!err)
        err = d->cl->EnqueueNDRangeKernel(d->queue, t->t.kernel, 1, NULL, &group, &group, 0, NULL,
                                          NULL);
    if (!err)
        err = d->cl->EnqueueReadBuffer(d->queue, t->buf, CL_TRUE, 0, bytes, a, 0, NULL, NULL);
    return !err;
}

static bool try_trial(lbk_drv *d, const char *options, const char *text, struct trial *t,
                      float a[VALUES])
{
    cl_int err;
    if (!ocl_try_open(d, options, text, &t->t))
        return false;
    d->cl->GetKernelWorkGroupInfo(t->t.kernel, d->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof t->said,
                                  &t->said, NULL);
    t->buf = d->cl->CreateBuffer(d->context, CL_MEM_READ_WRITE, VALUES * sizeof *a, NULL, &err);
    const bool ok = !err && run(d, t, a);
    if (!err)
        d->cl->ReleaseMemObject(t->buf);
    ocl_try_close(d, &t->t);
    return ok;
}

static bool try_text(lbk_drv *d, const char *options, const char *text, size_t local,
                     float a[VALUES])
{
    struct trial t = { .local = local };
    return try_trial(d, options, text, &t, a);
}

/* Texts build everywhere, as drivers print what a compiler says. NVIDIA's computes with halves and
 * does not say so. */
static void half(lbk_drv *d, const char *name)
{
    static const char text[] = "#if defined(cl_khr_fp16) || defined(__NV_CL_C_VERSION)\n"
                               "#pragma OPENCL EXTENSION cl_khr_fp16 : enable\n"
                               "#define T half\n#else\n#define T float\n#endif\n"
                               "__kernel void probe(__global float *a)\n"
                               "{\n    const T x = (T) a[0];\n    const T y = x + (T) 2049.0f;\n"
                               "    if (get_global_id(0) == 0)\n        a[0] = (float) y;\n}\n";
    float a[VALUES];
    const bool ok = try_text(d, OCL_OPTIONS, text, 0, a) && a[0] == 2048;
    ocl_fact_set(d, name, "%s", ok ? "yes" : "no");
}

/* Known to some compilers only in a later language. */
static void sub_groups(lbk_drv *d, const char *name)
{
    static const char text[] =
        "#if defined(cl_khr_subgroups) || defined(cl_intel_subgroups) || \\\n"
        "    defined(__opencl_c_subgroups)\n"
        "#ifdef cl_khr_subgroups\n#pragma OPENCL EXTENSION cl_khr_subgroups : enable\n#endif\n"
        "#define SUM sub_group_reduce_add(1.0f)\n#define SIZE get_sub_group_size()\n"
        "#else\n#define SUM 0.0f\n#define SIZE 0\n#endif\n"
        "__kernel void probe(__global float *a)\n"
        "{\n    const float n = SUM;\n    const uint size = SIZE;\n"
        "    if (get_global_id(0) == 0)\n        a[0] = n, a[1] = (float) size;\n}\n";
    static const char *const options[] = { OCL_OPTIONS, "-cl-std=CL3.0", "-cl-std=CL2.0" };
    char version[64];
    int major = 1;
    float a[VALUES];
    ocl_device_text(d->cl, d->device, CL_DEVICE_VERSION, version, sizeof version);
    sscanf(version, "OpenCL %d", &major);
    for (int i = 0; i < 3; i++)
        if ((i == 0 || major == 4 - i) && try_text(d, options[i], text, 0, a) && a[0] == a[1] &&
            a[1] >= 1) {
            ocl_fact_set(d, name, "yes: of %d, with %s", (int) a[1], options[i]);
            return;
        }
    ocl_fact_set(d, name, "no");
}

/* A compiler that does not know the instructions may end the process: only one that says it makes
 * PTX is asked. */
static void ptx(lbk_drv *d, const char *name)
{
    static const char text[] =
        "#ifdef __NV_CL_C_VERSION\n"
        "#define LANE(to) asm volatile(\"mov.u32 %0, %%laneid;\" : \"=r\"(to))\n"
        "#else\n#define LANE(to) (to) = 0\n#endif\n"
        "__kernel void probe(__global float *a)\n"
        "{\n    uint lane;\n    LANE(lane);\n    a[get_global_id(0)] = (float) lane + 0.5f;\n}\n";
    float a[VALUES];
    const bool ok = try_text(d, OCL_OPTIONS, text, 0, a) && a[5] == 5.5f;
    ocl_fact_set(d, name, "%s", ok ? "yes" : "no");
}

/* All of it is written, waited for, and read by others; half of it when that fails, and so on. */
static void local_memory(lbk_drv *d, const char *name)
{
    static const char text[] =
        "__kernel void probe(__global float *a, __local float *s)\n"
        "{\n    const int n = %d, i = (int) get_local_id(0), k = (int) get_local_size(0);\n"
        "    for (int j = i; j < n; j += k)\n        s[j] = (float) (j & 1023);\n"
        "    barrier(CLK_LOCAL_MEM_FENCE);\n    int bad = 0;\n"
        "    for (int j = n - 1 - i; j >= 0; j -= k)\n"
        "        bad += s[j] != (float) (j & 1023);\n    a[i] = (float) bad;\n}\n";
    char all[sizeof text + 16];
    float a[VALUES];
    size_t bytes = d->limits.local;
    bool ran = false;
    for (; bytes >= 1024; bytes /= 2) {
        snprintf(all, sizeof all, text, (int) (bytes / sizeof(float)));
        bool ok = try_text(d, OCL_OPTIONS, all, bytes, a);
        ran |= ok;
        for (int i = 0; i < GROUP && i < (int) d->limits.group; i++)
            ok = ok && a[i] == 0;
        if (ok)
            break;
    }
    if (ran)
        ocl_fact_set(d, name, "%zu bytes of %zu", bytes >= 1024 ? bytes : 0, d->limits.local);
}

size_t ocl_known_local(const lbk_drv *d)
{
    const char *known = ocl_fact(d, local_name);
    const size_t bytes = known ? strtoull(known, NULL, 10) : d->limits.local;
    return bytes < d->limits.local ? bytes : d->limits.local;
}

static cl_int fill_some(lbk_drv *d, cl_mem buf, float a[VALUES])
{
    static const float value = 1.5f;
    cl_int err =
        d->cl->EnqueueWriteBuffer(d->queue, buf, CL_TRUE, 0, VALUES * sizeof *a, a, 0, NULL, NULL);
    if (!err)
        err = d->cl->EnqueueFillBuffer(d->queue, buf, &value, sizeof value, 16, 64, 0, NULL, NULL);
    if (!err)
        err = d->cl->EnqueueReadBuffer(d->queue, buf, CL_TRUE, 0, VALUES * sizeof *a, a, 0, NULL,
                                       NULL);
    return err;
}

static void fill(lbk_drv *d, const char *name)
{
    float a[VALUES] = { 0 };
    cl_int err;
    cl_mem buf = d->cl->CreateBuffer(d->context, CL_MEM_READ_WRITE, sizeof a, NULL, &err);
    if (!err)
        err = fill_some(d, buf, a);
    bool ok = !err;
    for (int i = 0; i < VALUES; i++)
        ok = ok && a[i] == (i >= 4 && i < 20 ? 1.5f : 0);
    if (buf)
        d->cl->ReleaseMemObject(buf);
    ocl_fact_set(d, name, "%s", ok ? "yes" : "no");
}

/* llvmpipe leaves the loops of a work-item after 65535 turns in all, and says nothing. */
static void long_loops(lbk_drv *d, const char *name)
{
    static const char text[] =
        "__kernel void probe(__global float *a)\n"
        "{\n    const int n = get_global_id(0) == 0 ? 1 << (int) a[17] : 0;\n"
        "    int turns = 0;\n"
        "    for (int i = 0; i < n; i++)\n        turns += (int) a[1] + (int) a[2 + (i & 1)] / 2;\n"
        "    if (n > 0)\n        a[0] = (float) turns;\n}\n";
    const int want = 1 << 18;
    float a[VALUES];
    if (!try_text(d, OCL_OPTIONS, text, 0, a))
        return; /* it may work the next time */
    if (a[0] == (float) want)
        ocl_fact_set(d, name, "yes");
    else
        ocl_fact_set(d, name, "no: %d turns of %d", (int) a[0] / 2, want / 2);
}

bool ocl_probe_long_loops(lbk_drv *d)
{
    static const char name[] = "long loops";
    if (!ocl_fact(d, name)) {
        long_loops(d, name);
        ocl_facts_save(d);
    }
    const char *known = ocl_fact(d, name);
    return known && strcmp(known, "yes") == 0;
}

/* Mesa 22.3.6 says of every kernel that its groups have 32 work-items at most, and runs 1024. */
static void kernel_groups(lbk_drv *d, const char *name)
{
    static const char text[] =
        "__kernel void probe(__global float *a)\n"
        "{\n    volatile __global int *n = (volatile __global int *) a;\n"
        "    atomic_inc(n);\n    barrier(CLK_GLOBAL_MEM_FENCE);\n"
        "    if (get_local_id(0) == 0)\n        a[1] = (float) *n;\n}\n";
    float a[VALUES];
    struct trial t = { .group = d->limits.group };
    const bool ok = try_trial(d, OCL_OPTIONS, text, &t, a);
    if (t.said && t.said < t.group && ok && a[1] == (float) t.group)
        ocl_fact_set(d, name, "more than it says: %zu, it says %zu", t.group, t.said);
    else if (t.said && (ok || t.said < t.group))
        ocl_fact_set(d, name, "as it says: %zu", t.said);
}

bool ocl_probe_larger_groups(lbk_drv *d)
{
    static const char name[] = "groups of a kernel";
    if (!ocl_fact(d, name)) {
        kernel_groups(d, name);
        ocl_facts_save(d);
    }
    const char *known = ocl_fact(d, name);
    return known && strncmp(known, "more", 4) == 0;
}

const char *const ocl_feature_names[] = {
    "half", "sub-groups", "ptx", local_name, "fill", "long loops", "groups of a kernel", NULL,
};

void ocl_probe_features(lbk_drv *d)
{
    static void (*const find[])(lbk_drv * d, const char *name) = {
        half, sub_groups, ptx, local_memory, fill, long_loops, kernel_groups
    };
    bool any = false;
    for (int i = 0; ocl_feature_names[i]; i++)
        if (!ocl_fact(d, ocl_feature_names[i])) {
            find[i](d, ocl_feature_names[i]);
            any = true;
        }
    if (any)
        ocl_facts_save(d);
}
