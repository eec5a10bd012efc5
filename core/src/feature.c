/* SPDX-License-Identifier: MIT */
/* What losses and methods share that compare hidden layers. */
#include <stdio.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"

/* ---- maps ---- */

lbk_val *lbk_feature_adapt(lbk_scope *s, lbk_val *x, const lbk_val *like, enum lbk_adapter how)
{
    const lbk_shape from = lbk_shape_of(x), to = lbk_shape_of(like);
    if (!s || !x || !like || how == LBK_ADAPT_OFF)
        return x;
    if (how == LBK_ADAPT_AUTO && from.n == to.n && from.n > 1 && from.d[1] == to.d[1])
        return x;
    if (from.n == 4 && to.n == 4)
        return lbk_nn_conv2d(lbk_scope_sub(s, "adapter"), x,
                             lbk_conv(.out = to.d[1], .kernel = 1, .bias = true));
    lbk_graph_fail(lbk_scope_graph(s), LBK_EINVAL,
                   "an adapter is for maps N x C x H x W, found %s and %s; adapter=off does "
                   "without",
                   SHAPE(from), SHAPE(to));
    return NULL;
}

/* Mean 0 and variance 1 of each channel. */
static lbk_val *standardise(lbk_graph *g, lbk_val *x, bool stop)
{
    const struct lbk_reduce others = { ~(1u << 1), true };
    lbk_val *mean = lbk_mean(g, x, others), *from = stop ? lbk_stop_grad(g, mean) : mean;
    lbk_val *far = lbk_sub(g, x, from);
    lbk_val *var = lbk_mean(g, lbk_square(g, stop ? lbk_stop_grad(g, far) : far), others);
    return lbk_div(g, far, lbk_sqrt(g, lbk_add(g, var, lbk_scalar(g, LBK_FEATURE_TINY))));
}

lbk_val *lbk_feature_scale(lbk_graph *g, lbk_val *x, enum lbk_scaling over, bool stop)
{
    static const uint32_t axes[] = {
        [LBK_SCALE_CHANNEL] = ~3u, [LBK_SCALE_SAMPLE] = ~1u, [LBK_SCALE_TENSOR] = ~0u
    };
    static const char *const names[] = LBK_SCALING_NAMES;
    static const int ranks[] = {
        [LBK_SCALE_CHANNEL] = 3, [LBK_SCALE_SAMPLE] = 2, [LBK_SCALE_STANDARDISE] = 2
    };
    if (!x || over == LBK_SCALE_NONE)
        return x;
    if (lbk_shape_of(x).n < ranks[over]) {
        lbk_graph_fail(g, LBK_EINVAL, "normalise=%s is for N x C x H x W, found %s", names[over],
                       SHAPE(lbk_shape_of(x)));
        return NULL;
    }
    if (over == LBK_SCALE_STANDARDISE)
        return standardise(g, x, stop);
    const struct lbk_reduce r = { axes[over], true };
    lbk_val *lo = lbk_min(g, x, r), *hi = lbk_max(g, x, r), *one = lbk_scalar(g, 1);
    if (stop)
        lo = lbk_stop_grad(g, lo), hi = lbk_stop_grad(g, hi);
    lbk_val *width = lbk_add(g, lbk_sub(g, hi, lo), lbk_scalar(g, LBK_FEATURE_TINY));
    return lbk_mul(g, lbk_sub(g, x, lo), lbk_div(g, one, width));
}

bool lbk_feature_pair(lbk_scope *s, lbk_val *const in[2], const struct lbk_feature *f,
                      lbk_val *out[2])
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *x = lbk_feature_adapt(s, in[0], in[1], f->adapter), *y = lbk_stop_grad(g, in[1]);
    if (!x || !y)
        return false;
    if (!lbk__same_shape(lbk_shape_of(x), lbk_shape_of(y))) {
        lbk_graph_fail(g, LBK_EINVAL,
                       "expected maps of one size, found the student's %s and "
                       "the teacher's %s",
                       SHAPE(lbk_shape_of(x)), SHAPE(lbk_shape_of(y)));
        return false;
    }
    out[0] = lbk_feature_scale(g, x, f->normalise, f->stop);
    out[1] = lbk_feature_scale(g, y, f->normalise, f->stop);
    return out[0] && out[1];
}

/* ---- levels ---- */

enum { LEVELS = 16 };
struct levels {
    int n;
    const struct tap *tap[LEVELS];
    char list[256];
};

/* None latches. */
static struct levels levels_of(lbk_pass *p, const char *pattern)
{
    struct levels l = { 0 };
    for (const struct tap *t = NULL; (t = lbk__pass_next(p, pattern, t)); l.n++) {
        if (l.n < LEVELS)
            l.tap[l.n] = t;
        snprintf(l.list + strlen(l.list), sizeof l.list - strlen(l.list), "%s%s", l.n ? ", " : "",
                 t->name);
    }
    if (!l.n)
        lbk_pass_tap(p, pattern);
    return l;
}

static void level(lbk_objective *o, const char *label, struct lbk_ramp weight,
                  const struct levels *of, int i, const char *loss, const struct lbk_wire *wires,
                  const char *text)
{
    char own[160];
    snprintf(own, sizeof own, of->n > 1 ? "%s/%s" : "%s", label, of->tap[i]->name);
    lbk_obj_term(o, own, weight, loss, wires, "%s", text);
}

void lbk_obj_levels(lbk_objective *o, const char *label, struct lbk_ramp weight, lbk_pass *student,
                    lbk_pass *teacher, const char *taps, const char *loss, const char *fmt, ...)
{
    char text[1024] = "";
    if (lbk_ramp_off(weight) || lbk_graph_status(o->g))
        return;
    const struct levels s = levels_of(student, taps), t = levels_of(teacher, taps);
    if (lbk_graph_status(o->g))
        return;
    if (s.n != t.n || s.n > LEVELS) {
        lbk_graph_fail(o->g, LBK_EINVAL,
                       "%s: '%s' is %d taps of the student (%s) and %d of the teacher (%s), "
                       "expected as many of both, %d at most",
                       label, taps, s.n, s.list, t.n, t.list, LEVELS);
        return;
    }
    if (fmt) {
        va_list v;
        va_start(v, fmt);
        vsnprintf(text, sizeof text, fmt, v);
        va_end(v);
    }
    for (int i = 0; i < s.n; i++)
        level(o, label, weight, &s, i, loss,
              LBK_WIRES({ "student", s.tap[i]->v }, { "teacher", t.tap[i]->v }), text);
}
