/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cache.h"
#include "code.h"
#include "probe.h"

enum { TURNS = 3, TEXT_BYTES = 64 };

double ocl_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec * 1e-6;
}

/* ---- small programs ---- */

static bool built(lbk_drv *d, cl_int err, const char *options, struct ocl_try *t)
{
    if (!err)
        err = d->cl->BuildProgram(t->program, 1, &d->device, options, NULL, NULL);
    if (!err)
        t->kernel = d->cl->CreateKernel(t->program, "probe", &err);
    if (err)
        ocl_try_close(d, t);
    return !err;
}

bool ocl_try_open(lbk_drv *d, const char *options, const char *text, struct ocl_try *t)
{
    cl_int err;
    *t = (struct ocl_try){ .program = NULL };
    t->program = d->cl->CreateProgramWithSource(d->context, 1, &text, NULL, &err);
    return built(d, err, options, t);
}

void ocl_try_close(lbk_drv *d, struct ocl_try *t)
{
    if (t->kernel)
        d->cl->ReleaseKernel(t->kernel);
    if (t->program)
        d->cl->ReleaseProgram(t->program);
    *t = (struct ocl_try){ .program = NULL };
}

/* ---- binaries ---- */

static bool from_binary(lbk_drv *d, const unsigned char *binary, size_t n, struct ocl_try *t)
{
    cl_int err;
    *t = (struct ocl_try){ .program = NULL };
    t->program = d->cl->CreateProgramWithBinary(d->context, 1, &d->device, &n, &binary, NULL, &err);
    return built(d, err, OCL_OPTIONS, t);
}

/* The shortest of some turns, in ms; 0: it failed. Drivers with a cache build the second time from
 * that, which is what a cache of ours would compete with. */
static double shortest(lbk_drv *d, const char *text, const unsigned char *binary, size_t n)
{
    double best = 0;
    for (int i = 0; i < TURNS; i++) {
        struct ocl_try t;
        const double from = ocl_now();
        if (!(binary ? from_binary(d, binary, n, &t) : ocl_try_open(d, OCL_OPTIONS, text, &t)))
            return 0;
        const double ms = ocl_now() - from;
        ocl_try_close(d, &t);
        best = best > 0 && best < ms ? best : ms;
    }
    return best;
}

static bool is_text(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n && i < TEXT_BYTES; i++)
        if ((s[i] < ' ' || s[i] > '~') && !strchr("\t\n\r", s[i]))
            return false;
    return n > 0;
}

static void judge(lbk_drv *d, const char *text, cl_program p)
{
    size_t n;
    const double build = shortest(d, text, NULL, 0), from = ocl_now();
    unsigned char *binary = ocl_binary(d, p, 0, &n);
    const double asking = ocl_now() - from;
    const double load = binary ? shortest(d, NULL, binary, n) : 0;
    static const char name[] = "binaries";
    if (!binary || load <= 0)
        d->cache->no_binaries = true; /* no fact: it may not happen again */
    else if (is_text(binary, n))
        ocl_fact_set(d, name, "no: a binary is text, which is compiled again");
    else if (2 * asking > build)
        ocl_fact_set(d, name, "no: asking for one takes %.2f ms, building %.2f ms", asking, build);
    else if (2 * load > build)
        ocl_fact_set(d, name, "no: loading one takes %.2f ms, building %.2f ms", load, build);
    else
        ocl_fact_set(d, name, "yes: asking takes %.2f ms, loading %.2f ms, building %.2f ms",
                     asking, load, build);
    free(binary);
}

bool ocl_probe_binaries(lbk_drv *d)
{
    char text[256];
    struct ocl_try t;
    const char *known = ocl_fact(d, "binaries");
    if (known || d->cache->no_binaries)
        return known && strncmp(known, "yes", 3) == 0;
    /* A text that no cache has seen: its binary has not been asked for either. */
    snprintf(text, sizeof text,
             "__kernel void probe(__global float *a, float x)\n"
             "{\n    const size_t i = get_global_id(0);\n    a[i] = a[i] * x + %ld.%ldf;\n}\n",
             (long) time(NULL), (long) getpid());
    if (!ocl_try_open(d, OCL_OPTIONS, text, &t))
        return false;
    judge(d, text, t.program);
    ocl_try_close(d, &t);
    ocl_facts_save(d);
    known = ocl_fact(d, "binaries");
    return known && strncmp(known, "yes", 3) == 0;
}
