/* SPDX-License-Identifier: MIT */
/* Every case of every operator that the CPU driver takes: against the f64 reference, in the layouts
 * it asks for, with the same bits for all instruction sets and numbers of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <cpu.h>
#include <graph.h>
#include <limbeck/plugin.h>
#include "cpu_group.h"

struct sample {
    const struct lbk_op *op;
    const struct lbk_case *c;
    lbk_graph *g;
    int n;
    lbk_val *in[LBK_OPERAND_MAX];
    double *value[LBK_OPERAND_MAX];
    void *raw[LBK_OPERAND_MAX]; /* as the reference wants it */
    lbk_val *out;
    double *want;
};

/* One operand: extents, then :n or :lo..hi for labels, :u for bytes. */
static const char *parse_operand(struct sample *s, const char *t, int i)
{
    lbk_shape shape = { 0 };
    lbk_dtype type = LBK_F32;
    double lo = s->c->lo, hi = s->c->hi;
    uint32_t seed = (uint32_t) i * 77 + 5;
    while (*t >= '0' && *t <= '9') {
        shape.d[shape.n++] = strtoll(t, (char **) &t, 10);
        t += *t == 'x';
    }
    if (*t == ':' && t[1] == 'u') {
        type = LBK_U8, lo = 0, hi = 256, t += 2;
    } else if (*t == ':') {
        type = LBK_I32, lo = (double) strtoll(t + 1, (char **) &t, 10), hi = lo, lo = 0;
        if (strncmp(t, "..", 2) == 0)
            lo = hi, hi = (double) strtoll(t + 2, (char **) &t, 10);
    }
    char name[8];
    snprintf(name, sizeof name, "x%d", i);
    s->in[i] = lbk_input(s->g, name, type, shape);
    const int64_t n = lbk_shape_count(shape);
    s->value[i] = malloc(sizeof(double) * (size_t) (n + 1));
    s->raw[i] = malloc(sizeof(double) * (size_t) (n + 1));
    for (int64_t k = 0; k < n; k++) {
        const double u = group_random(&seed);
        double v = lo + (u + 1) / 2 * (hi - lo);
        if (type == LBK_F32 && lo == 0 && hi == 0)
            v = u < 0 ? -0.25 + 1.75 * u : 0.25 + 1.75 * u;
        v = type == LBK_F32 ? (double) (float) v : floor(v);
        s->value[i][k] = v;
        if (type == LBK_F32)
            ((double *) s->raw[i])[k] = v;
        else if (type == LBK_I32)
            ((int32_t *) s->raw[i])[k] = (int32_t) v;
        else
            ((uint8_t *) s->raw[i])[k] = (uint8_t) v;
    }
    return t;
}

static void set_params(lbk_ctx *ctx, const struct sample *s, lbk_opts **o)
{
    char text[256], *save = NULL;
    assert_int_equal(lbk_opts_create(ctx, s->op->params, s->op->params_size, o), LBK_OK);
    snprintf(text, sizeof text, "%s", s->c->params ? s->c->params : "");
    for (char *t = strtok_r(text, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(t, '=');
        *eq = '\0';
        assert_int_equal(lbk_opts_set(*o, t, eq + 1), LBK_OK);
    }
}

static void reference(struct sample *s)
{
    const lbk_node *n = node_of(s->out);
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    for (int i = 0; i < s->n; i++)
        shape[i] = lbk_shape_of(s->in[i]), type[i] = lbk_dtype_of(s->in[i]);
    const int64_t m = lbk_shape_count(n->shape);
    double *out = calloc((size_t) m + 1, sizeof *out);
    struct lbk_ref r = { .n = s->n,
                         .in_shape = shape,
                         .in_t = type,
                         .in = (const void *const *) s->raw,
                         .params = n->params,
                         .out_shape = n->shape,
                         .out_t = n->dtype,
                         .out = out,
                         .f64 = true,
                         .seed = 7 };
    assert_int_equal(s->op->ref(&r), LBK_OK);
    s->want = calloc((size_t) m + 1, sizeof *out);
    for (int64_t k = 0; k < m; k++)
        s->want[k] = n->dtype == LBK_F32   ? out[k]
                     : n->dtype == LBK_I32 ? ((int32_t *) out)[k]
                                           : ((uint8_t *) out)[k];
    free(out);
}

static void make_group(const struct sample *s, struct lbk_group *g)
{
    const lbk_node *n = node_of(s->out);
    *g = (struct lbk_group){ .size = sizeof *g,
                             .op = s->op,
                             .params = n->params,
                             .n_arg = s->n,
                             .n_operand = s->n,
                             .n_out = 1,
                             .acc = n->shape,
                             .seed = 7 };
    for (int i = 0; i < s->n; i++) {
        g->arg[i] =
            (struct lbk_arg){ .dtype = lbk_dtype_of(s->in[i]), .shape = lbk_shape_of(s->in[i]) };
        g->operand[i].n = 1;
        g->operand[i].w[0] = (struct lbk_word){ .kind = LBK_WORD_ARG, .arg = (uint8_t) i };
    }
    g->epi.n = 1;
    g->epi.w[0] = (struct lbk_word){ .kind = LBK_WORD_ACC };
    g->out[0] = (struct lbk_arg){ .dtype = n->dtype, .shape = n->shape };
}

/* Layouts as wished for; what is open becomes CBLK where it can be, or row-major. */
static bool choose_layouts(lbk_drv *d, struct lbk_group *g, bool blocks)
{
    struct lbk_offer o;
    if (!cpu_device_fns.supports(d, g, &o))
        return false;
    for (int i = 0; i < g->n_arg + g->n_out; i++) {
        struct lbk_arg *a = i < g->n_arg ? &g->arg[i] : &g->out[i - g->n_arg];
        const struct lbk_layout want = i < g->n_arg ? o.want_arg[i] : o.want_out[i - g->n_arg];
        a->layout = want.order != LBK_ANY                              ? want
                    : blocks && a->shape.n == 4 && a->dtype == LBK_F32 ? CPU_CBLK
                                                                       : CPU_ROW;
    }
    return true;
}

static bool run_case(const struct sample *s, bool blocks)
{
    struct lbk_group g;
    uint64_t first = 0;
    for (int run = 0; run < group_runs(); run++) {
        lbk_drv *d = group_open(run);
        make_group(s, &g);
        if (!choose_layouts(d, &g, blocks)) {
            cpu_device_fns.close(d);
            return false;
        }
        for (int i = 0; i < s->n; i++)
            group_put(d, &g.arg[i], s->value[i]);
        group_alloc(d, &g.out[0]);
        group_launch(d, &g);
        const uint64_t h = group_hash(&g);
        first = run ? first : h;
        if (h != first)
            fail_msg("%s: other bits in run %d", s->op->name, run);
        group_compare(&g.out[0], s->want, s->c->tol > 0 && s->c->tol < 2e-6 ? 2e-6 : s->c->tol);
        group_free(d, &g);
        cpu_device_fns.close(d);
    }
    return true;
}

static void check_case(lbk_ctx *ctx, const struct lbk_op *op, const struct lbk_case *c, int *ran,
                       int *declined)
{
    struct sample s = { .op = op, .c = c };
    lbk_opts *o = NULL;
    assert_int_equal(lbk_graph_create(ctx, &s.g), LBK_OK);
    const char *t = c->shapes;
    do {
        t = parse_operand(&s, t, s.n);
        s.n++;
    } while (*t++ == ',');
    if (op->params)
        set_params(ctx, &s, &o);
    s.out = lbk_apply(s.g, op, s.n, s.in, o ? lbk_opts_cfg(o) : &LBK_NONE);
    assert_non_null(s.out);
    reference(&s);
    printf("%s %s %s\n", op->name, c->shapes, c->params ? c->params : "");
    for (int blocks = 0; blocks < 2; blocks++)
        ++*(run_case(&s, blocks) ? ran : declined);
    for (int i = 0; i < s.n; i++)
        free(s.value[i]), free(s.raw[i]);
    free(s.want);
    lbk_opts_destroy(&o);
    lbk_graph_destroy(&s.g);
}

static void every_case_of_every_operator(void **state)
{
    lbk_ctx *ctx = NULL;
    int ran = 0, declined = 0;
    const char *only = getenv("LBK_TEST_OP");
    assert_int_equal(lbk_ctx_create(LBK_DESC(lbk_ctx_params, .seed = 7), &ctx), LBK_OK);
    for (const struct lbk_op *op = NULL; (op = lbk_registry_next(ctx, LBK_OPS, op));)
        for (const struct lbk_case *c = op->cases; c && c->shapes && op->ref && !op->expr; c++)
            if (!only || strcmp(only, op->name) == 0)
                check_case(ctx, op, c, &ran, &declined);
    lbk_ctx_destroy(&ctx);
    print_message("%d runs, %d declined\n", ran, declined);
    assert_true(only || ran > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_of_every_operator) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
