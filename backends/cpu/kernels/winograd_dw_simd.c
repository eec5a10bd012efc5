/* SPDX-License-Identifier: MIT */
#include "winograd_dw.h"
#include "winograd_math.h"

enum { FREQ = WINO_FREQ, SIDE = WINO_SIDE, LANES = 16, SLOTS_MOST = 32, TAPS_MOST = 25 };

INL void copy_pixel(float *to, const float *from)
{
    UNROLL
    for (int v = 0; v < VPB; v++)
        vstore(to + v * VL, from ? vload(from + v * VL) : (vf){ 0 });
}

INL void grad_tile(int m, const float *g, int64_t row, int64_t col, float *to, int64_t step)
{
    vf a[4 * 4], b[SIDE * 4], y[SIDE];
    UNROLL
    for (int i = 0; i < m * m; i++)
        a[i] = vload(g + i / m * row + i % m * col);
    UNROLL
    for (int j = 0; j < m; j++)
        wino_grad(m, a + j, m, b + j, m);
    UNROLL
    for (int i = 0; i < SIDE; i++) {
        wino_grad(m, b + i * m, 1, y, 1);
        UNROLL
        for (int j = 0; j < SIDE; j++)
            vstore(to + (i * SIDE + j) * step, y[j]);
    }
}

INL void grad_tiles(int m, const struct wino_tiles *t)
{
    float part[4 * 4 * LANES];
    for (int64_t i = 0; i < t->n; i++) {
        const struct wino_spot *s = &t->spot[i];
        const float *g = t->from + s->dy;
        int64_t row = t->row, col = t->col;
        if (i + WINO_AHEAD < t->n)
            wino_fetch(t->from + s[WINO_AHEAD].dy, m, m, row, col);
        if (s->rows < m || s->cols < m) {
            wino_part(part, m, g, row, col, (int64_t[]){ 0, s->rows, 0, s->cols });
            g = part, row = m * LANES, col = LANES;
        }
        for (int v = 0; v < VPB; v++)
            grad_tile(m, g + v * VL, row, col, t->to + i * LANES + v * VL, t->to_step);
    }
}

static void grad(const struct wino_tiles *t)
{
    if (t->m == 4)
        grad_tiles(4, t);
    else
        grad_tiles(2, t);
}

/* m channels of x by `blocks` blocks of dy. */
INL void strip(int m, int blocks, const float *v, const float *d, int64_t d_block, int64_t n,
               float *u, int64_t u_block, int first)
{
    enum { MOST = 16 };
    const int nv = blocks * VPB;
    vf acc[MOST];
    UNROLL
    for (int i = 0; i < m * nv; i++)
        acc[i] = (vf){ 0 };
    if (!first)
        UNROLL
    for (int i = 0; i < m * nv; i++)
        acc[i] = vload(u + i / nv * LANES + i % nv / VPB * u_block + i % VPB * VL);
    for (int64_t t = 0; t < n; t++, v += LANES, d += LANES) {
        vf g[2 * VPB];
        UNROLL
        for (int j = 0; j < nv; j++)
            g[j] = vload(d + j / VPB * d_block + j % VPB * VL);
        UNROLL
        for (int i = 0; i < m; i++) {
            vf x = vset(v[i]);
            UNROLL
            for (int j = 0; j < nv; j++)
                acc[i * nv + j] = vfma(x, g[j], acc[i * nv + j]);
        }
    }
    UNROLL
    for (int i = 0; i < m * nv; i++)
        vstore(u + i / nv * LANES + i % nv / VPB * u_block + i % VPB * VL, acc[i]);
}

enum {
    PAIR = VL == 16 ? 2 : 1,
    M_PAIR = VL == 16  ? 8
             : VL == 8 ? 4
                       : 2,
    M_ONE = VL == 16 ? 16 : M_PAIR
};

INL void strips(int m, int blocks, const struct wino_product *p, int64_t f, int64_t kb)
{
    int64_t u_block = p->c_blocks * LANES * LANES;
    const float *d = p->d + f * p->d_step + kb * p->d_block, *v = p->v + f * p->v_step;
    float *u = p->u + f * p->u_step + kb * u_block;
    for (int64_t c = 0; c < p->c_blocks * LANES; c += m)
        strip(m, blocks, v + c / LANES * p->v_block + c % LANES, d, p->d_block, p->n, u + c * LANES,
              u_block, p->first);
}

static void product(const struct wino_product *p)
{
    for (int64_t f = 0; f < p->freqs; f++) {
        int64_t kb = 0;
        for (; PAIR == 2 && kb + 2 <= p->k_blocks; kb += 2)
            strips(M_PAIR, PAIR, p, f, kb);
        for (; kb < p->k_blocks; kb++)
            strips(M_ONE, 1, p, f, kb);
    }
}

INL vf sum_slots(const float *u, int64_t step, int slots)
{
    vf a[SLOTS_MOST];
    if (slots == 1)
        return vload(u);
    for (int s = 0; s < slots / 2; s++)
        a[s] = vload(u + s * step) + vload(u + (s + slots / 2) * step);
    for (int w = slots / 4; w > 0; w /= 2)
        for (int s = 0; s < w; s++)
            a[s] += a[s + w];
    return a[0];
}

INL void weight_tile(int r, const struct wino_weights *w, const float *u, float *to)
{
    vf a[FREQ], b[5 * SIDE], y[5];
    for (int i = 0; i < FREQ; i++)
        a[i] = sum_slots(u + i * w->u_step, w->slot_step, w->slots);
    UNROLL
    for (int j = 0; j < SIDE; j++)
        wino_weight(r, a + j, SIDE, b + j, SIDE);
    UNROLL
    for (int i = 0; i < r; i++) {
        wino_weight(r, b + i * SIDE, 1, y, 1);
        UNROLL
        for (int j = 0; j < r; j++)
            vstore(to + (i * r + j) * LANES, y[j]);
    }
}

INL void tap_tile(const struct wino_weights *w, const float *u, float *to)
{
    for (int i = 0; i < w->taps; i++)
        vstore(to + i * LANES, sum_slots(u + i * w->u_step, w->slot_step, w->slots));
}

static void weights(const struct wino_weights *w)
{
    float to[LANES * TAPS_MOST * LANES];
    const int taps = w->taps;
    for (int c = 0; c < w->channels; c++)
        for (int v = 0; v < VPB; v++) {
            const float *u = w->u + c * LANES + v * VL;
            float *at = to + c * taps * LANES + v * VL;
            if (w->r == 0)
                tap_tile(w, u, at);
            else if (w->r == 3)
                weight_tile(3, w, u, at);
            else
                weight_tile(5, w, u, at);
        }
    for (int lane = 0; lane < w->lanes; lane++)
        for (int i = 0; i < w->channels * taps; i++)
            w->w[lane * w->w_lane + i] = to[i * LANES + lane];
}

INL void copy_tap(const struct tap_copy *c, const float *from, int64_t step, float *to)
{
    for (int64_t i = 0; i < c->lo; i++)
        copy_pixel(to + i * LANES, NULL);
    for (int64_t i = c->lo; i < c->hi; i++)
        copy_pixel(to + i * LANES, from + i * step);
    for (int64_t i = c->hi; i < c->n; i++)
        copy_pixel(to + i * LANES, NULL);
}

static void gather(const struct tap_copies *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        const struct tap_copy *c = &t->copy[i];
        copy_tap(c, t->from + (c->x - t->shift), t->step,
                 t->to + c->tap * t->to_step + c->at * LANES);
    }
}

const struct winograd_dw_loops CPU_TABLE(winograd_dw_loops) = {
    .grad = grad,
    .product = product,
    .weights = weights,
    .gather = gather,
};
