/* SPDX-License-Identifier: MIT */
/* A driver of OpenCL that compiles nothing: what it does and how long it takes is up to the test. */
#ifndef LBK_TESTS_FAKE_CL_H
#define LBK_TESTS_FAKE_CL_H
#include "unit.h"
#include <stdio.h>
#include <unistd.h>
#include "cache.h"
#include "code.h"

/* A program holds its text; its binary is a mark and that text. */
struct _cl_program {
    char *text;
    bool from_binary;
};

struct fake_cl {
    const char *driver, *mark;         /* version; how a binary begins */
    int building, loading, asking;     /* microseconds each takes */
    bool no_binary, refuse_binary, refuse_load_build, lose_kernel; /* the last: of a program that was loaded */
    int sources, binaries, live;       /* counted: builds from text and from binaries; objects not released */
    int warnings;
    char warning[1024];
};
static struct fake_cl fake;

static inline void fake_wait(int us)
{
    if (us)
        usleep((useconds_t) us);
}

static inline cl_int fake_text(const char *s, size_t size, void *to, size_t *n)
{
    if (n)
        *n = strlen(s) + 1;
    if (to && size < strlen(s) + 1)
        return CL_INVALID_VALUE;
    if (to)
        strcpy(to, s);
    return CL_SUCCESS;
}

static cl_int fake_platform_info(cl_platform_id p, cl_platform_info what, size_t size, void *to, size_t *n)
{
    return fake_text("fake", size, to, n);
}

static cl_int fake_device_info(cl_device_id d, cl_device_info what, size_t size, void *to, size_t *n)
{
    static const cl_uint vendor = 0x1234;
    if (what == CL_DEVICE_NAME || what == CL_DRIVER_VERSION)
        return fake_text(what == CL_DEVICE_NAME ? "fake device" : fake.driver, size, to, n);
    if (what != CL_DEVICE_VENDOR_ID || size < sizeof vendor)
        return CL_INVALID_VALUE;
    memcpy(to, &vendor, sizeof vendor);
    return CL_SUCCESS;
}

static cl_program fake_program(const char *text, bool from_binary)
{
    cl_program p = calloc(1, sizeof *p);
    p->text = strdup(text);
    p->from_binary = from_binary;
    fake.live++;
    return p;
}

static cl_program fake_source(cl_context c, cl_uint n, const char **text, const size_t *length, cl_int *err)
{
    *err = CL_SUCCESS;
    return fake_program(text[0], false);
}

static cl_program fake_binary(cl_context c, cl_uint n, const cl_device_id *d, const size_t *length, const unsigned char **binary,
                              cl_int *status, cl_int *err)
{
    const size_t k = strlen(fake.mark);
    *err = *length <= k || memcmp(binary[0], fake.mark, k) != 0 || fake.refuse_binary ? CL_INVALID_BINARY : CL_SUCCESS;
    if (status)
        *status = *err;
    return *err ? NULL : fake_program((const char *) binary[0] + k, true);
}

static cl_int fake_build(cl_program p, cl_uint n, const cl_device_id *d, const char *options, void (*done)(cl_program, void *),
                         void *ud)
{
    if (p->from_binary && fake.refuse_load_build)
        return CL_BUILD_PROGRAM_FAILURE;
    fake_wait(p->from_binary ? fake.loading : fake.building);
    *(p->from_binary ? &fake.binaries : &fake.sources) += 1;
    return CL_SUCCESS;
}

static cl_int fake_program_info(cl_program p, cl_program_info what, size_t size, void *to, size_t *n)
{
    const size_t bytes = strlen(fake.mark) + strlen(p->text) + 1;
    if (what == CL_PROGRAM_BINARY_SIZES) {
        fake_wait(fake.asking);
        *(size_t *) to = fake.no_binary ? 0 : bytes;
        return CL_SUCCESS;
    }
    if (what != CL_PROGRAM_BINARIES)
        return CL_INVALID_VALUE;
    snprintf(*(char **) to, bytes, "%s%s", fake.mark, p->text);
    return CL_SUCCESS;
}

static cl_int fake_build_info(cl_program p, cl_device_id d, cl_program_build_info what, size_t size, void *to, size_t *n)
{
    return fake_text("", size, to, n);
}

static cl_int fake_release_program(cl_program p)
{
    free(p->text);
    free(p);
    fake.live--;
    return CL_SUCCESS;
}

static cl_kernel fake_kernel(cl_program p, const char *name, cl_int *err)
{
    *err = p->from_binary && fake.lose_kernel ? CL_INVALID_KERNEL_NAME : CL_SUCCESS;
    fake.live += !*err;
    return *err ? NULL : (cl_kernel) p;
}

static cl_int fake_release_kernel(cl_kernel k)
{
    fake.live--;
    return CL_SUCCESS;
}

static const struct cl_api fake_api = {
    .GetPlatformInfo = fake_platform_info,
    .GetDeviceInfo = fake_device_info,
    .CreateProgramWithSource = fake_source,
    .CreateProgramWithBinary = fake_binary,
    .BuildProgram = fake_build,
    .GetProgramInfo = fake_program_info,
    .GetProgramBuildInfo = fake_build_info,
    .ReleaseProgram = fake_release_program,
    .CreateKernel = fake_kernel,
    .ReleaseKernel = fake_release_kernel,
};

static void fake_log(void *ud, enum lbk_log_level lvl, const char *msg)
{
    fake.warnings += lvl == LBK_LOG_WARN;
    if (lvl == LBK_LOG_WARN)
        snprintf(fake.warning, sizeof fake.warning, "%s", msg);
}

/* A driver as device.c opens it, with a context of its own. */
static inline void fake_open(lbk_drv *d, bool kept)
{
    const struct lbk_ctx_params p = { .size = sizeof p, .log = fake_log, .log_level = LBK_LOG_WARN, .seed = 1 };
    *d = (lbk_drv){ .cl = &fake_api, .name = "fake device" };
    assert_int_equal(lbk_ctx_create(&p, &d->ctx), LBK_OK);
    assert_int_equal(ocl_cache_open(d, kept), LBK_OK);
    assert_int_equal(ocl_programs_open(d), LBK_OK);
}

static inline void fake_close(lbk_drv *d)
{
    ocl_programs_close(d);
    ocl_cache_close(d);
    lbk_ctx_destroy(&d->ctx);
}

#endif
