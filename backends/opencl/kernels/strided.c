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

struct ocl_step *ocl_move(const struct lbk_group *g, lbk_code *c, const struct move *m)
{
    const struct axes x = axes_of(m);
    const int64_t all = x.a[0].n * x.a[1].n * x.rest;
    const bool flat = x.a[0].n < ROW_LEAST || x.a[1].n > OUTER_MOST || x.rest > OUTER_MOST;
    if (!all)
        return NULL;
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

void ocl_moves_prepare(const struct lbk_group *g, lbk_code *c, const struct moves_kind *k)
{
    struct move m[MOVES_MAX];
    const int n = k->moves(g, m);
    for (int i = 0; i < n; i++)
        ocl_move(g, c, &m[i]);
}
