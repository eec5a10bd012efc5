/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>
#include "opt.h"
#include "str.h"

enum shape { HOLD, MARKS, EVERY, LINE, POLY, COSINE };
struct mark {
    double factor;
    struct lbk_span at;
};
struct lbk_curve {
    enum shape shape;
    double from, to;      /* to: the end of LINE and COSINE, the power of POLY */
    struct lbk_span over; /* zero: the whole clock */
    int n;
    struct mark *mark; /* MARKS; EVERY has one */
    double warm;       /* 1 = no warm-up */
    struct lbk_span warm_over;
};

/* A cursor: at is the current word, of length n; 0 at the end. */
struct words {
    const char *s, *end, *at;
    size_t n;
};

static void step(struct words *w)
{
    w->at = w->s;
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\t'))
        w->at++;
    w->s = w->at;
    while (w->s < w->end && *w->s != ' ' && *w->s != '\t')
        w->s++;
    w->n = (size_t) (w->s - w->at);
}

static bool is(const struct words *w, const char *word)
{
    return w->n == strlen(word) && !memcmp(w->at, word, w->n);
}

static bool number(struct words *w, double *out)
{
    const bool ok = lbk__parse_number(w->at, w->n, out);
    step(w);
    return ok;
}

const char *lbk__parse_span(const char *s, size_t n, struct lbk_span *out)
{
    static const char expected[] = "a span as 4000 (steps), 20e (epochs) or 10%";
    struct lbk_span span = { 0, LBK_STEPS };
    if (n && s[n - 1] == 'e')
        span.unit = LBK_EPOCHS, n--;
    else if (n && s[n - 1] == '%')
        span.unit = LBK_PERCENT, n--;
    if (!lbk__parse_number(s, n, &span.n) || span.n < 0)
        return expected;
    if (span.unit == LBK_PERCENT && span.n > 100)
        return "at most 100%";
    *out = span;
    return NULL;
}

/* An optional length, to the end of the clock when left out. */
static bool over(struct words *w, struct lbk_span *out)
{
    if (!w->n || is(w, "warm"))
        return true;
    const char *wrong = lbk__parse_span(w->at, w->n, out);
    step(w);
    return !wrong && out->n > 0;
}

/* x0.2 60e 120e, any number of times, or x0.5 /5e. */
static const char *marks(struct words *w, struct arena *a, struct lbk_curve *c)
{
    double factor = 1;
    c->shape = MARKS;
    c->mark = lbk__arena_get(a, ((size_t) (w->end - w->at) / 2 + 1) * sizeof *c->mark);
    if (!c->mark)
        return "more memory";
    while (w->n && !is(w, "warm")) {
        struct mark *m = &c->mark[c->n];
        const bool every = *w->at == '/';
        if (*w->at == 'x') {
            if (!lbk__parse_number(w->at + 1, w->n - 1, &factor))
                return "a factor as x0.2";
        } else if (lbk__parse_span(w->at + every, w->n - every, &m->at) ||
                   (every && (c->n || m->at.n <= 0))) {
            return "the marks of a factor as 60e 120e, or /5e";
        } else {
            m->factor = factor;
            c->n++;
            c->shape = every ? EVERY : c->shape;
        }
        step(w);
    }
    return c->n && (c->shape == MARKS || c->n == 1) ? NULL
                                                    : "the marks of a factor as 60e 120e, or /5e";
}

static const char *shape(struct words *w, struct arena *a, struct lbk_curve *c)
{
    if (*w->at == 'x')
        return marks(w, a, c);
    c->shape = is(w, "line") ? LINE : is(w, "poly") ? POLY : is(w, "cos") ? COSINE : HOLD;
    if (c->shape == HOLD)
        return "line, poly, cos, x<factor> or warm after the first number";
    step(w);
    if (!number(w, &c->to) || (c->shape == POLY && c->to <= 0))
        return c->shape == POLY ? "a power above 0 after poly"
                                : "where it ends, a number, after line or cos";
    return over(w, &c->over) ? NULL : "how long it takes, as 4000, 20e or 10%";
}

static const char *curve(struct words *w, struct arena *a, struct lbk_curve *c)
{
    const char *wrong;
    c->warm = 1;
    if (!number(w, &c->from))
        return "a number first";
    if (fabs(c->from) > FLT_MAX)
        return "at most 3.4e38";
    if (w->n && !is(w, "warm") && (wrong = shape(w, a, c)))
        return wrong;
    if (!w->n)
        return NULL;
    step(w);
    if (lbk__parse_span(w->at, w->n, &c->warm_over))
        return "a span after warm";
    step(w);
    if (!number(w, &c->warm) || w->n)
        return "warm <span> <number> last";
    return NULL;
}

const char *lbk__parse_ramp(struct arena *a, const char *s, size_t n, struct lbk_ramp *out)
{
    struct lbk_curve c = { 0 };
    struct words w = { s, s + n, s, 0 };
    step(&w);
    const char *wrong = curve(&w, a, &c);
    if (wrong)
        return wrong;
    *out = LBK_CONST(c.from);
    if (c.shape == HOLD && c.warm_over.n <= 0)
        return NULL;
    *out = (struct lbk_ramp){ .curve = lbk__arena_copy(a, &c, sizeof c), .scale = 1 };
    return out->curve ? NULL : "more memory";
}

double lbk__span_steps(struct lbk_span s, double steps_per_epoch, double total_steps)
{
    if (s.n <= 0)
        return total_steps;
    return s.unit == LBK_STEPS    ? s.n
           : s.unit == LBK_EPOCHS ? s.n * steps_per_epoch
                                  : s.n * total_steps / 100;
}

/* Fractions of epochs are rarely whole: a mark counts as reached a rounding error early. */
static bool reached(double step, double mark) { return step >= mark - 1e-9 * (mark + 1); }

static double curve_at(const struct lbk_curve *c, double step, double steps_per_epoch,
                       double total_steps)
{
    const double n = lbk__span_steps(c->over, steps_per_epoch, total_steps);
    const double t = step < n ? step / n : 1;
    double v = c->from;
    switch (c->shape) {
    case HOLD: break;
    case LINE: v = t < 1 ? c->from + (c->to - c->from) * t : c->to; break;
    case POLY: v = t < 1 ? c->from * pow(1 - t, c->to) : 0; break;
    case COSINE:
        v = t < 1 ? c->to + (c->from - c->to) * 0.5 * (1 + cos(3.14159265358979323846 * t)) : c->to;
        break;
    case EVERY:
        v *= pow(c->mark->factor,
                 floor(step / lbk__span_steps(c->mark->at, steps_per_epoch, total_steps) + 1e-9));
        break;
    case MARKS:
        for (int i = 0; i < c->n; i++) {
            const struct lbk_span at = c->mark[i].at;
            if (at.n <= 0 || reached(step, lbk__span_steps(at, steps_per_epoch, total_steps)))
                v *= c->mark[i].factor;
        }
    }
    const double up =
        c->warm_over.n > 0 ? lbk__span_steps(c->warm_over, steps_per_epoch, total_steps) : 0;
    return step < up ? v * (c->warm + (1 - c->warm) * step / up) : v;
}

double lbk__ramp_at(struct lbk_ramp r, double step, double steps_per_epoch, double total_steps)
{
    const double from = r.from.n > 0 ? lbk__span_steps(r.from, steps_per_epoch, total_steps) : 0;
    return r.curve ? r.offset + r.scale * curve_at(r.curve, step > from ? step - from : 0,
                                                   steps_per_epoch, total_steps - from)
                   : r.offset;
}

static bool flat(const struct lbk_curve *c)
{
    bool same = true;
    if ((c->shape == LINE || c->shape == COSINE) && c->to != c->from)
        return false;
    if (c->shape == POLY && c->from != 0)
        return false;
    for (int i = 0; i < c->n; i++)
        same = same && (c->mark[i].factor == 1 || c->from == 0);
    return same && (c->from == 0 || c->warm == 1 || c->warm_over.n <= 0);
}

bool lbk__ramp_constant(struct lbk_ramp r, double *value)
{
    if (r.curve && r.scale != 0 && !flat(r.curve))
        return false;
    *value = r.curve && r.scale != 0 ? r.offset + r.scale * r.curve->from : r.offset;
    return true;
}

bool lbk_ramp_off(struct lbk_ramp r)
{
    double v;
    return lbk__ramp_constant(r, &v) && v == 0;
}
