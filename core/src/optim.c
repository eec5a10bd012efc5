/* SPDX-License-Identifier: MIT */
#include "optim.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "ctx.h"
#include "opt.h"
#include "str.h"

/* Each begins with clip, which is read without knowing whose it is. */
struct sgd {
    double clip, momentum;
    bool nesterov;
    double wd;
};
struct adam {
    double clip, beta1, beta2, eps, wd;
};

#define CLIP(T) LBK_FLOAT(T, clip, 0, 0, 1e30, "largest norm of all gradients together; 0 = any")

static const struct lbk_opt sgd_opts[] = {
    LBK_FLOAT(sgd, momentum, 0, 0, 1, "part of the last step's direction that is kept"),
    LBK_BOOL(sgd, nesterov, false, "look one step ahead"),
    LBK_FLOAT(sgd, wd, 0, 0, 1e3, "weight decay, added to the gradient"),
    CLIP(sgd),
    LBK_OPTS_END,
};
#define ADAM_OPTS(decay, text)                                                                     \
 LBK_FLOAT(adam, beta1, 0.9, 0, 0.999999, "part of the mean gradient that is kept"),               \
     LBK_FLOAT(adam, beta2, 0.999, 0, 0.999999, "part of the mean square that is kept"),           \
     LBK_FLOAT(adam, eps, 1e-8, 0, 1, "added to the root of the mean square"),                     \
     LBK_FLOAT(adam, wd, decay, 0, 1e3, text), CLIP(adam), LBK_OPTS_END
static const struct lbk_opt adam_opts[] = { ADAM_OPTS(0, "weight decay, added to the gradient") };
static const struct lbk_opt adamw_opts[] = { ADAM_OPTS(0.01,
                                                       "weight decay, apart from the gradient") };

/* One step's scalars, shared by all parameters. */
struct update {
    lbk_graph *g;
    const void *cfg;
    lbk_val *lr, *ok, *keep, *size, *root2;
};

static void sgd_begin(struct update *u, lbk_val *step) { (void) u, (void) step; }

static lbk_val *num(const struct update *u, double v) { return lbk_scalar(u->g, v); }

static lbk_val *state_of(const struct update *u, lbk_val *p, const char *what)
{
    char name[512];
    snprintf(name, sizeof name, "%s@%s", p->node.name, what);
    return lbk_state(u->g, name, LBK_F32, p->node.shape, false);
}

static void set(const struct update *u, lbk_val *state, lbk_val *v)
{
    lbk_assign(u->g, state, u->ok ? lbk_select(u->g, u->ok, v, state) : v);
}

static lbk_val *decayed(const struct update *u, lbk_val *p, lbk_val *d, double wd)
{
    return wd > 0 ? lbk_add(u->g, d, lbk_mul(u->g, p, num(u, wd))) : d;
}

static void sgd_step(const struct update *u, lbk_val *p, lbk_val *d)
{
    const struct sgd *c = u->cfg;
    d = decayed(u, p, d, c->wd);
    if (c->momentum > 0) {
        lbk_val *old = state_of(u, p, "momentum"), *mu = num(u, c->momentum);
        lbk_val *m = lbk_add(u->g, lbk_mul(u->g, old, mu), d);
        d = c->nesterov ? lbk_add(u->g, d, lbk_mul(u->g, m, mu)) : m;
        set(u, old, m);
    }
    set(u, p, lbk_sub(u->g, p, lbk_mul(u->g, d, u->lr)));
}

/* 1 - beta^t = -2 u / (1 - u), u = tanh(t ln(beta) / 2): near 1 a power would lose its digits. */
static lbk_val *correction(const struct update *u, double beta, lbk_val *t)
{
    lbk_val *h = lbk_tanh(u->g, lbk_mul(u->g, t, num(u, log(beta) / 2)));
    return beta > 0 ? lbk_div(u->g, lbk_mul(u->g, h, num(u, -2)), lbk_sub(u->g, num(u, 1), h))
                    : num(u, 1);
}

static void adam_begin(struct update *u, lbk_val *step)
{
    const struct adam *c = u->cfg;
    lbk_val *t = lbk_add(u->g, lbk_cast(u->g, step, (struct lbk_cast){ LBK_F32 }), num(u, 1));
    u->size = lbk_div(u->g, u->lr, correction(u, c->beta1, t));
    u->root2 = lbk_div(u->g, num(u, 1), lbk_sqrt(u->g, correction(u, c->beta2, t)));
}

static void adamw_begin(struct update *u, lbk_val *step)
{
    const struct adam *c = u->cfg;
    adam_begin(u, step);
    u->keep = lbk_sub(u->g, num(u, 1), lbk_mul(u->g, u->lr, num(u, c->wd)));
}

static lbk_val *blend(const struct update *u, lbk_val *old, lbk_val *v, double beta)
{
    return lbk_add(u->g, lbk_mul(u->g, old, num(u, beta)), lbk_mul(u->g, v, num(u, 1 - beta)));
}

static void adam_step(const struct update *u, lbk_val *p, lbk_val *d)
{
    const struct adam *c = u->cfg;
    lbk_val *m0 = state_of(u, p, "moment1"), *v0 = state_of(u, p, "moment2");
    d = u->keep ? d : decayed(u, p, d, c->wd);
    lbk_val *m = blend(u, m0, d, c->beta1), *v = blend(u, v0, lbk_square(u->g, d), c->beta2);
    lbk_val *root = lbk_add(u->g, lbk_mul(u->g, lbk_sqrt(u->g, v), u->root2), num(u, c->eps));
    lbk_val *from = u->keep ? lbk_mul(u->g, p, u->keep) : p;
    set(u, p, lbk_sub(u->g, from, lbk_mul(u->g, lbk_div(u->g, m, root), u->size)));
    set(u, m0, m);
    set(u, v0, v);
}

static lbk_val *length(const struct update *u, int n, lbk_val *const grad[])
{
    lbk_val *sum = num(u, 1e-30);
    for (int i = 0; i < n; i++)
        if (grad[i])
            sum = lbk_add(u->g, sum, lbk_sum(u->g, lbk_square(u->g, grad[i]), LBK_ALL));
    return lbk_sqrt(u->g, sum);
}

/* What every gradient is multiplied by, so that together they are no longer than most. */
static lbk_val *shortening(const struct update *u, lbk_val *norm, double most)
{
    lbk_val *limit = num(u, most);
    return lbk_select(u->g, lbk_sub(u->g, norm, limit), lbk_div(u->g, limit, norm), num(u, 1));
}

static const struct optim {
    const char *name;
    const struct lbk_opt *opts;
    size_t size;
    void (*begin)(struct update *u, lbk_val *step);
    void (*step)(const struct update *u, lbk_val *p, lbk_val *d);
} optims[] = {
    { "sgd", sgd_opts, sizeof(struct sgd), sgd_begin, sgd_step },
    { "adam", adam_opts, sizeof(struct adam), adam_begin, adam_step },
    { "adamw", adamw_opts, sizeof(struct adam), adamw_begin, adam_step },
};
enum { OPTIMS = sizeof optims / sizeof *optims };

static lbk_status find(lbk_ctx *ctx, const char *s, size_t n, const struct optim **out)
{
    const char *names[OPTIMS + 1] = { NULL };
    char name[64];
    for (int i = 0; i < OPTIMS; i++) {
        names[i] = optims[i].name;
        if (n == strlen(names[i]) && !memcmp(names[i], s, n))
            return *out = &optims[i], LBK_OK;
    }
    snprintf(name, sizeof name, "%.*s", (int) n, s);
    const char *near = lbk__nearest(name, names);
    return lbk_fail(ctx, LBK_ENOENT, "optim: '%s' is unknown%s%s%s", name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* One "name=value". */
static lbk_status set_option(lbk_ctx *ctx, lbk_opts *o, const char *s, size_t n)
{
    char text[128];
    if (n >= sizeof text || !memchr(s, '=', n))
        return lbk_fail(ctx, LBK_EINVAL, "optim: expected name=value, got '%.*s'",
                        n > 80 ? 80 : (int) n, s);
    snprintf(text, sizeof text, "%.*s", (int) n, s);
    char *value = strchr(text, '=');
    *value++ = 0;
    return lbk_opts_set(o, text, value);
}

static lbk_status check_sgd(lbk_ctx *ctx, const struct optim *m, const lbk_opts *o)
{
    const struct sgd *c = lbk_opts_cfg(o);
    if (m->step == sgd_step && c->nesterov && !(c->momentum > 0))
        return lbk_fail(ctx, LBK_EINVAL,
                        "sgd.nesterov: expected a momentum above 0 with it, got %g", c->momentum);
    return LBK_OK;
}

static lbk_status parse(lbk_ctx *ctx, const char *spec, const struct optim **m, lbk_opts **o)
{
    const char *item;
    size_t n;
    *o = NULL;
    if (!lbk__next_item(&spec, ",", &item, &n))
        return lbk_fail(ctx, LBK_EINVAL, "optim: expected sgd, adam or adamw, got nothing");
    lbk_status st = find(ctx, item, n, m);
    st = st ? st : lbk_opts_create(ctx, (*m)->opts, (*m)->size, o);
    st = st ? st : lbk__opts_prefix(*o, (*m)->name);
    while (!st && lbk__next_item(&spec, ",", &item, &n))
        st = set_option(ctx, *o, item, n);
    st = st ? st : check_sgd(ctx, *m, *o);
    if (st && *o)
        lbk_opts_destroy(o);
    return st;
}

lbk_status lbk__optim_check(lbk_ctx *ctx, const char *spec)
{
    const struct optim *m;
    lbk_opts *o;
    const lbk_status st = parse(ctx, spec, &m, &o);
    if (!st)
        lbk_opts_destroy(&o);
    return st;
}

lbk_val *lbk__optim_build(lbk_graph *g, const char *spec, lbk_val *lr, lbk_val *ok, lbk_val *step,
                          int n, lbk_val *const param[], lbk_val *const grad[])
{
    const struct optim *m;
    lbk_opts *o;
    if (g->status || (g->status = parse(g->ctx, spec, &m, &o)))
        return NULL;
    struct update u = { .g = g, .cfg = lbk_opts_cfg(o), .lr = lr, .ok = ok };
    const double clip = *(const double *) u.cfg;
    lbk_val *norm = clip > 0 ? length(&u, n, grad) : NULL,
            *shorter = norm ? shortening(&u, norm, clip) : NULL;
    m->begin(&u, step);
    for (int i = 0; i < n && !g->status; i++) {
        if (!param[i] || param[i]->node.kind != NODE_STATE)
            lbk_graph_fail(g, LBK_EINVAL, "optim: parameter %d is not a state", i);
        else if (grad[i])
            m->step(&u, param[i], shorter ? lbk_mul(g, grad[i], shorter) : grad[i]);
    }
    lbk_opts_destroy(&o);
    return g->status ? NULL : norm;
}
