/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clblast.h"
#include "code.h"
#include "kernels/gemm_tile.h"
#include "probe.h"
#include "trial.h"

enum { SMALLEST = 512, LARGEST = 4096 };
static const double long_enough = 2; /* ms */

void ocl_say(const struct ocl_tuner *o, const char *fmt, ...)
{
    char text[256];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    o->put(o->ud, text);
}

/* GFLOP/s; 0: not taken, or failed. */
static double product(lbk_drv *d, int64_t n)
{
    static const struct lbk_matmul params = { false, false };
    const lbk_shape s = { 2, { n, n } }, in[] = { s, s };
    struct ocl_trial t;
    if ((double) n * (double) n * 4 > (double) d->limits.max_alloc ||
        ocl_trial_open(d, "matmul", &params, in, s, &t))
        return 0;
    const double ms = ocl_trial_time(&t);
    ocl_trial_close(&t);
    return ms > 0 ? 2e-6 * (double) n * (double) n * (double) n / ms : 0;
}

static double convolution(lbk_drv *d)
{
    enum { IMAGES = 16, C = 64, SIDE = 32 };
    static const struct lbk_conv2d params = { .stride = 1, .pad = 1, .dilation = 1, .groups = 1 };
    const lbk_shape x = { 4, { IMAGES, C, SIDE, SIDE } }, in[] = { x, { 4, { C, C, 3, 3 } } };
    struct ocl_trial t;
    if (ocl_trial_open(d, "conv2d", &params, in, x, &t))
        return 0;
    const double ms = ocl_trial_time(&t);
    ocl_trial_close(&t);
    return ms > 0 ? 2e-6 * IMAGES * C * SIDE * SIDE * 9 * C / ms : 0;
}

/* As large as takes long enough. */
static double large_product(lbk_drv *d, int64_t *n)
{
    double rate = 0;
    for (*n = SMALLEST;; *n *= 2) {
        rate = product(d, *n);
        const double m = (double) *n;
        if (rate <= 0 || *n == LARGEST || 2e-6 * m * m * m / rate > long_enough)
            return rate;
    }
}

/* ---- families ---- */

static lbk_status time_family(const struct ocl_tuner *o, enum ocl_family f, double *score)
{
    lbk_drv *d = o->d;
    char why[128];
    int64_t n;
    *score = 0;
    if (f == OCL_WIDE && d->limits.short_loops) {
        ocl_say(o, "family wide: refused: loops are left early");
        return LBK_OK;
    }
    d->family = f;
    const lbk_status st = ocl_selftest(d, why);
    if (st == LBK_EUNSUPPORTED)
        ocl_say(o, "family %s: refused: %s", ocl_family_name(f), why);
    if (st)
        return st == LBK_EUNSUPPORTED ? LBK_OK : st;
    const double product_rate = large_product(d, &n), conv_rate = convolution(d);
    ocl_say(o, "family %s: matrix product of %d: %.1f GFLOP/s, convolution: %.1f GFLOP/s",
            ocl_family_name(f), (int) n, product_rate, conv_rate);
    *score = product_rate * conv_rate;
    return LBK_OK;
}

static lbk_status choose_family(const struct ocl_tuner *o)
{
    lbk_drv *d = o->d;
    const enum ocl_family was = d->family;
    double score[OCL_FAMILIES];
    lbk_status st = LBK_OK;
    for (int f = 0; f < OCL_FAMILIES && !st; f++)
        st = time_family(o, (enum ocl_family) f, &score[f]);
    d->family = was;
    if (st || score[OCL_WIDE] + score[OCL_TILE] <= 0)
        return st;
    d->family = score[OCL_WIDE] > score[OCL_TILE] ? OCL_WIDE : OCL_TILE;
    ocl_fact_set(d, "tuned family", "%s", ocl_family_name(d->family));
    ocl_say(o, "family: %s", ocl_family_name(d->family));
    return LBK_OK;
}

/* ---- tiles ---- */

static void name_tile(const struct gemm_tile *t, char name[OCL_FACT_NAME])
{
    snprintf(name, OCL_FACT_NAME, "tile %dx%dx%d of %dx%d", t->m, t->n, t->k, t->rm, t->rn);
}

static const char wrong[] = "wrong by texts ";

/* A product of some tiles of the largest size, whole and cut off. false: it is wrong, which is kept
 * as a fact of these texts. */
static bool tile_is_right(const struct ocl_tuner *o, const char *name)
{
    enum { M = 150, N = 139, K = 53 };
    char why[128], texts[17];
    if (ocl_trial_product(o->d, M, N, K, why) != LBK_EUNSUPPORTED)
        return true;
    ocl_texts_id(texts);
    ocl_fact_set(o->d, name, "%s%s: %s", wrong, texts, why);
    ocl_say(o, "%s: refused: %s", name, why);
    return false;
}

/* A tile that does not run keeps the speed it is believed to have. */
static void choose_tiles(const struct ocl_tuner *o)
{
    char name[OCL_FACT_NAME];
    int64_t n;
    lbk_drv *d = o->d;
    large_product(d, &n);
    for (int i = 0; i < gemm_tiles(); i++) {
        d->tuning.only = i + 1;
        d->tuning.wrong[i] = false; /* until it is tried again */
        name_tile(gemm_tile_at(i), name);
        if (!tile_is_right(o, name))
            continue;
        const double rate = product(d, n);
        ocl_say(o, "%s: %.1f GFLOP/s", name, rate);
        if (rate > 0)
            ocl_fact_set(d, name, "%.6g GFLOP/s", rate);
    }
    d->tuning.only = 0;
}

/* All of them or none: those of the table are on another scale. */
void ocl_tuning_load(lbk_drv *d)
{
    char name[OCL_FACT_NAME], texts[17];
    bool all = true;
    double best = 0;
    ocl_texts_id(texts);
    for (int i = 0; i < gemm_tiles(); i++) {
        name_tile(gemm_tile_at(i), name);
        const char *known = ocl_fact(d, name);
        d->tuning.speed[i] = known ? strtod(known, NULL) : 0;
        d->tuning.wrong[i] = known && strncmp(known, wrong, sizeof wrong - 1) == 0 &&
                             strncmp(known + sizeof wrong - 1, texts, 16) == 0;
        all = all && (d->tuning.speed[i] > 0 || !gemm_tile_fits(d, i));
        best = d->tuning.speed[i] > best ? d->tuning.speed[i] : best;
    }
    d->tuning.tiles = all && best > 0;
    for (int i = 0; i < gemm_tiles() && d->tuning.tiles; i++)
        d->tuning.speed[i] /= best;
}

lbk_status ocl_tune(lbk_drv *d, void (*put)(void *ud, const char *line), void *ud)
{
    const struct ocl_tuner o = { d, put, ud };
    const enum ocl_gemm gemm = d->gemm;
    d->gemm = OCL_GEMM_OWN;
    lbk_status st = d->family_given ? LBK_OK : choose_family(&o);
    if (!st && d->family == OCL_TILE)
        choose_tiles(&o);
    ocl_tuning_load(d);
    if (!st && gemm == OCL_GEMM_AUTO)
        ocl_clblast_tune(&o);
    d->gemm = gemm;
    ocl_facts_save(d);
    ocl_programs_close(d);
    const lbk_status again = ocl_programs_open(d);
    return st ? st : again;
}
