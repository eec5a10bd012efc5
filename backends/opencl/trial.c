/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/plugin.h>
#include "code.h"
#include "probe.h"
#include "trial.h"

enum { TURNS = 5, M = 37, N = 29, K = 53 };

static struct lbk_arg floats(lbk_shape s)
{
    return (struct lbk_arg){ .dtype = LBK_F32, .shape = s, .layout = OCL_ROW };
}

static void describe(struct lbk_group *g, const lbk_shape *in, lbk_shape out)
{
    for (int i = 0; i < OCL_TRIAL_IN; i++) {
        g->arg[i] = floats(in[i]);
        g->operand[i] =
            (struct lbk_expr){ .n = 1, .w[0] = { .kind = LBK_WORD_ARG, .arg = (uint8_t) i } };
    }
    g->n_arg = g->n_operand = OCL_TRIAL_IN;
    g->epi = (struct lbk_expr){ .n = 1, .w[0] = { .kind = LBK_WORD_ACC } };
    g->out[0] = floats(out);
    g->n_out = 1;
    g->acc = out;
}

static struct lbk_layout settled(struct lbk_layout l) { return l.order == LBK_ANY ? OCL_ROW : l; }

/* As core asks: what it would like, then whether it takes that. */
static bool negotiate(lbk_drv *d, struct lbk_group *g, size_t *scratch)
{
    struct lbk_offer o;
    if (!ocl_device_fns.supports(d, g, &o))
        return false;
    for (int i = 0; i < g->n_arg; i++)
        g->arg[i].layout = settled(o.want_arg[i]);
    g->out[0].layout = settled(o.want_out[0]);
    const bool yes = ocl_device_fns.supports(d, g, &o);
    *scratch = o.scratch;
    return yes;
}

static lbk_status open_memory(struct ocl_trial *t, size_t scratch)
{
    struct lbk_arg *const arg[] = { &t->g.arg[0], &t->g.arg[1], &t->g.out[0], &t->g.scratch };
    t->g.scratch = (struct lbk_arg){ .dtype = LBK_U8, .shape = { 1, { (int64_t) scratch } } };
    lbk_status st = LBK_OK;
    for (int i = 0; i < OCL_TRIAL_IN + 2 && !st; i++) {
        const size_t bytes = lbk_arg_bytes(arg[i]);
        st = ocl_alloc(t->d, bytes ? bytes : 1, &t->mem[i]);
        if (st == LBK_ENOMEM)
            lbk_fail(t->d->ctx, st, "opencl: no memory for %zu bytes to try '%s' with", bytes,
                     t->g.op->name);
        arg[i]->mem = t->mem[i];
    }
    return st;
}

lbk_status ocl_trial_open(lbk_drv *d, const char *op, const void *params,
                          const lbk_shape in[OCL_TRIAL_IN], lbk_shape out, struct ocl_trial *t)
{
    size_t scratch;
    *t = (struct ocl_trial){ .d = d, .g = { .size = sizeof t->g, .params = params } };
    t->g.op = lbk_registry_find(d->ctx, LBK_OPS, op);
    describe(&t->g, in, out);
    if (!t->g.op || !negotiate(d, &t->g, &scratch))
        return LBK_EUNSUPPORTED;
    lbk_status st = open_memory(t, scratch);
    st = st ? st : ocl_prepare(d, &t->g, &t->code);
    if (st)
        ocl_trial_close(t);
    return st;
}

lbk_status ocl_trial_run(struct ocl_trial *t)
{
    const lbk_status st = ocl_launch(t->d, &t->g, t->code);
    return st ? st : ocl_device_fns.finish(t->d);
}

double ocl_trial_time(struct ocl_trial *t)
{
    double best = 0;
    if (ocl_trial_run(t)) /* which also compiles */
        return 0;
    for (int i = 0; i < TURNS; i++) {
        const double from = ocl_now();
        if (ocl_trial_run(t))
            return 0;
        const double ms = ocl_now() - from;
        best = i == 0 || ms < best ? ms : best;
    }
    return best;
}

void ocl_trial_close(struct ocl_trial *t)
{
    ocl_device_fns.finish(t->d);
    if (t->code)
        ocl_release(t->d, t->code);
    for (int i = 0; i < OCL_TRIAL_IN + 2; i++)
        ocl_free(t->d, t->mem[i]);
    *t = (struct ocl_trial){ .d = t->d };
}

/* ---- self-test ---- */

static float number(int i, int k) { return (float) ((i * 7 + k * 5) % 9 - 4); }

static float expected(int row, int col, int terms)
{
    float sum = 0;
    for (int i = 0; i < terms; i++)
        sum += number(row, i) * number(i + 3, col);
    return sum;
}

static lbk_status write_numbers(lbk_drv *d, lbk_mem *to, float *v, int rows, int cols, int shift)
{
    for (int i = 0; i < rows * cols; i++)
        v[i] = number(i / cols + shift, i % cols);
    return ocl_write(d, to, 0, v, (size_t) (rows * cols) * sizeof *v);
}

/* v has room for any of the matrices. */
static lbk_status compare(struct ocl_trial *t, int m, int n, int k, float *v, char why[128])
{
    lbk_status st = write_numbers(t->d, t->mem[0], v, m, k, 0);
    st = st ? st : write_numbers(t->d, t->mem[1], v, k, n, 3);
    st = st ? st : ocl_trial_run(t);
    st = st ? st : ocl_read(t->d, t->mem[2], 0, v, (size_t) (m * n) * sizeof *v);
    for (int i = 0; i < m * n && !st; i++)
        if (!(v[i] == expected(i / n, i % n, k))) {
            snprintf(why, 128, "element %d of a matrix product: expected %g, found %g", i,
                     (double) expected(i / n, i % n, k), (double) v[i]);
            st = LBK_EUNSUPPORTED;
        }
    return st;
}

lbk_status ocl_trial_product(lbk_drv *d, int m, int n, int k, char why[128])
{
    static const struct lbk_matmul params = { false, false };
    const lbk_shape in[] = { { 2, { m, k } }, { 2, { k, n } } }, out = { 2, { m, n } };
    struct ocl_trial t;
    lbk_status st = ocl_trial_open(d, "matmul", &params, in, out, &t);
    if (st == LBK_EUNSUPPORTED)
        return LBK_OK; /* such a group runs on the host */
    if (st)
        return st;
    float *v = calloc((size_t) (m * n + m * k + k * n), sizeof *v);
    st = v ? compare(&t, m, n, k, v, why)
           : lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
    free(v);
    ocl_trial_close(&t);
    return st;
}

lbk_status ocl_selftest(lbk_drv *d, char why[128])
{
    char name[32], texts[17];
    why[0] = 0;
    snprintf(name, sizeof name, "kernels %s", ocl_family_name(d->family));
    ocl_texts_id(texts);
    const char *known = ocl_fact(d, name);
    if (known && strncmp(known, texts, 16) == 0) {
        const bool right = strcmp(known + 16, ": right") == 0;
        snprintf(why, 128, "%s", right ? "" : known + 18);
        return right ? LBK_OK : LBK_EUNSUPPORTED;
    }
    lbk_status st = ocl_trial_product(d, M, N, K, why);
    if (st && st != LBK_EUNSUPPORTED)
        return st;
    if (st && !why[0]) { /* not wrong: it could not be run, which has been told */
        snprintf(why, 128, "none of them");
        return st;
    }
    ocl_fact_set(d, name, "%s: %s", texts, st ? why : "right");
    ocl_facts_save(d);
    /* What a network wants is then built as one program, the same as in a run that knows the fact.
     */
    ocl_programs_close(d);
    const lbk_status again = ocl_programs_open(d);
    return again ? again : st;
}
