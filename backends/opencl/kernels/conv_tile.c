/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "gemm_tile.h"

static bool is_dw(const struct lbk_group *g) { return strcmp(g->op->name, "conv2d_dw") == 0; }

/* Every pixel of in is one of out. */
static bool pointwise(const struct conv_taps *t)
{
    return t->n_tap == 1 && t->is == 1 && t->os == 1 && t->top == 0 && t->left == 0 &&
           t->ih == t->oh && t->iw == t->ow;
}

static int64_t terms_most(const struct conv_taps *t)
{
    int64_t n = 0;
    for (int i = 0; i < t->n_phase; i++)
        n = t->phase[i].n_tap > n ? t->phase[i].n_tap : n;
    return n * (t->ic / t->groups);
}

/* Weights times pixels: m counts channels of out, n its pixels. */
static void plan_gather(const struct conv_taps *t, struct gemm *p)
{
    const bool plain = pointwise(t);
    const int64_t in = t->ih * t->iw, out = t->oh * t->ow, ic = t->ic / t->groups;
    p->loads = plain ? GEMM_STRIDED : GEMM_GATHER;
    p->m = t->oc / t->groups;
    p->n = t->n * t->rows * t->cols;
    p->k = terms_most(t);
    p->z = t->groups * t->n_phase;
    p->a_z = t->w_group, p->a_m = t->w_oc, p->a_k = t->w_ic;
    p->a_along_k = !plain || t->w_ic == 1;
    p->b_z = ic * in, p->b_n = 1, p->b_k = in, p->b_image = t->ic * in;
    p->c_z = p->m * out, p->c_m = out, p->c_image = t->oc * out;
    p->pixels = out;
}

/* dy times pixels of x: m counts channels of dy, n the weights of each, k the pixels of dy. */
static void plan_weights(const struct conv_taps *t, struct gemm *p)
{
    const int64_t in = t->ih * t->iw, out = t->oh * t->ow, ic = t->ic / t->groups;
    p->loads = pointwise(t) ? GEMM_PIXELS : GEMM_SPREAD;
    p->a_along_k = p->b_along_k = true;
    p->m = t->oc / t->groups;
    p->n = ic * t->n_tap;
    p->k = t->n * out;
    p->z = t->groups;
    p->a_z = p->m * out, p->a_m = out, p->a_image = t->oc * out;
    p->b_z = ic * in, p->b_n = in, p->b_image = t->ic * in;
    p->c_z = p->m * p->n, p->c_m = p->n, p->c_image = out;
    p->pixels = out;
}

static bool plan(const lbk_drv *d, const struct lbk_group *g, const struct conv_taps *t,
                 struct gemm *p)
{
    const int first = ocl_plain_operand(g, 0), second = ocl_plain_operand(g, 1);
    *p = (struct gemm){ .a = second, .b = first, .places = { "at", 1, "channel" }, .taps = t };
    if (is_dw(g))
        plan_weights(t, p), p->places = (struct ocl_places){ "at", -1, NULL };
    else
        plan_gather(t, p);
    return gemm_plan(d, p);
}

static bool taps_of(const struct lbk_group *g, struct conv_taps *t)
{
    return conv_taps_init(t, g, g->arg[ocl_plain_operand(g, 0)].shape,
                          g->arg[ocl_plain_operand(g, 1)].shape);
}

/* Results may take the place of what the epilogue reads there. */
static void offer_inplace(const struct lbk_group *g, struct lbk_offer *o)
{
    for (int i = 0; i < g->n_arg; i++)
        if (i != ocl_plain_operand(g, 0) && i != ocl_plain_operand(g, 1) &&
            ocl_is_whole(g, &g->arg[i]))
            o->inplace |= 1u << i;
}

int conv_tile_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    struct conv_taps t;
    struct gemm p;
    if (!ocl_plain_operands(g) || !ocl_epi_fits(g, is_dw(g) ? -1 : 1) || !taps_of(g, &t))
        return 0;
    int ok = gemm_taps_fit(&t) && plan(d, g, &t, &p);
    if (ok && depthwise_tile_suits(&t))
        ok = depthwise_tile_supports(d, g, &t, o);
    else if (ok)
        o->scratch = gemm_scratch(&p);
    offer_inplace(g, o);
    conv_taps_free(&t);
    return ok;
}

void conv_tile_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    struct conv_taps t;
    struct gemm p;
    if (!taps_of(g, &t)) {
        ocl_fail(c, lbk_fail(d->ctx, LBK_ENOMEM, "%s: no memory for its taps", g->op->name));
        return;
    }
    if (depthwise_tile_suits(&t)) {
        depthwise_tile_prepare(d, g, &t, c);
    } else {
        plan(d, g, &t, &p);
        gemm_steps(d, g, &p, c);
    }
    conv_taps_free(&t);
}
