/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/rng.h>
#include "check.h"
#include "loose.h"
#include "opdef.h"

enum { MAX_IN = 16 };
static const double step = 1e-5, tolerance = 1e-4;

/* A loss on made-up inputs, in double on the host. */
struct probe {
    lbk_ctx *ctx;
    lbk_objective *o;
    const struct lbk_loss *loss;
    int n;
    char name[MAX_IN][64];
    lbk_val *in[MAX_IN], *dx[MAX_IN], *value;
    void *data[MAX_IN];
    struct lbk_wire wire[MAX_IN + 1];
    void **state; /* by node */
    int64_t n_state;
};

/* Letters are sizes: the same letter, the same size. */
static int64_t size_of(const char *word, size_t n, int64_t samples, int64_t classes)
{
    if (isdigit((unsigned char) *word))
        return strtoll(word, NULL, 10);
    if (n == 1 && *word == 'N')
        return samples;
    if (n == 1 && *word == 'K')
        return classes;
    return strchr("HWhw", *word) ? 8 : 3 + *word % 3;
}

static lbk_shape shape_of(const char *text, int64_t samples, int64_t classes)
{
    lbk_shape s = { 0 };
    while (text && *text && s.n < LBK_MAX_DIMS) {
        const size_t n = strcspn(text, " ");
        if (n && strcmp(text, "x") && !(n == 1 && *text == 'x'))
            s.d[s.n++] = !strncmp(text, "...", 3) ? 4 : size_of(text, n, samples, classes);
        text += n;
        text += *text == ' ';
    }
    return text ? s : LBK_SHAPE(samples, classes);
}

static bool is_label(const char *name) { return strstr(name, "label") || strstr(name, "index"); }

static bool fill(struct probe *p, int i, int64_t classes, bool nan)
{
    const lbk_shape s = lbk_shape_of(p->in[i]);
    const int64_t n = lbk_shape_count(s);
    p->data[i] = malloc(((size_t) n + 1) * sizeof(double));
    if (!p->data[i])
        return false;
    for (int64_t k = 0; k < n; k++) {
        const double u = lbk_random_at(11, (uint64_t) i, (uint64_t) k);
        if (is_label(p->name[i]))
            ((int32_t *) p->data[i])[k] = (int32_t) (u * (double) classes);
        else if (strstr(p->name[i], "mask"))
            ((double *) p->data[i])[k] = u < 0.7;
        else
            ((double *) p->data[i])[k] = nan && k == 0 && i == 0 ? NAN : 0.25 + 2 * u;
    }
    return true;
}

static bool add_inputs(struct probe *p, int64_t samples, int64_t classes, bool nan)
{
    const struct lbk_loss *l = p->loss;
    bool ok = true;
    for (int i = 0; ok && l->inputs[i] && i < MAX_IN; i++) {
        const lbk_shape s = shape_of(l->shapes ? l->shapes[i] : NULL, samples, classes);
        snprintf(p->name[i], sizeof p->name[i], "%.*s", (int) strcspn(l->inputs[i], "?"),
                 l->inputs[i]);
        p->in[i] = lbk_input(p->o->g, p->name[i], is_label(p->name[i]) ? LBK_I32 : LBK_F32, s);
        if (p->in[i] && is_label(p->name[i]))
            p->in[i]->node.range = classes;
        p->wire[i] = (struct lbk_wire){ p->name[i], p->in[i] };
        ok = p->in[i] && fill(p, i, classes, nan);
        p->n = i + 1;
    }
    return ok;
}

static void probe_close(struct probe *p)
{
    for (int i = 0; i < p->n; i++)
        free(p->data[i]);
    for (int64_t i = 0; p->state && i < p->n_state; i++)
        free(p->state[i]);
    free(p->state);
    lbk__objective_destroy(&p->o);
}

/* Its options at their defaults. */
static bool probe_open(struct probe *p, int64_t samples, int64_t classes, bool nan)
{
    p->o = calloc(1, sizeof *p->o);
    if (!p->o || lbk_graph_create(p->ctx, &p->o->g))
        return false;
    p->o->ctx = p->ctx;
    if (!add_inputs(p, samples, classes, nan))
        return false;
    p->value = lbk__loss_build(lbk__objective_scope(p->o, "loss/"), p->loss->name, p->wire, NULL);
    lbk_output(p->o->g, "loss", p->value);
    return !lbk_graph_status(p->o->g) && lbk_shape_of(p->value).n == 0;
}

/* Start values of adapters, as double. */
static const void *state_of(struct probe *p, const lbk_node *n)
{
    const int64_t m = lbk_shape_count(n->shape);
    if (n->id >= p->n_state || !p->state)
        return NULL;
    if (p->state[n->id])
        return p->state[n->id];
    float *v = calloc((size_t) m + 1, sizeof *v);
    double *d = calloc((size_t) m + 1, sizeof *d);
    if (v && d && n->dtype == LBK_F32 && !lbk__init_values(p->ctx, n, v))
        for (int64_t i = 0; i < m; i++)
            d[i] = (double) v[i];
    free(v);
    return p->state[n->id] = d;
}

static const void *leaf(void *ud, const lbk_node *n)
{
    static const double zero;
    struct probe *p = ud;
    for (int i = 0; n->kind == NODE_INPUT && i < p->n; i++)
        if (!strcmp(p->name[i], n->name))
            return p->data[i];
    return n->kind == NODE_STATE ? state_of(p, n) : &zero;
}

static bool evaluate(struct probe *p, int n, lbk_node *const target[], void ***value)
{
    const struct eval e = { .f64 = true, .seed = 1, .leaf = leaf, .ud = p };
    if (!p->state) {
        p->n_state = p->o->g->n_node;
        p->state = calloc((size_t) p->n_state + 1, sizeof *p->state);
    }
    return !lbk__eval(p->o->g, &e, n, target, value);
}

static double value_of(struct probe *p)
{
    void **v = NULL;
    lbk_node *target = node_of(p->value);
    const double y = evaluate(p, 1, &target, &v) ? *(const double *) v[target->id] : NAN;
    if (v)
        lbk__eval_free(p->o->g, v);
    return y;
}

/* Largest difference between slope and gradient of input i over the largest gradient; negative: all
 * zero. */
static double distance(struct probe *p, int i, const double *dx)
{
    const int64_t n = lbk_shape_count(lbk_shape_of(p->in[i]));
    double *x = p->data[i], most = 0, worst = 0;
    for (int64_t k = 0; k < n; k++)
        most = fmax(most, fabs(dx[k]));
    for (int64_t k = 0; most > 0 && k<n; k += n> 64 ? n / 61 : 1) {
        const double at = x[k];
        x[k] = at + step;
        const double up = value_of(p);
        x[k] = at - step;
        const double slope = (up - value_of(p)) / (2 * step);
        x[k] = at;
        worst = fmax(worst, isfinite(slope) ? fabs(slope - dx[k]) : INFINITY);
    }
    return most > 0 ? worst / most : -1;
}

static void check_gradient(struct check *c, struct probe *p)
{
    lbk_val *wrt[MAX_IN], *dx[MAX_IN];
    lbk_node *target[MAX_IN];
    int at[MAX_IN], n = 0, judged = 0;
    void **v = NULL;
    for (int i = 0; i < p->n; i++)
        if (lbk_dtype_of(p->in[i]) == LBK_F32)
            at[n] = i, wrt[n++] = p->in[i];
    bool ok = !lbk_grad(p->o->g, p->value, n, wrt, dx);
    for (int i = 0; ok && i < n; i++)
        target[i] = node_of(dx[i]);
    ok = ok && evaluate(p, n, target, &v);
    for (int i = 0; ok && i < n; i++) {
        const double d = distance(p, at[i], v[target[i]->id]);
        judged += d >= 0;
        if (d >= 0)
            lbk__check_line(c, d <= tolerance,
                            "loss %s: gradient of %s differs from its slope by %.1e", p->loss->name,
                            p->name[at[i]], d);
    }
    if (v)
        lbk__eval_free(p->o->g, v);
    if (!judged)
        lbk__check_line(c, false, "loss %s: no input has a gradient", p->loss->name);
}

static void check_batch(struct check *c, const struct lbk_loss *l, const char *what,
                        int64_t samples, int64_t classes, bool nan)
{
    struct probe p = { .ctx = c->ctx, .loss = l };
    const bool built = probe_open(&p, samples, classes, nan);
    const double y = built ? value_of(&p) : 0;
    if (!built)
        lbk__check_line(c, nan || classes == 1, "loss %s: %s: refused", l->name, what);
    else
        lbk__check_line(c, nan || isfinite(y), "loss %s: %s: %g", l->name, what, y);
    probe_close(&p);
}

void lbk__check_loss(struct check *c, const struct lbk_loss *l)
{
    struct probe p = { .ctx = c->ctx, .loss = l };
    if (probe_open(&p, 3, 5, false))
        check_gradient(c, &p);
    else
        lbk__check_line(c, false, "loss %s: it does not build on inputs of the shapes it names",
                        l->name);
    probe_close(&p);
    check_batch(c, l, "one sample", 1, 5, false);
    check_batch(c, l, "one class", 3, 1, false);
    check_batch(c, l, "a NaN", 3, 5, true);
}
