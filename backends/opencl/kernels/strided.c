/* SPDX-License-Identifier: MIT */
#include "strided.h"

/* A row that is shorter would leave most of a group of work-items idle. */
enum { ROW_LEAST = 64, OUTER_MOST = 65535 };

int ocl_moves_supports(const struct lbk_group *g, struct lbk_offer *o, const struct moves_kind *k)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    if (k->in_blocks && k->in_blocks(g, OCL_BLOCK)) {
        o->want_out[0] = OCL_ANY;
        for (int i = 0; i < g->n_arg; i++)
            o->want_arg[i] = OCL_ANY;
    }
    return 1;
}

/* Innermost first, and some of one element at the end. */
struct axes {
    int n;
    struct strided_axis a[STRIDED_MAX];
    int64_t rest; /* elements over all axes but the first two */
};

static struct axes axes_of(const struct move *m)
{
    struct axes x = { .n = m->n < 2 ? 2 : (m->n + 1) / 2 * 2, .rest = 1 };
    for (int i = 0; i < STRIDED_MAX; i++)
        x.a[i] = i < m->n ? m->a[m->n - 1 - i] : (struct strided_axis){ 1, 0, 0 };
    for (int i = 2; i < m->n; i++)
        x.rest *= x.a[i].n;
    return x;
}

static void define_step(struct ocl_step *s, const char *macro, int64_t step, const char *param)
{
    if (step == 0 || step == 1)
        ocl_define(s, macro, "%d", (int) step);
    else
        ocl_define(s, macro, "%s", param);
}

/* Where x has its neighbours, when those of y lie apart there and both runs fill a tile; 0: there
 * is none, or too many axes are left. */
static int crossed_axis(lbk_drv *d, const struct move *m, const struct axes *x, lbk_dtype type)
{
    const int64_t least = d->family == OCL_WIDE ? 16 : 32;
    if (m->arg < 0 || x->a[0].to != 1 || x->a[0].from < 2 || x->a[0].n < least || m->n > 4 ||
        (d->family == OCL_WIDE ? strided_size(type) != 4 : d->limits.group < 256))
        return 0;
    for (int i = 1; i < m->n; i++)
        if (x->a[i].from == 1 && x->a[i].n >= least)
            return x->rest * x->a[1].n / x->a[i].n <= OUTER_MOST && x->a[i].n <= 32 * OUTER_MOST
                       ? i
                       : 0;
    return 0;
}

static struct ocl_step *transpose(lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                                  const struct move *m, const struct axes *x, int crossed)
{
    const bool wide = d->family == OCL_WIDE;
    const struct strided_axis *a = &x->a[0], *b = &x->a[crossed];
    int64_t rest = 1, n = 0;
    struct strided_axis left[2] = { { 1, 0, 0 }, { 1, 0, 0 } };
    for (int i = 1; i < m->n; i++)
        if (i != crossed)
            rest *= x->a[i].n, left[n++] = x->a[i];
    struct ocl_step *s = ocl_step(c, wide ? "transpose_wide" : "transpose_tile");
    if (!wide)
        ocl_define(s, "BITS", "%s", ocl_bits(g->out[0].dtype));
    ocl_arg(s, m->arg);
    ocl_out(s, 0);
    const int64_t values[] = { m->from, m->to, a->n, a->from, b->n, b->to };
    for (int i = 0; i < 6; i++)
        ocl_int(s, values[i]);
    ocl_divisor(s, left[0].n);
    for (int i = 0; i < 2; i++) {
        ocl_int(s, left[i].to);
        ocl_int(s, left[i].from);
    }
    if (wide)
        ocl_groups(s, (int64_t[]){ (b->n + 15) / 16, rest, 1 }, (int64_t[]){ 1, 1, 1 });
    else
        ocl_groups(s, (int64_t[]){ (b->n + 31) / 32, (a->n + 31) / 32, rest },
                   (int64_t[]){ 32, 8, 1 });
    return s;
}

struct ocl_step *ocl_move(lbk_drv *d, const struct lbk_group *g, lbk_code *c, const struct move *m)
{
    const struct axes x = axes_of(m);
    const int crossed = crossed_axis(d, m, &x, g->out[0].dtype);
    const int64_t all = x.a[0].n * x.a[1].n * x.rest;
    const bool flat = x.a[0].n < ROW_LEAST || x.a[1].n > OUTER_MOST || x.rest > OUTER_MOST;
    if (!all)
        return NULL;
    if (crossed)
        return transpose(d, g, c, m, &x, crossed);
    struct ocl_step *s = ocl_step(c, "strided");
    ocl_define(s, "BITS", "%s", ocl_bits(g->out[0].dtype));
    ocl_define(s, "AXES", "%d", x.n);
    ocl_define(s, "FLAT", "%d", flat);
    ocl_define(s, "ZEROS", "%d", m->arg < 0);
    define_step(s, "TO0", x.a[0].to, "to0");
    define_step(s, "FROM0", x.a[0].from, "from0");
    if (m->arg >= 0)
        ocl_arg(s, m->arg);
    ocl_out(s, 0);
    ocl_int(s, m->from);
    ocl_int(s, m->to);
    ocl_int(s, flat ? all : x.rest);
    for (int i = 0; i < x.n; i++) {
        ocl_divisor(s, x.a[i].n);
        ocl_int(s, x.a[i].to);
        ocl_int(s, x.a[i].from);
    }
    if (flat)
        ocl_grid(s, all, 1, 1);
    else
        ocl_grid(s, x.a[0].n, x.a[1].n, x.rest);
    return s;
}

void ocl_moves_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                       const struct moves_kind *k)
{
    struct move m[MOVES_MAX];
    const int n = k->moves(g, m);
    for (int i = 0; i < n; i++)
        ocl_move(d, g, c, &m[i]);
}
