/* SPDX-License-Identifier: MIT */
/* Which anchors are hits of which boxes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "detect.h"

enum { BACKGROUND = -1, UNCOUNTED = -2 };
static const double same = 1e-9; /* overlaps that differ by rounding alone */

double detect_overlap(struct box a, struct box b)
{
    const double w = fmin(a.x1, b.x1) - fmax(a.x0, b.x0), h = fmin(a.y1, b.y1) - fmax(a.y0, b.y0);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double any = (a.x1 - a.x0) * (a.y1 - a.y0) + (b.x1 - b.x0) * (b.y1 - b.y0) - both;
    return any > 0 ? both / any : 0;
}

void detect_anchor(const struct detect *c, const struct heads *h, int number, int64_t kind,
                   double *wide, double *high)
{
    const double octave = (double) (kind / c->ratios.n) / (double) h->sizes;
    const double side = c->base * ldexp(1, number) * exp2(octave);
    const double root = sqrt(c->ratios.v[kind % c->ratios.n]);
    *wide = side / root, *high = side * root;
}

/* ---- one box and the anchors of one kind on one level ---- */

struct sheet {
    double stride, wide, high;
    int64_t h, w, at; /* at: of its first anchor */
};

static struct sheet sheet_of(const struct detect *c, const struct heads *h, int i, int64_t kind,
                             int64_t at)
{
    const struct level *l = &h->at[i];
    struct sheet s = { .stride = ldexp(1, l->number), .h = l->h, .w = l->w, .at = at };
    detect_anchor(c, h, l->number, kind, &s.wide, &s.high);
    return s;
}

static double middle(const struct sheet *s, int64_t cell)
{
    return ((double) cell + 0.5) * s->stride;
}

/* How long a..b and a side about a middle lie over each other. */
static double shared(double about, double side, double a, double b)
{
    const double from = about - side / 2, to = about + side / 2;
    const double both = (to < b ? to : b) - (from > a ? from : a);
    return both > 0 ? both : 0;
}

/* The cells from *begin to *end are all, of n in a row, whose anchors may meet a..b. */
static void range(double a, double b, double side, double stride, int64_t n, int64_t *begin,
                  int64_t *end)
{
    const double from = floor((a - side / 2) / stride - 0.5),
                 to = ceil((b + side / 2) / stride - 0.5) + 1;
    *begin = from > 0 ? (int64_t) fmin(from, (double) n) : 0;
    *end = to > 0 ? (int64_t) fmin(to, (double) n) : 0;
}

/* Is told of anchors `first` on, n of them, how much each overlaps the box. */
typedef void (*seer)(void *ud, int64_t first, int n, const double overlap[]);

/* Gives each anchor that may meet the box to `see`, some of a row at a time. */
static void visit(const struct sheet *s, struct box b, seer see, void *ud)
{
    enum { SOME = 64 };
    const double area = s->wide * s->high + (b.x1 - b.x0) * (b.y1 - b.y0);
    double broad[SOME], overlap[SOME];
    int64_t x0, x1, y0, y1;
    range(b.x0, b.x1, s->wide, s->stride, s->w, &x0, &x1);
    range(b.y0, b.y1, s->high, s->stride, s->h, &y0, &y1);
    for (int64_t x = x0; x < x1; x += SOME) {
        const int n = x1 - x < SOME ? (int) (x1 - x) : SOME;
        for (int i = 0; i < n; i++)
            broad[i] = shared(middle(s, x + i), s->wide, b.x0, b.x1);
        for (int64_t y = y0; y < y1; y++) {
            const double tall = shared(middle(s, y), s->high, b.y0, b.y1);
            for (int i = 0; i < n; i++)
                overlap[i] = tall * broad[i] / (area - tall * broad[i]);
            see(ud, s->at + y * s->w + x, n, overlap);
        }
    }
}

/* Of one box: every sheet of the network. */
static void visit_all(const struct detect *c, const struct heads *h, struct box b, seer see,
                      void *ud)
{
    int64_t at = 0;
    for (int i = 0; i < h->n; i++)
        for (int64_t k = 0; k < h->anchors; k++, at += h->at[i].h * h->at[i].w) {
            const struct sheet s = sheet_of(c, h, i, k, at);
            visit(&s, b, see, ud);
        }
}

/* ---- truth ---- */

/* Optional arrays go with "boxes", one entry each. */
static lbk_status get_extra(const lbk_record *r, const char *name, lbk_dtype t, int64_t n,
                            const void **out)
{
    struct lbk_array a = { 0 };
    *out = NULL;
    if (!lbk_record_has(r, name))
        return LBK_OK;
    const lbk_status st = lbk_record_get(r, name, t, &a);
    if (st)
        return st;
    *out = a.data;
    if (lbk_shape_count(a.shape) != n)
        return lbk_fail(lbk_record_ctx(r), LBK_EINVAL,
                        "%s: expected %lld numbers in '%s', found %lld", LBK_CALLED(r),
                        (long long) n, name, (long long) lbk_shape_count(a.shape));
    return LBK_OK;
}

lbk_status detect_truth(const lbk_record *r, struct truth *out)
{
    struct lbk_array boxes;
    const void *area = NULL, *crowd = NULL, *to = NULL;
    lbk_status st = lbk_record_get(r, "boxes", LBK_F32, &boxes);
    *out = (struct truth){ .to_original = { 1, 1, 0, 0 } };
    if (st)
        return st;
    if (boxes.shape.n != 2 || boxes.shape.d[1] != 5)
        return lbk_fail(lbk_record_ctx(r), LBK_EINVAL, "%s: expected 'boxes' as n x 5",
                        LBK_CALLED(r));
    out->n = boxes.shape.d[0], out->box = (const float(*)[5]) boxes.data;
    st = get_extra(r, "boxes_area", LBK_F32, out->n, &area);
    if (!st)
        st = get_extra(r, "boxes_crowd", LBK_I32, out->n, &crowd);
    if (!st)
        st = get_extra(r, "to_original", LBK_F32, 6, &to);
    out->area = area, out->crowd = crowd;
    for (int i = 0; to && i < 6; i++)
        out->to_original[i] = (double) ((const float *) to)[i];
    return st;
}

lbk_status detect_classes(lbk_ctx *ctx, const lbk_record *r, const char *metric, int64_t *classes,
                          const char *const **names)
{
    const struct lbk_field *f = lbk_record_field(r, "boxes");
    *classes = f ? f->classes : 0, *names = f ? f->names : NULL;
    return *classes > 0 ? LBK_OK
                        : lbk_fail(ctx, LBK_EINVAL,
                                   "%s: expected boxes of 1 or more classes, found none", metric);
}

double truth_area(const struct truth *t, int64_t i)
{
    const float *b = t->box[i];
    if (t->area)
        return (double) t->area[i];
    return (double) (b[2] - b[0]) * t->to_original[0] * (double) (b[3] - b[1]) * t->to_original[1];
}

static struct box box_of(const float b[4])
{
    return (struct box){ (double) b[0], (double) b[1], (double) b[2], (double) b[3] };
}

static bool has_area(const struct truth *t, int64_t i)
{
    return t->box[i][2] > t->box[i][0] && t->box[i][3] > t->box[i][1];
}

/* ---- reach ---- */

static void see_most(void *ud, int64_t first, int n, const double overlap[])
{
    double *most = ud;
    for (int i = 0; i < n; i++)
        *most = overlap[i] > *most ? overlap[i] : *most;
}

lbk_status detect_reach(lbk_record *r, const struct detect *c, const struct heads *h)
{
    struct truth t;
    const lbk_status st = detect_truth(r, &t);
    if (st)
        return st;
    int32_t *reached = lbk_record_put(r, "boxes_reached", LBK_I32, LBK_SHAPE(t.n));
    for (int64_t i = 0; reached && i < t.n; i++) {
        double most = 0;
        if (has_area(&t, i))
            visit_all(c, h, box_of(t.box[i]), see_most, &most);
        reached[i] = most >= c->pos;
    }
    return reached ? LBK_OK : LBK_ENOMEM;
}

/* ---- matches ---- */

struct match {
    double *best;  /* of each anchor: its largest overlap */
    int32_t *box;  /* with which box */
    double *most;  /* of each box: its largest overlap */
    int32_t which; /* the box that is looked at */
};

static void see_best(void *ud, int64_t first, int n, const double overlap[])
{
    struct match *m = ud;
    for (int i = 0; i < n; i++)
        if (overlap[i] > m->best[first + i])
            m->best[first + i] = overlap[i], m->box[first + i] = m->which;
    see_most(&m->most[m->which], first, n, overlap);
}

/* Nearest to a box is a hit of it, whatever else it overlaps. */
static void see_nearest(void *ud, int64_t first, int n, const double overlap[])
{
    struct match *m = ud;
    const double most = m->most[m->which];
    for (int i = 0; i < n; i++)
        if (most > 0 && overlap[i] >= most - same)
            m->best[first + i] = INFINITY, m->box[first + i] = m->which;
}

static void match_all(const struct detect *c, const struct heads *h, const struct truth *t,
                      struct match *m)
{
    const seer see[] = { see_best, see_nearest };
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < t->n; i++) {
            m->which = (int32_t) i;
            if (!truth_is_crowd(t, i) && has_area(t, i))
                visit_all(c, h, box_of(t->box[i]), see[pass], m);
        }
}

static void put_deltas(const struct sheet *s, int64_t cell, const float b[4], float *to)
{
    const double x = middle(s, cell % s->w), y = middle(s, cell / s->w);
    const int64_t far = s->h * s->w;
    to[cell] = (float) ((((double) b[0] + (double) b[2]) / 2 - x) / s->wide);
    to[cell + far] = (float) ((((double) b[1] + (double) b[3]) / 2 - y) / s->high);
    to[cell + 2 * far] = (float) log(((double) b[2] - (double) b[0]) / s->wide);
    to[cell + 3 * far] = (float) log(((double) b[3] - (double) b[1]) / s->high);
}

static lbk_status put_level(lbk_record *r, const struct detect *c, const struct heads *h, int i,
                            int64_t at, const struct truth *t, const struct match *m)
{
    const struct level *l = &h->at[i];
    const int64_t cells = l->h * l->w;
    char name[2][32];
    snprintf(name[0], sizeof name[0], "anchor_class/%d", l->number);
    snprintf(name[1], sizeof name[1], "anchor_box/%d", l->number);
    int32_t *cls = lbk_record_put(r, name[0], LBK_I32, LBK_SHAPE(h->anchors, l->h, l->w));
    float *box =
        cls ? lbk_record_put(r, name[1], LBK_F32, LBK_SHAPE(h->anchors, 4, l->h, l->w)) : NULL;
    for (int64_t k = 0; box && k < h->anchors; k++, at += cells) {
        const struct sheet s = sheet_of(c, h, i, k, at);
        for (int64_t j = 0; j < cells; j++) {
            const double best = m->best[at + j];
            const float *b = t->box[m->box[at + j]];
            cls[k * cells + j] = best >= c->pos  ? (int32_t) b[4]
                                 : best < c->neg ? BACKGROUND
                                                 : UNCOUNTED;
            if (best >= c->pos)
                put_deltas(&s, j, b, box + 4 * k * cells);
        }
    }
    return box ? LBK_OK : LBK_ENOMEM;
}

static lbk_status check_boxes(const lbk_record *r, const struct truth *t, int64_t classes)
{
    for (int64_t i = 0; i < t->n; i++) {
        const float *b = t->box[i];
        for (int k = 0; k < 4; k++)
            if (!isfinite(b[k]))
                return lbk_fail(lbk_record_ctx(r), LBK_EINVAL,
                                "%s: box %lld: expected numbers, found %g", LBK_CALLED(r),
                                (long long) i, (double) b[k]);
        if (!(b[4] >= 0 && b[4] < (float) classes))
            return lbk_fail(lbk_record_ctx(r), LBK_EINVAL,
                            "%s: box %lld is of class %g, the network has %lld", LBK_CALLED(r),
                            (long long) i, (double) b[4], (long long) classes);
    }
    return LBK_OK;
}

/* Before any box is looked at: a sample may have none of the classes that are missing. */
static lbk_status check_classes(const lbk_record *r, int64_t classes)
{
    const struct lbk_field *f = lbk_record_field(r, "boxes");
    if (!f || f->classes <= classes)
        return LBK_OK;
    return lbk_fail(
        lbk_record_ctx(r), LBK_EINVAL,
        "detect: expected a network of the %lld classes of field 'boxes' or more, found %lld",
        (long long) f->classes, (long long) classes);
}

static lbk_status encode(lbk_record *r, const struct detect *c, const struct heads *h,
                         const struct truth *t)
{
    int64_t n = 0, at = 0;
    for (int i = 0; i < h->n; i++)
        n += h->anchors * h->at[i].h * h->at[i].w;
    struct match m = { .best = calloc((size_t) n, sizeof *m.best),
                       .box = calloc((size_t) n, sizeof *m.box),
                       .most = calloc((size_t) t->n + 1, sizeof *m.most) };
    lbk_status st = m.best && m.box && m.most
                        ? LBK_OK
                        : lbk_fail(lbk_record_ctx(r), LBK_ENOMEM, "detect: out of memory");
    if (!st)
        match_all(c, h, t, &m);
    for (int i = 0; !st && i < h->n; i++) {
        st = put_level(r, c, h, i, at, t, &m);
        at += h->anchors * h->at[i].h * h->at[i].w;
    }
    free(m.best);
    free(m.box);
    free(m.most);
    return st;
}

lbk_status detect_encode(lbk_record *r, detect_shape shape, void *ud, const void *cfg)
{
    char why[256];
    struct heads h;
    struct truth t;
    if (!detect_heads(cfg, shape, ud, &h, why))
        return lbk_fail(lbk_record_ctx(r), LBK_EINVAL, "%s", why);
    lbk_status st = check_classes(r, h.classes);
    if (!st)
        st = detect_truth(r, &t);
    if (!st)
        st = check_boxes(r, &t, h.classes);
    return st ? st : encode(r, cfg, &h, &t);
}
