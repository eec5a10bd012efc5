/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <limbeck/ops.h>
#include "conv_taps.h"
#include "sizes.h"

struct kernel {
    int64_t r, s, stride, pad, dil;
};

static int64_t or_one(int64_t v) { return v > 0 ? v : 1; }

/* Every tap, one phase. Padded coordinates: zero is `pad` before the image. */
static void forward(struct conv_taps *c, const struct kernel *k)
{
    c->is = k->stride, c->os = 1;
    c->top = c->left = k->pad;
    c->phase[c->n_phase++] =
        (struct conv_phase){ .rows = c->oh, .cols = c->ow, .n_tap = k->r * k->s, .across = k->s };
    for (int64_t t = 0; t < k->r * k->s; t++)
        c->tap[c->n_tap++] = (struct conv_tap){ t / k->s * k->dil, t % k->s * k->dil, t };
}

/* Output h takes kernel row kh when h + pad - kh * dil is a multiple of the stride. */
static void backward_phase(struct conv_taps *c, const struct kernel *k, int64_t h0, int64_t w0)
{
    struct conv_phase *f = &c->phase[c->n_phase++];
    *f = (struct conv_phase){ .h0 = h0, .w0 = w0, .tap = c->n_tap };
    f->rows = (c->oh - h0 + k->stride - 1) / k->stride;
    f->cols = (c->ow - w0 + k->stride - 1) / k->stride;
    for (int64_t t = 0; t < k->r * k->s; t++) {
        int64_t dh = h0 + k->pad - t / k->s * k->dil, dw = w0 + k->pad - t % k->s * k->dil;
        if (dh % k->stride == 0 && dw % k->stride == 0)
            c->tap[c->n_tap++] = (struct conv_tap){ dh / k->stride, dw / k->stride, t };
    }
    f->n_tap = c->n_tap - f->tap;
    while (f->across < f->n_tap && c->tap[f->tap + f->across].dh == c->tap[f->tap].dh)
        f->across++;
}

static void backward(struct conv_taps *c, const struct kernel *k)
{
    c->is = 1, c->os = k->stride;
    for (int64_t h0 = 0; h0 < least(k->stride, c->oh); h0++)
        for (int64_t w0 = 0; w0 < least(k->stride, c->ow); w0++)
            backward_phase(c, k, h0, w0);
    c->top = c->left = INT64_MIN;
    for (int64_t t = 0; t < c->n_tap; t++) {
        c->top = most(c->top, -c->tap[t].dh);
        c->left = most(c->left, -c->tap[t].dw);
    }
    c->top = c->n_tap ? c->top : 0;
    c->left = c->n_tap ? c->left : 0;
    for (int64_t t = 0; t < c->n_tap; t++) {
        c->tap[t].dh += c->top;
        c->tap[t].dw += c->left;
    }
}

static void find_extents(struct conv_taps *c)
{
    for (int64_t t = 0; t < c->n_tap; t++) {
        c->more_h = most(c->more_h, c->tap[t].dh / c->is);
        c->more_w = most(c->more_w, c->tap[t].dw / c->is);
        c->uses_h[c->tap[t].dh % c->is] = true;
        c->uses_w[c->tap[t].dw % c->is] = true;
    }
    for (int i = 0; i < c->n_phase; i++) {
        c->rows = most(c->rows, c->phase[i].rows);
        c->cols = most(c->cols, c->phase[i].cols);
    }
}

static struct kernel kernel_of(const struct lbk_group *g, lbk_shape w, int64_t *groups)
{
    struct kernel k = { .r = w.d[2], .s = w.d[3] };
    if (strcmp(g->op->name, "conv2d") == 0) {
        const struct lbk_conv2d *p = g->params;
        k.stride = or_one(p->stride), k.pad = p->pad, k.dil = or_one(p->dilation);
        *groups = or_one(p->groups);
    } else {
        const struct lbk_conv2d_to *p = g->params;
        k.stride = or_one(p->stride), k.pad = p->pad, k.dil = or_one(p->dilation);
        *groups = or_one(p->groups);
    }
    return k;
}

static void set_sizes(struct conv_taps *c, lbk_shape in, lbk_shape out)
{
    c->n = in.d[0], c->ic = in.d[1], c->ih = in.d[2], c->iw = in.d[3];
    c->oc = out.d[1], c->oh = out.d[2], c->ow = out.d[3];
}

bool conv_taps_init(struct conv_taps *c, const struct lbk_group *g, lbk_shape a, lbk_shape b)
{
    bool dx = strcmp(g->op->name, "conv2d_dx") == 0, dw = strcmp(g->op->name, "conv2d_dw") == 0;
    lbk_shape w = dw ? g->acc : b;
    memset(c, 0, sizeof *c);
    struct kernel k = kernel_of(g, w, &c->groups);
    set_sizes(c, a, dw ? b : g->acc);
    int64_t row = k.r * k.s, filter = w.d[1] * row;
    c->w_group = w.d[0] / c->groups * filter;
    c->w_oc = dx ? row : filter;
    c->w_ic = dx ? filter : row;
    c->tap = malloc((size_t) (k.r * k.s) * sizeof *c->tap);
    c->phase = malloc((size_t) (k.stride * k.stride) * sizeof *c->phase);
    c->uses_h = calloc((size_t) k.stride, sizeof *c->uses_h);
    c->uses_w = calloc((size_t) k.stride, sizeof *c->uses_w);
    if (!c->tap || !c->phase || !c->uses_h || !c->uses_w) {
        conv_taps_free(c);
        return false;
    }
    (dx ? backward : forward)(c, &k);
    find_extents(c);
    return true;
}

void conv_taps_free(struct conv_taps *c)
{
    free(c->tap);
    free(c->phase);
    free(c->uses_h);
    free(c->uses_w);
    memset(c, 0, sizeof *c);
}
