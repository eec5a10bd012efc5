/* SPDX-License-Identifier: MIT */
/* Expressions and epilogues as OpenCL C. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "code.h"
#include "operand.h"

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

static bool same_shape(lbk_shape a, lbk_shape b)
{
    return a.n == b.n && memcmp(a.d, b.d, sizeof a.d[0] * (size_t) a.n) == 0;
}

bool ocl_is_whole(const struct lbk_group *g, const struct lbk_arg *a)
{
    return same_shape(a->shape, g->acc);
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
    for (int k = 0; k < lbk_group_results(g); k++)
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

bool ocl_reads(const struct lbk_expr *e, int arg)
{
    for (int i = 0; i < e->n; i++)
        if (e->w[i].kind == LBK_WORD_ARG && e->w[i].arg == arg)
            return true;
    return false;
}

bool ocl_in_epi(const struct lbk_group *g, int arg) { return ocl_reads(&g->epi, arg); }

void ocl_epi_buffers(struct ocl_step *s, const struct lbk_group *g)
{
    struct ocl_text params = { 0 }, open = { 0 }, formal = { 0 }, actual = { 0 };
    for (int i = 0; i < g->n_arg; i++) {
        if (!ocl_in_epi(g, i))
            continue;
        ocl_put(&formal, ", __global const float *arg%d", i);
        ocl_put(&actual, ", arg%d", i);
        ocl_put(&params, ", IN(float, arg%d)", i);
        ocl_put(&open, "OPEN_IN(float, arg%d) ", i);
        ocl_arg(s, i);
    }
    for (int k = 0; k < lbk_group_results(g); k++) {
        const char *type = ocl_type(g->out[k].dtype);
        ocl_put(&formal, ", __global %s *out%d", type, k);
        ocl_put(&actual, ", out%d", k);
        ocl_put(&params, ", OUT(%s, out%d)", type, k);
        ocl_put(&open, "OPEN_OUT(%s, out%d) ", type, k);
        ocl_out(s, k);
    }
    ocl_define_text(s, "EPI_PARAMS", &params);
    ocl_define_text(s, "EPI_OPEN", &open);
    ocl_define_text(s, "EPI_FORMAL", &formal);
    ocl_define_text(s, "EPI_ACTUAL", &actual);
}

void ocl_epi(struct ocl_step *s, const struct lbk_group *g, const struct ocl_places *p)
{
    struct ocl_text body = { 0 };
    const struct epi e = { g, p };
    ocl_epi_buffers(s, g);
    ocl_expr_text(&body, &g->epi, "p", load_epi, &e);
    for (int k = 0; k < lbk_group_results(g); k++)
        ocl_put(&body, "out%d[%s] = p%d; ", k, p->full, g->result[k]);
    ocl_define_text(s, "EPI(acc)", &body);
}

void ocl_blocked_epi(struct ocl_step *s, const struct lbk_group *g)
{
    struct ocl_text zero = { 0 };
    for (int k = 0; k < lbk_group_results(g); k++)
        ocl_put(&zero, "out%d[p] = 0.0f; ", k);
    ocl_define_text(s, "EPI_ZERO", &zero);
    ocl_epi(s, g, &(struct ocl_places){ .full = "p", .axis = 1, .along = "c" });
}

/* ---- operands ---- */

bool ocl_operand_shape(const struct lbk_group *g, int i, lbk_shape *out)
{
    for (int k = 0; k < g->n_arg; k++)
        if (ocl_reads(&g->operand[i], k) && g->arg[k].dtype != LBK_F32)
            return false;
    return operand_shape(g, i, out);
}

bool ocl_operand_fits(const struct lbk_group *g, int i, lbk_shape shape)
{
    bool whole = false;
    for (int k = 0; k < g->n_arg; k++) {
        const lbk_shape s = g->arg[k].shape;
        const int64_t n = lbk_shape_count(s);
        if (!ocl_reads(&g->operand[i], k))
            continue;
        whole |= same_shape(s, shape);
        if (!same_shape(s, shape) && n != 1 && !(n == s.d[1] && n == shape.d[1]))
            return false;
    }
    return whole && shape.n == 4;
}

void ocl_operand_wants(const struct lbk_group *g, int i, lbk_shape shape, struct lbk_layout l,
                       struct lbk_offer *o)
{
    for (int k = 0; k < g->n_arg; k++)
        if (ocl_reads(&g->operand[i], k) && same_shape(g->arg[k].shape, shape))
            o->want_arg[k] = l;
}

struct operand {
    const struct lbk_group *g;
    lbk_shape shape;
};

static void load_operand(struct ocl_text *t, int arg, const void *ud)
{
    const struct operand *o = ud;
    const bool whole = same_shape(o->g->arg[arg].shape, o->shape);
    ocl_put(t, whole ? "vload16(0, in%d + at)" : "in%d_lanes", arg);
}

static void put_lanes(struct ocl_text *t, const struct lbk_arg *a, int k)
{
    if (lbk_shape_count(a->shape) == 1)
        ocl_put(t, "const float16 in%d_lanes = in%d[0]; ", k, k);
    else
        ocl_put(t, "const float16 in%d_lanes = ocl_channels(in%d, c, channels); ", k, k);
}

static void plain_operand(struct ocl_step *s, int arg)
{
    ocl_define(s, "COMPUTED", "0");
    ocl_define(s, "IN_PARAMS", ", IN(float, in)");
    ocl_define(s, "IN_OPEN", "OPEN_IN(float, in)");
    ocl_define(s, "IN_FORMAL", ", __global const float *in");
    ocl_define(s, "IN_ACTUAL", ", in");
    ocl_arg(s, arg);
}

static void computed_operand(struct ocl_step *s, const struct lbk_group *g, int i, lbk_shape shape)
{
    struct ocl_text params = { 0 }, open = { 0 }, formal = { 0 }, actual = { 0 }, lanes = { 0 },
                    value = { 0 };
    const struct operand o = { g, shape };
    for (int k = 0; k < g->n_arg; k++) {
        if (!ocl_reads(&g->operand[i], k))
            continue;
        ocl_put(&params, ", IN(float, in%d)", k);
        ocl_put(&open, "OPEN_IN(float, in%d) ", k);
        ocl_put(&formal, ", __global const float *in%d", k);
        ocl_put(&actual, ", in%d", k);
        ocl_arg(s, k);
        if (!same_shape(g->arg[k].shape, shape))
            put_lanes(&lanes, &g->arg[k], k);
    }
    ocl_expr_text(&value, &g->operand[i], "x_", load_operand, &o);
    ocl_put(&value, "to = x_%d;", g->operand[i].n - 1);
    ocl_define(s, "COMPUTED", "1");
    ocl_define_text(s, "IN_PARAMS", &params);
    ocl_define_text(s, "IN_OPEN", &open);
    ocl_define_text(s, "IN_FORMAL", &formal);
    ocl_define_text(s, "IN_ACTUAL", &actual);
    ocl_define_text(s, "X_LANES(c, channels)", &lanes);
    ocl_define_text(s, "X(to, at)", &value);
}

void ocl_operand(struct ocl_step *s, const struct lbk_group *g, int i, lbk_shape shape)
{
    const int arg = ocl_plain_operand(g, i);
    if (arg >= 0)
        plain_operand(s, arg);
    else
        computed_operand(s, g, i, shape);
}
