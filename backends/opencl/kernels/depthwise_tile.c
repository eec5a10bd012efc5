/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "gemm_tile.h"

enum { FEW = 8, PHASE_WORDS = 5, CHUNK = 4, WORK_ITEMS = 128, PARTS_MOST = 64, STEPS_LEAST = 8 };

static int64_t of_group(const struct conv_taps *t) { return t->oc / t->groups; }
static int64_t in_group(const struct conv_taps *t) { return t->ic / t->groups; }
static bool is_dw(const struct lbk_group *g) { return strcmp(g->op->name, "conv2d_dw") == 0; }

/* Such tiles would be empty for the most part. */
bool depthwise_tile_suits(const struct conv_taps *t)
{
    return t->groups > 1 && (of_group(t) < FEW || in_group(t) == 1);
}

struct weights {
    int64_t terms, chunks, all, parts;
    int work_items;
};

static struct weights weights_of(const lbk_drv *d, const struct conv_taps *t)
{
    struct weights w = { .terms = in_group(t) * t->n_tap,
                         .all = t->n * t->oh * t->ow,
                         .parts = 1,
                         .work_items = WORK_ITEMS };
    while (w.work_items > (int) d->limits.group)
        w.work_items /= 2;
    w.chunks = (w.terms + CHUNK - 1) / CHUNK;
    while (w.parts < PARTS_MOST && w.chunks * t->oc * w.parts < 8 * d->limits.units &&
           w.all >= 2 * w.parts * w.work_items * STEPS_LEAST)
        w.parts *= 2;
    return w;
}

/* What the last step sees of it: one row of sums for each part. */
static struct gemm sums_of(const struct conv_taps *t, const struct weights *w)
{
    return (struct gemm){ .loads = GEMM_STRIDED,
                          .m = 1,
                          .n = t->oc * w->terms,
                          .z = 1,
                          .pixels = t->oc * w->terms,
                          .places = { "at", -1, NULL },
                          .choice = { NULL, w->parts } };
}

int depthwise_tile_supports(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t,
                            struct lbk_offer *o)
{
    if (!is_dw(g))
        return 1;
    const struct weights w = weights_of(d, t);
    const struct gemm p = sums_of(t, &w);
    o->scratch = gemm_scratch(&p);
    return w.work_items >= CHUNK;
}

static int32_t *phase_table(const struct conv_taps *t, size_t *bytes)
{
    *bytes = (size_t) (t->n_phase * PHASE_WORDS) * sizeof(int32_t);
    int32_t *all = malloc(*bytes + 1), *to = all;
    for (int i = 0; i < t->n_phase && all; i++, to += PHASE_WORDS) {
        const struct conv_phase *f = &t->phase[i];
        to[0] = (int32_t) f->rows;
        to[1] = (int32_t) f->cols;
        to[2] = (int32_t) (in_group(t) * f->tap);
        to[3] = (int32_t) (in_group(t) * (f->tap + f->n_tap));
        to[4] = (int32_t) (f->h0 * t->ow + f->w0);
    }
    return all;
}

static void add_terms(struct ocl_step *s, lbk_drv *d, const struct conv_taps *t, lbk_code *c)
{
    size_t bytes;
    int32_t *terms = gemm_terms(t, &bytes);
    gemm_table(s, d, c, terms, bytes);
}

static void add_sizes(struct ocl_step *s, const struct conv_taps *t)
{
    ocl_int(s, t->ic), ocl_divisor(s, t->oc);
    ocl_divisor(s, of_group(t)), ocl_int(s, in_group(t));
    ocl_int(s, t->ih), ocl_int(s, t->iw);
    ocl_int(s, t->is), ocl_int(s, t->top), ocl_int(s, t->left);
}

static void gather_step(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t,
                        lbk_code *c)
{
    struct ocl_step *s = ocl_step(c, "depthwise_tile");
    size_t bytes;
    ocl_arg(s, ocl_plain_operand(g, 0)), ocl_arg(s, ocl_plain_operand(g, 1));
    add_terms(s, d, t, c);
    int32_t *phases = phase_table(t, &bytes);
    gemm_table(s, d, c, phases, bytes);
    ocl_int(s, t->n * t->oc * t->n_phase), ocl_divisor(s, t->n_phase);
    add_sizes(s, t);
    ocl_int(s, t->os), ocl_int(s, t->oh), ocl_int(s, t->ow);
    ocl_int(s, t->w_group), ocl_int(s, t->w_oc);
    ocl_epi(s, g, &(struct ocl_places){ "at", 1, "channel" });
    ocl_grid(s, t->cols, t->rows, t->n * t->oc * t->n_phase);
}

static void weights_steps(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t,
                          lbk_code *c)
{
    const struct weights w = weights_of(d, t);
    const struct gemm sums = sums_of(t, &w);
    const int64_t groups = w.chunks * t->oc * w.parts;
    struct ocl_step *s = ocl_step(c, "depthwise_tile_dw");
    ocl_define(s, "G", "%d", w.work_items);
    ocl_define(s, "PARTIAL", "%d", w.parts > 1);
    ocl_arg(s, ocl_plain_operand(g, 0)), ocl_arg(s, ocl_plain_operand(g, 1));
    add_terms(s, d, t, c);
    ocl_int(s, w.terms), ocl_divisor(s, w.chunks);
    add_sizes(s, t);
    ocl_int(s, w.all), ocl_int(s, (w.all + w.parts - 1) / w.parts);
    ocl_divisor(s, t->oh * t->ow), ocl_divisor(s, t->ow);
    if (w.parts > 1)
        ocl_scratch(s, 0, sizeof(float));
    else
        ocl_epi(s, g, &sums.places);
    ocl_groups(s, (const int64_t[3]){ groups, 1, 1 }, (const int64_t[3]){ w.work_items, 1, 1 });
    if (w.parts > 1)
        gemm_sum_step(d, g, &sums, c);
}

void depthwise_tile_prepare(lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t,
                            lbk_code *c)
{
    if (is_dw(g))
        weights_steps(d, g, t, c);
    else
        gather_step(d, g, t, c);
}
