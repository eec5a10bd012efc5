/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "loader.h"

enum { PATIENCE = 60 }; /* seconds */
const char ocl_crashes[] = "an OpenCL driver crashes or hangs when it is asked for its devices";

void *ocl_library(const char *name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); }

void ocl_library_close(void *library)
{
    if (library)
        dlclose(library);
}

void ocl_library_file(void *library, char *to, size_t size)
{
    char path[PATH_MAX] = "";
    const struct link_map *map;
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) || !realpath(map->l_name, path))
        path[0] = '\0';
    const char *slash = strrchr(path, '/');
    snprintf(to, size, "%s", slash ? slash + 1 : path);
}

static void *open_loader(void)
{
    void *h = ocl_library("libOpenCL.so.1");
    return h ? h : ocl_library("libOpenCL.so");
}

/* By way of memory: ISO C has no cast from an object to a function. */
bool ocl_library_function(void *library, const char *name, void *to)
{
    void *f = dlsym(library, name);
    memcpy(to, &f, sizeof f);
    return f;
}

static bool resolve(void *library, const char *name, void *to, const char **why)
{
    const bool ok = ocl_library_function(library, name, to);
    if (!ok)
        *why = "libOpenCL lacks a function of OpenCL 1.2";
    return ok;
}

/* PoCL's threads wander without it, and two may share a core while the other idles: a step took
 * twice as long. It reads this once, when it is loaded; what the user has set is kept. */
static void pin_threads(void) { setenv("POCL_AFFINITY", "1", 0); }

static const struct cl_api *load(const char **why)
{
    struct cl_api *cl = calloc(1, sizeof *cl);
    *why = "no memory";
    if (!cl)
        return NULL;
    *why = "there is no libOpenCL.so.1";
    cl->library = open_loader();
    bool ok = cl->library;
#define OCL_RESOLVE(f) ok = ok && resolve(cl->library, "cl" #f, &cl->f, why);
    OCL_FUNCTIONS(OCL_RESOLVE)
#undef OCL_RESOLVE
    if (ok)
        return cl;
    ocl_unload(cl);
    return NULL;
}

/* All that happens before a device is chosen. */
static void ask(void *unused)
{
    const char *why;
    struct ocl_found found[1];
    const struct cl_api *cl = load(&why);
    if (cl)
        ocl_find(cl, found, 1);
}

/* Once drivers are in this process, they have been asked. */
static bool is_loaded(void)
{
    void *h = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    ocl_library_close(h);
    return h;
}

const struct cl_api *ocl_load(const char **why)
{
    pin_threads();
    *why = ocl_crashes;
    return is_loaded() || lbk_survives(ask, NULL, PATIENCE) ? load(why) : NULL;
}

void ocl_unload(const struct cl_api *cl)
{
    if (cl)
        ocl_library_close(cl->library);
    free((void *) cl);
}

typedef cl_int(CL_API_CALL *platforms_fn)(cl_uint room, cl_platform_id *to, cl_uint *n);
typedef void *(CL_API_CALL *extension_fn)(const char *name);

/* Drivers export it, or tell where it is. */
static platforms_fn platforms_of(void *driver)
{
    static const char name[] = "clIcdGetPlatformIDsKHR";
    extension_fn extension;
    platforms_fn out;
    if (ocl_library_function(driver, name, &out) ||
        !ocl_library_function(driver, "clGetExtensionFunctionAddress", &extension))
        return out;
    void *f = extension(name);
    memcpy(&out, &f, sizeof out);
    return out;
}

enum ocl_driver ocl_driver_try(const char *library, char *why, size_t size)
{
    cl_uint n = 0;
    void *h = ocl_library(library);
    const char *error = h ? NULL : dlerror();
    const platforms_fn platforms = h ? platforms_of(h) : NULL;
    const cl_int err = platforms ? platforms(0, NULL, &n) : CL_SUCCESS;
    const bool idle = platforms && (err || n == 0);
    why[0] = '\0';
    if (!h)
        snprintf(why, size, "does not load: %s", error ? error : "no reason is given");
    else if (!platforms)
        snprintf(why, size, "is no OpenCL driver");
    else if (idle)
        snprintf(why, size, "loads, but finds no platform (error %d)", err);
    ocl_library_close(h);
    return idle ? OCL_DRIVER_IDLE : platforms ? OCL_DRIVER_WORKS : OCL_DRIVER_BROKEN;
}
