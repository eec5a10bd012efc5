/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/file.h>
#include "cache.h"
#include "device.h"

enum { FORMAT = 1, HEADER = 256, BINARY_MOST = 64 << 20, CACHE_MOST = 256 << 20 };
static const char suffix[] = ".program";

lbk_status ocl_cache_open(lbk_drv *d, bool kept)
{
    char why[256];
    struct ocl_text t = { 0 };
    struct ocl_cache *c = calloc(1, sizeof *c);
    d->cache = c;
    if (c)
        ocl_identity(d->cl, d->platform, d->device, &t);
    if (!c || t.failed) {
        free(t.s);
        return lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
    }
    lbk_sha256(t.s, t.n, c->device);
    free(t.s);
    c->most = CACHE_MOST;
    if (kept && !ocl_folder_open(c->folder, why)) {
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "opencl: built kernels are not kept: folder '%s': %s",
                    c->folder, why);
        kept = false;
    }
    if (!kept)
        c->folder[0] = '\0';
    ocl_facts_load(d);
    return LBK_OK;
}

void ocl_cache_close(lbk_drv *d)
{
    struct ocl_cache *c = d->cache;
    if (c && c->stored)
        ocl_folder_trim(c->folder, suffix, c->most);
    free(c);
    d->cache = NULL;
}

void ocl_cache_key(const lbk_drv *d, const char *options, const char *text, char key[65])
{
    char all[256], of_text[65];
    lbk_sha256(text, strlen(text), of_text);
    const int n = snprintf(all, sizeof all, "program %d %s %s %s", FORMAT, d->cache->device,
                           options, of_text);
    lbk_sha256(all, (size_t) n, key);
}

/* The same for a reader and a writer, so that a reader only compares. Zeros after it: some drivers
 * read a binary as words. */
static void make_header(const char *key, const void *binary, size_t n, char to[HEADER])
{
    char of_binary[65];
    lbk_sha256(binary, n, of_binary);
    memset(to, 0, HEADER);
    snprintf(to, HEADER, "limbeck opencl program %d\n%s\n%zu\n%s\n", FORMAT, key, n, of_binary);
}

static cl_program build(lbk_drv *d, const unsigned char *binary, size_t n, const char *options)
{
    cl_int err, found = CL_SUCCESS;
    cl_program p =
        d->cl->CreateProgramWithBinary(d->context, 1, &d->device, &n, &binary, &found, &err);
    err = err ? err : found;
    if (!err)
        err = d->cl->BuildProgram(p, 1, &d->device, options, NULL, NULL);
    if (!err || !p)
        return p;
    d->cl->ReleaseProgram(p);
    return NULL;
}

void ocl_cache_drop(lbk_drv *d, const char *key)
{
    char path[OCL_PATH_MOST];
    if (d->cache->folder[0] && ocl_folder_file(d->cache->folder, key, suffix, path))
        unlink(path);
}

cl_program ocl_cache_load(lbk_drv *d, const char *key, const char *options)
{
    char path[OCL_PATH_MOST], header[HEADER];
    unsigned char *file;
    size_t n;
    cl_program p = NULL;
    if (!d->cache->folder[0] || !ocl_folder_file(d->cache->folder, key, suffix, path))
        return NULL;
    const int err = lbk_file_slurp(path, BINARY_MOST + HEADER, &file, &n);
    if (err == ENOENT)
        return NULL;
    if (!err && n > HEADER) {
        make_header(key, file + HEADER, n - HEADER, header);
        if (memcmp(file, header, HEADER) == 0)
            p = build(d, file + HEADER, n - HEADER, options);
    }
    free(file);
    if (p) {
        utimensat(AT_FDCWD, path, NULL, 0);
    } else {
        lbk_ctx_log(d->ctx, LBK_LOG_INFO, "opencl: '%s' is not usable and is built again", path);
        unlink(path);
    }
    return p;
}

unsigned char *ocl_binary(lbk_drv *d, cl_program program, size_t before, size_t *n)
{
    *n = 0;
    if (d->cl->GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *n, n, NULL) || !*n ||
        *n > BINARY_MOST)
        return NULL;
    unsigned char *file = malloc(before + *n), *binary = file ? file + before : NULL;
    if (file && d->cl->GetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL)) {
        free(file);
        file = NULL;
    }
    return file;
}

void ocl_cache_store(lbk_drv *d, const char *key, cl_program program)
{
    struct ocl_cache *c = d->cache;
    char path[OCL_PATH_MOST];
    size_t n;
    if (!c->folder[0] || !ocl_folder_file(c->folder, key, suffix, path))
        return;
    unsigned char *file = ocl_binary(d, program, HEADER, &n);
    if (!file)
        return;
    make_header(key, file + HEADER, n, (char *) file);
    const int err = lbk_file_replace(path, file, n + HEADER);
    free(file);
    c->stored |= !err;
    if (err && !c->told)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "opencl: a built kernel is not kept: '%s': %s", path,
                    strerror(err));
    c->told |= err != 0;
}

/* ---- identity ---- */

static const struct {
    const char *name;
    cl_uint what;
} of_platform[] = { { "platform", CL_PLATFORM_NAME }, { "platform version", CL_PLATFORM_VERSION } },
  of_device[] = { { "device", CL_DEVICE_NAME },     { "vendor", CL_DEVICE_VENDOR },
                  { "version", CL_DEVICE_VERSION }, { "opencl c", CL_DEVICE_OPENCL_C_VERSION },
                  { "driver", CL_DRIVER_VERSION },  { "extensions", CL_DEVICE_EXTENSIONS } };

void ocl_identity(const struct cl_api *cl, cl_platform_id platform, cl_device_id device,
                  struct ocl_text *t)
{
    enum { UUID = 0x106A, UUID_BYTES = 16 }; /* CL_DEVICE_UUID_KHR */
    static const uint16_t one = 1;
    char text[16384];
    unsigned char uuid[UUID_BYTES];
    cl_uint vendor = 0;
    for (size_t i = 0; i < sizeof of_platform / sizeof *of_platform; i++) {
        ocl_platform_text(cl, platform, of_platform[i].what, text, sizeof text);
        ocl_put(t, "%s: %s\n", of_platform[i].name, text);
    }
    for (size_t i = 0; i < sizeof of_device / sizeof *of_device; i++) {
        ocl_device_text(cl, device, of_device[i].what, text, sizeof text);
        ocl_put(t, "%s: %s\n", of_device[i].name, text);
    }
    cl->GetDeviceInfo(device, CL_DEVICE_VENDOR_ID, sizeof vendor, &vendor, NULL);
    ocl_put(t, "vendor id: %08x\nuuid: ", (unsigned) vendor);
    if (!cl->GetDeviceInfo(device, UUID, sizeof uuid, uuid, NULL))
        for (int i = 0; i < UUID_BYTES; i++)
            ocl_put(t, "%02x", uuid[i]);
    ocl_put(t, "\nhost: %d bits, %s endian\n", 8 * (int) sizeof(void *),
            *(const unsigned char *) &one ? "little" : "big");
}
