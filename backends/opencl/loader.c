/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loader.h"

static void *open_library(void)
{
    static const char *const names[] = { "libOpenCL.so.1", "libOpenCL.so" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *h = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (h)
            return h;
    }
    return NULL;
}

/* By way of memory: ISO C has no cast from an object to a function. */
static bool resolve(void *library, const char *name, void *to, const char **why)
{
    void *f = dlsym(library, name);
    memcpy(to, &f, sizeof f);
    if (!f)
        *why = "libOpenCL lacks a function of OpenCL 1.2";
    return f;
}

/* PoCL's threads wander without it, and two may share a core while the other idles: a step took
 * twice as long. It reads this once, when it is loaded; what the user has set is kept. */
static void pin_threads(void) { setenv("POCL_AFFINITY", "1", 0); }

const struct cl_api *ocl_load(const char **why)
{
    struct cl_api *cl = calloc(1, sizeof *cl);
    *why = "no memory";
    if (!cl)
        return NULL;
    *why = "there is no libOpenCL.so.1";
    pin_threads();
    cl->library = open_library();
    bool ok = cl->library;
#define OCL_RESOLVE(f) ok = ok && resolve(cl->library, "cl" #f, &cl->f, why);
    OCL_FUNCTIONS(OCL_RESOLVE)
#undef OCL_RESOLVE
    if (ok)
        return cl;
    ocl_unload(cl);
    return NULL;
}

void ocl_unload(const struct cl_api *cl)
{
    if (cl && cl->library)
        dlclose(cl->library);
    free((void *) cl);
}

bool ocl_library_opens(const char *name, char *why, size_t size)
{
    void *h = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const char *error = h ? NULL : dlerror();
    snprintf(why, size, "%s", error ? error : "");
    if (h)
        dlclose(h);
    return h;
}
