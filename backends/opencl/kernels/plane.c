/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "plane.h"

enum { TASK = 16384 }; /* elements of a task of a processor */

int ocl_plane_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    if (g->out[0].dtype != LBK_F32) /* only floats lie in blocks */
        return 1;
    for (int i = 0; i < g->n_arg; i++)
        o->want_arg[i] = OCL_ANY;
    o->want_out[0] = OCL_ANY;
    return 1;
}

int64_t ocl_pixels(const struct lbk_arg *a)
{
    const lbk_shape *s = &a->shape;
    return s->d[0] * (ocl_is_cblk(a) ? ocl_blocks(s->d[1]) : s->d[1]) * s->d[2] * s->d[3];
}

typedef int32_t *pack_fn(const struct taps *t, size_t *n);

/* Position k is made of the entries from the k-th number on to the next one: an index and the bits
 * of a weight each. */
static int32_t *pack_all(const struct taps *t, size_t *n)
{
    const size_t head = (size_t) t->n + 1, entries = (size_t) t->first[t->n];
    int32_t *v = malloc((head + 2 * entries) * sizeof *v);
    if (!v)
        return NULL;
    for (size_t k = 0; k < head; k++)
        v[k] = (int32_t) head + 2 * t->first[k];
    for (size_t k = 0; k < entries; k++) {
        v[head + 2 * k] = t->index[k];
        memcpy(&v[head + 2 * k + 1], &t->weight[k], sizeof *v);
    }
    *n = head + 2 * entries;
    return v;
}

/* The index that position k is made of; -1: nothing. */
static int32_t *pack_one(const struct taps *t, size_t *n)
{
    int32_t *v = malloc(((size_t) t->n + 1) * sizeof *v);
    for (int64_t k = 0; v && k < t->n; k++)
        v[k] = t->first[k] < t->first[k + 1] ? t->index[t->first[k]] : -1;
    *n = (size_t) t->n;
    return v;
}

static void add_packed(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct ocl_taps *of,
                       pack_fn *pack)
{
    struct taps t;
    size_t n = 0;
    int32_t *v = NULL;
    if (taps_init(&t, of->kind, of->params, of->m, of->n, of->column))
        v = pack(&t, &n);
    if (v)
        ocl_table(s, v, n * sizeof *v);
    else
        ocl_fail(c, lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory for a table"));
    taps_free(&t);
    free(v);
}

void ocl_taps(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct ocl_taps *of)
{
    add_packed(s, d, c, of, pack_all);
}

/* Of the rows (side 0) or columns (1). */
static void add_table(struct ocl_step *s, const struct lbk_group *g, lbk_code *c, lbk_drv *d,
                      const struct plane_kind *k, pack_fn *pack, int side)
{
    const int64_t in = g->arg[ocl_plain_operand(g, 0)].shape.d[2 + side],
                  out = g->out[0].shape.d[2 + side];
    add_packed(
        s, d, c,
        &(struct ocl_taps){ k, g->params, k->adjoint ? in : out, k->adjoint ? out : in, side == 1 },
        pack);
}

struct how {
    const char *text, *wide_text;
    pack_fn *pack;
    bool line; /* wide: needs a row of the operand in local memory */
};

static void finish_wide(struct ocl_step *s, const struct lbk_arg *x, const struct lbk_arg *y,
                        bool line)
{
    const int64_t rows = y->shape.d[3] ? ocl_pixels(y) / y->shape.d[3] : 0,
                  width = x->shape.d[3] * ocl_block(x);
    const int64_t each = 1 + TASK / (width + y->shape.d[3] * ocl_block(y) + 1);
    ocl_int(s, rows);
    ocl_int(s, each);
    if (line)
        ocl_local(s, sizeof(float) * (size_t) width);
    ocl_groups(s, (int64_t[]){ (rows + each - 1) / each, 1, 1 }, (int64_t[]){ 1, 1, 1 });
}

static bool is_wide(const lbk_drv *d, const struct lbk_arg *x)
{
    return d->family == OCL_WIDE &&
           sizeof(float) * (size_t) (x->shape.d[3] * ocl_block(x)) <= d->limits.local;
}

static struct ocl_step *prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                                const struct plane_kind *k, const struct how *how)
{
    const int in = ocl_plain_operand(g, 0);
    const struct lbk_arg *x = &g->arg[in], *y = &g->out[0];
    const bool wide = is_wide(d, x);
    struct ocl_step *s = ocl_step(c, wide ? how->wide_text : how->text);
    ocl_define(s, "BLOCK", "%d", ocl_block(y));
    ocl_arg(s, in);
    ocl_out(s, 0);
    add_table(s, g, c, d, k, how->pack, 0);
    add_table(s, g, c, d, k, how->pack, 1);
    ocl_int(s, x->shape.d[2]);
    ocl_int(s, x->shape.d[3]);
    ocl_divisor(s, y->shape.d[2]);
    ocl_divisor(s, y->shape.d[3]);
    if (wide) {
        finish_wide(s, x, y, how->line);
    } else {
        ocl_int(s, ocl_pixels(y));
        ocl_grid(s, ocl_pixels(y), 1, 1);
    }
    return s;
}

void ocl_plane_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                       const struct plane_kind *k)
{
    static const struct how how = { "plane", "plane_wide", pack_all, true };
    ocl_define(prepare(d, g, c, k, &how), "LARGEST", "%d", k->max);
}

void ocl_pick_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                      const struct plane_kind *k)
{
    static const struct how how = { "pick", "pick_wide", pack_one, false };
    ocl_define(prepare(d, g, c, k, &how), "BITS", "%s", ocl_bits(g->out[0].dtype));
}
