/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/rng.h>
#include "cache.h"
#include "clblast.h"
#include "code.h"
#include "trial.h"

static const double too_long = 30; /* ms */
static const double tolerance = 1e-4;

/* A classifier's layers with their gradients, attention, and large ones. By how long they take. */
static const struct ocl_product shapes[] = {
    { .z = 1, .m = 256, .n = 256, .k = 256 },    { .z = 64, .m = 256, .n = 256, .k = 64 },
    { .z = 64, .m = 256, .n = 64, .k = 256 },    { .z = 1, .m = 256, .n = 1024, .k = 1024 },
    { .z = 1, .m = 1024, .n = 1024, .k = 256 },  { .z = 1, .m = 1024, .n = 1024, .k = 1024 },
    { .z = 1, .m = 4096, .n = 1024, .k = 1024 }, { .z = 1, .m = 4096, .n = 4096, .k = 4096 },
};
/* Both transposed does not happen in a network. */
static const struct lbk_matmul kinds[] = { { false, false }, { false, true }, { true, false } };

static double operations(const struct ocl_product *p)
{
    return 2.0 * (double) p->z * (double) p->m * (double) p->n * (double) p->k;
}

static lbk_shape matrices(int64_t z, int64_t rows, int64_t cols, bool turned)
{
    const int64_t a = turned ? cols : rows, b = turned ? rows : cols;
    return z == 1 ? (lbk_shape){ 2, { a, b } } : (lbk_shape){ 3, { z, a, b } };
}

static bool fits(const lbk_drv *d, lbk_shape s)
{
    return (double) lbk_shape_count(s) * sizeof(float) <= (double) d->limits.max_alloc;
}

static lbk_status open_trial(lbk_drv *d, enum ocl_gemm gemm, const struct ocl_product *p, int kind,
                             struct ocl_trial *t)
{
    const lbk_shape in[] = { matrices(p->z, p->m, p->k, p->ta), matrices(p->z, p->k, p->n, p->tb) },
                    out = matrices(p->z, p->m, p->n, false);
    if (!fits(d, in[0]) || !fits(d, in[1]) || !fits(d, out))
        return LBK_EUNSUPPORTED;
    d->gemm = gemm;
    return ocl_trial_open(d, "matmul", &kinds[kind], in, out, t);
}

/* GFLOP/s; 0: they could not be had. */
static double rate(lbk_drv *d, enum ocl_gemm gemm, const struct ocl_product *p, int kind)
{
    struct ocl_trial t;
    if (open_trial(d, gemm, p, kind, &t))
        return 0;
    const double ms = ocl_trial_time(&t);
    ocl_trial_close(&t);
    return ms > 0 ? 1e-6 * operations(p) / ms : 0;
}

/* ---- right? ---- */

/* Whole numbers, whose sums are exact in any order. */
static lbk_status write_numbers(lbk_drv *d, const struct lbk_arg *to, uint64_t seed)
{
    const size_t n = (size_t) lbk_shape_count(to->shape);
    float *v = malloc(n * sizeof *v);
    if (!v)
        return LBK_ENOMEM;
    for (size_t i = 0; i < n; i++)
        v[i] = seed ? (float) (lbk_mix(seed, i) % 9) - 4 : NAN;
    const lbk_status st = ocl_write(d, to->mem, 0, v, n * sizeof *v);
    free(v);
    return st;
}

static float *take_result(struct ocl_trial *t)
{
    const size_t bytes = lbk_arg_bytes(&t->g.out[0]);
    lbk_status st = write_numbers(t->d, &t->g.arg[0], 1);
    st = st ? st : write_numbers(t->d, &t->g.arg[1], 2);
    st = st ? st : write_numbers(t->d, &t->g.out[0], 0);
    st = st ? st : ocl_trial_run(t);
    float *y = st ? NULL : malloc(bytes);
    if (y && ocl_read(t->d, t->mem[2], 0, y, bytes)) {
        free(y);
        y = NULL;
    }
    return y;
}

static float *result(lbk_drv *d, enum ocl_gemm gemm, const struct ocl_product *p, int kind)
{
    struct ocl_trial t;
    if (open_trial(d, gemm, p, kind, &t))
        return NULL;
    float *y = take_result(&t);
    ocl_trial_close(&t);
    return y;
}

/* Relative to the largest of a. */
static bool near(const float *a, const float *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double) a[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double) a[i] - (double) b[i]) <= tolerance * most))
            return false;
    return true;
}

static bool agree(lbk_drv *d, const struct ocl_product *p, int kind)
{
    float *own = result(d, OCL_GEMM_OWN, p, kind);
    float *theirs = own ? result(d, OCL_GEMM_CLBLAST, p, kind) : NULL;
    const bool yes = theirs && near(own, theirs, p->z * p->m * p->n);
    free(own), free(theirs);
    return yes;
}

/* The smallest of the classes, odd where they are. */
static struct ocl_product smallest(struct ocl_product p)
{
    p.z = p.z / 2 + 1, p.m = p.m / 2 + 1, p.n = p.n / 2 + 1, p.k = p.k / 2 + 1;
    return p;
}

static struct ocl_product largest(struct ocl_product p)
{
    p.z = 2 * p.z - 1, p.m = 2 * p.m - 1, p.n = 2 * p.n - 1, p.k = 2 * p.k - 1;
    return p;
}

/* ---- choice ---- */

/* The largest are compared only where it matters. own: GFLOP/s. */
static void choose(lbk_drv *d, const struct ocl_product *p, int kind, double own, char *value)
{
    const struct ocl_product low = smallest(*p), high = largest(*p);
    const bool right = agree(d, &low, kind) && agree(d, p, kind);
    const double theirs = right ? rate(d, OCL_GEMM_CLBLAST, p, kind) : 0;
    if (theirs > own && agree(d, &high, kind))
        snprintf(value, OCL_FACT_VALUE, "clblast: %.4g GFLOP/s, own %.4g", theirs, own);
    else if (theirs > 0 && theirs <= own)
        snprintf(value, OCL_FACT_VALUE, "own: %.4g GFLOP/s, clblast %.4g", own, theirs);
    else
        snprintf(value, OCL_FACT_VALUE, "own: %.4g GFLOP/s, clblast fails or computes wrongly",
                 own);
}

/* *own: becomes GFLOP/s of our own, if it can be timed. */
static void time_kind(const struct ocl_tuner *o, struct ocl_product p, int kind, double *own)
{
    char name[OCL_FACT_NAME], value[OCL_FACT_VALUE];
    p.ta = kinds[kind].ta, p.tb = kinds[kind].tb;
    ocl_gemm_fact(o->d, &p, name, sizeof name);
    const double speed = rate(o->d, OCL_GEMM_OWN, &p, kind);
    if (speed <= 0) {
        ocl_say(o, "%s: not timed: the device does not take it", name);
        return;
    }
    *own = speed;
    choose(o->d, &p, kind, speed, value);
    ocl_fact_set(o->d, name, "%s", value);
    ocl_say(o, "%s: %s", name, value);
}

/* What was seen of another library, in any family. */
static void forget(lbk_drv *d, const char *version)
{
    const struct ocl_facts *f = &d->cache->facts;
    const char *tried = ocl_fact(d, "clblast");
    if (tried && version && strcmp(tried, version) == 0)
        return;
    for (int i = 0; i < f->n; i++)
        if (strncmp(f->at[i].name, "gemm ", 5) == 0)
            ocl_fact_set(d, f->at[i].name, "%s", "");
}

void ocl_clblast_tune(const struct ocl_tuner *o)
{
    double own = 0;
    const bool loaded = ocl_clblast_load(o->d);
    forget(o->d, loaded ? ocl_clblast_version(o->d) : NULL);
    if (!loaded) {
        ocl_say(o, "CLBlast: not found; 'apt-get install libclblast1' on Debian");
        return;
    }
    ocl_fact_set(o->d, "clblast", "%s", ocl_clblast_version(o->d));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (own > 0 && 1e-6 * operations(&shapes[i]) / own > too_long) {
            ocl_say(o, "gemm %s: larger products are not timed: they take too long on this device",
                    ocl_family_name(o->d->family));
            return;
        }
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            time_kind(o, shapes[i], (int) k, &own);
    }
}
