/* SPDX-License-Identifier: MIT */
/* Expressions and epilogues as OpenCL C. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "code.h"

void ocl_put(struct ocl_text *t, const char *fmt, ...)
{
    va_list v, again;
    va_start(v, fmt);
    va_copy(again, v);
    const int n = vsnprintf(NULL, 0, fmt, v);
    va_end(v);
    const size_t need = t->n + (n < 0 ? 0 : (size_t) n) + 1;
    if (need > t->cap) {
        char *s = realloc(t->s, 2 * need);
        t->failed |= !s;
        t->s = s ? s : t->s;
        t->cap = s ? 2 * need : t->cap;
    }
    if (n >= 0 && need <= t->cap)
        t->n += (size_t) vsnprintf(t->s + t->n, t->cap - t->n, fmt, again);
    va_end(again);
}

/* Hexadecimal: the very bits. */
static void put_number(struct ocl_text *t, float v)
{
    if (v != v)
        ocl_put(t, "NAN");
    else if (v - v != 0)
        ocl_put(t, v > 0 ? "INFINITY" : "(-INFINITY)");
    else
        ocl_put(t, "(%af)", (double) v);
}

static void put_op(struct ocl_text *t, const struct lbk_word *w, const char *prefix, int i)
{
    static const char *const one[] = { "x" }, *const more[] = { "a", "b", "c" };
    const char *const *name = w->op->n_max == 1 ? one : more;
    ocl_put(t, "REAL %s%d; { const REAL ", prefix, i);
    for (int k = 0; k < w->op->n_max; k++)
        ocl_put(t, "%s%s = %s%d", k ? ", " : "", name[k], prefix, w->in[k]);
    ocl_put(t, "; %s%d = %s; } ", prefix, i, w->op->expr);
}

void ocl_expr_text(struct ocl_text *t, const struct lbk_expr *e, const char *prefix,
                   void (*load)(struct ocl_text *t, int arg, const void *ud), const void *ud)
{
    for (int i = 0; i < e->n; i++) {
        const struct lbk_word *w = &e->w[i];
        if (w->kind == LBK_WORD_OP) {
            put_op(t, w, prefix, i);
            continue;
        }
        ocl_put(t, "const REAL %s%d = ", prefix, i);
        if (w->kind == LBK_WORD_ARG)
            load(t, w->arg, ud);
        else if (w->kind == LBK_WORD_CONST)
            put_number(t, w->value);
        else
            ocl_put(t, "acc");
        ocl_put(t, "; ");
    }
}

/* ---- epilogues ---- */

bool ocl_is_whole(const struct lbk_group *g, const struct lbk_arg *a)
{
    return a->shape.n == g->acc.n &&
           memcmp(a->shape.d, g->acc.d, sizeof a->shape.d[0] * (size_t) g->acc.n) == 0;
}

static bool along_axis(const struct lbk_group *g, const struct lbk_arg *a, int axis)
{
    return a->shape.n == g->acc.n && axis >= 0 && axis < g->acc.n &&
           a->shape.d[axis] == g->acc.d[axis] && lbk_shape_count(a->shape) == a->shape.d[axis];
}

bool ocl_epi_fits(const struct lbk_group *g, int axis)
{
    for (int i = 0; i < g->epi.n; i++) {
        if (g->epi.w[i].kind != LBK_WORD_ARG)
            continue;
        const struct lbk_arg *a = &g->arg[g->epi.w[i].arg];
        if (!ocl_is_whole(g, a) && lbk_shape_count(a->shape) != 1 && !along_axis(g, a, axis))
            return false;
    }
    return true;
}

void ocl_epi_wants(const struct lbk_group *g, struct lbk_layout l, struct lbk_offer *o)
{
    for (int i = 0; i < g->epi.n; i++)
        if (g->epi.w[i].kind == LBK_WORD_ARG && ocl_is_whole(g, &g->arg[g->epi.w[i].arg]))
            o->want_arg[g->epi.w[i].arg] = l;
    for (int k = 0; k < g->n_out; k++)
        o->want_out[k] = l;
}

struct epi {
    const struct lbk_group *g;
    const struct ocl_places *p;
};

static void load_epi(struct ocl_text *t, int arg, const void *ud)
{
    const struct epi *e = ud;
    const struct lbk_arg *a = &e->g->arg[arg];
    if (ocl_is_whole(e->g, a))
        ocl_put(t, "arg%d[%s]", arg, e->p->full);
    else if (lbk_shape_count(a->shape) == 1)
        ocl_put(t, "arg%d[0]", arg);
    else
        ocl_put(t, "arg%d[%s]", arg, e->p->along);
}

bool ocl_in_epi(const struct lbk_group *g, int arg)
{
    for (int i = 0; i < g->epi.n; i++)
        if (g->epi.w[i].kind == LBK_WORD_ARG && g->epi.w[i].arg == arg)
            return true;
    return false;
}

void ocl_epi_buffers(struct ocl_step *s, const struct lbk_group *g)
{
    struct ocl_text params = { 0 }, open = { 0 };
    for (int i = 0; i < g->n_arg; i++) {
        if (!ocl_in_epi(g, i))
            continue;
        ocl_put(&params, ", IN(float, arg%d)", i);
        ocl_put(&open, "OPEN_IN(float, arg%d) ", i);
        ocl_arg(s, i);
    }
    for (int k = 0; k < g->n_out; k++) {
        const char *type = ocl_type(g->out[k].dtype);
        ocl_put(&params, ", OUT(%s, out%d)", type, k);
        ocl_put(&open, "OPEN_OUT(%s, out%d) ", type, k);
        ocl_out(s, k);
    }
    ocl_define_text(s, "EPI_PARAMS", &params);
    ocl_define_text(s, "EPI_OPEN", &open);
}

void ocl_epi(struct ocl_step *s, const struct lbk_group *g, const struct ocl_places *p)
{
    struct ocl_text body = { 0 };
    const struct epi e = { g, p };
    ocl_epi_buffers(s, g);
    ocl_expr_text(&body, &g->epi, "p", load_epi, &e);
    for (int k = 0; k < g->n_out; k++)
        ocl_put(&body, "out%d[%s] = p%d; ", k, p->full, g->result[k]);
    ocl_define_text(s, "EPI(acc)", &body);
}
