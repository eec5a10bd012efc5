/* SPDX-License-Identifier: MIT */
/* Average precision as the COCO evaluation of boxes has it (Lin et al., "Microsoft COCO", 2014): of
 * each class at overlaps of 0.50, 0.55 .. 0.95, the mean over 101 recalls of the best precision at
 * that recall or more, of at most 100 boxes to a picture and class. Of truth, crowds and what lies
 * outside a range of areas is ignored: it need not be found, and a box that matches it does not
 * count; nor does an unmatched box outside the range. Ranges are of areas in the original picture.
 * Where that evaluation has a rule for ties, this has the same one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "detect.h"

enum { OVERLAPS = 10, POINTS = 101, MOST = 100, AREAS = 4 };
static const double areas[AREAS][2] = { { 0, 1e10 }, { 0, 1024 }, { 1024, 9216 }, { 9216, 1e10 } };

static double overlap_at(int i) { return i == OVERLAPS - 1 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9); }

/* A box that was found; bit i of the others: at overlap i, within each range. */
struct hit {
    float score;
    int32_t cls;
    int64_t order;
    uint16_t right[AREAS], ignored[AREAS];
};
struct coco {
    struct hit *hit;
    int64_t n, room;
    int64_t (*truth)[AREAS]; /* of each class: how many there are to find */
    int64_t classes;
    const char *const *names; /* of the data set, which outlives it */
};

/* Corner and size, as the evaluation computes with them. */
struct corner {
    double x, y, w, h;
};

static struct corner corner_of(const float b[4], const double to[4])
{
    const double x = to[0] * (double) b[0] + to[2], y = to[1] * (double) b[1] + to[3];
    return (struct corner){ x, y, to[0] * (double) b[2] + to[2] - x,
                            to[1] * (double) b[3] + to[3] - y };
}

/* Over the area of both, or of what was found alone when the truth is a crowd. */
static double overlap(struct corner d, struct corner g, bool crowd)
{
    const double w = fmin(d.w + d.x, g.w + g.x) - fmax(d.x, g.x),
                 h = fmin(d.h + d.y, g.h + g.y) - fmax(d.y, g.y);
    if (w <= 0 || h <= 0)
        return 0;
    return w * h / (crowd ? d.w * d.h : d.w * d.h + g.w * g.h - w * h);
}

/* ---- one class in one picture ---- */

struct pair {
    int n, m; /* boxes found, best first; true ones */
    struct hit *found[MOST];
    double *overlap; /* m for each found */
    double *size, found_size[MOST];
    bool *crowd, *ignored, *taken; /* of the true ones */
    int *order;                    /* of the true ones, the ignored last */
};

static bool outside(double size, int area)
{
    return size < areas[area][0] || size > areas[area][1];
}

static void sort_truth(struct pair *p, int area)
{
    int k = 0;
    for (int j = 0; j < p->m; j++)
        p->ignored[j] = p->crowd[j] || outside(p->size[j], area);
    for (int last = 0; last < 2; last++)
        for (int j = 0; j < p->m; j++)
            if (p->ignored[j] == (last == 1))
                p->order[k++] = j;
}

/* The true box that fits best, or -1. One that counts comes before any that is ignored. */
static int best_for(const struct pair *p, int i, double least)
{
    int best = -1;
    least = fmin(least, 1 - 1e-10);
    for (int k = 0; k < p->m; k++) {
        const int j = p->order[k];
        const double o = p->overlap[i * p->m + j];
        if (p->taken[j] && !p->crowd[j])
            continue;
        if (best >= 0 && !p->ignored[best] && p->ignored[j])
            break;
        if (o >= least)
            least = o, best = j;
    }
    return best;
}

static void match(struct pair *p, int area)
{
    sort_truth(p, area);
    for (int level = 0; level < OVERLAPS; level++) {
        const uint16_t bit = (uint16_t) (1u << level);
        memset(p->taken, 0, (size_t) p->m * sizeof *p->taken);
        for (int i = 0; i < p->n; i++) {
            const int j = best_for(p, i, overlap_at(level));
            struct hit *h = p->found[i];
            if (j >= 0)
                p->taken[j] = true, h->right[area] |= bit;
            if (j >= 0 ? p->ignored[j] : outside(p->found_size[i], area))
                h->ignored[area] |= bit;
        }
    }
}

/* ---- one picture ---- */

struct picture {
    struct truth t;
    const float (*found)[6];
    struct hit *hit; /* of the found ones, best first */
    int64_t n;
};

static void fill_truth(struct coco *c, const struct picture *x, int64_t cls, struct pair *p,
                       struct corner *g)
{
    p->m = 0;
    for (int64_t j = 0; j < x->t.n; j++) {
        if ((int64_t) x->t.box[j][4] != cls)
            continue;
        g[p->m] = corner_of(x->t.box[j], x->t.to_original);
        p->crowd[p->m] = truth_is_crowd(&x->t, j);
        p->size[p->m] = truth_area(&x->t, j);
        for (int a = 0; a < AREAS; a++)
            c->truth[cls][a] += !p->crowd[p->m] && !outside(p->size[p->m], a);
        p->m++;
    }
}

static void match_class(struct coco *c, const struct picture *x, int64_t cls, struct pair *p,
                        struct corner *g)
{
    fill_truth(c, x, cls, p, g);
    p->n = 0;
    for (int64_t i = 0; i < x->n && p->n < MOST; i++) {
        struct hit *h = &x->hit[i];
        if (h->cls != cls)
            continue;
        const struct corner d = corner_of(x->found[h->order], x->t.to_original);
        for (int j = 0; j < p->m; j++)
            p->overlap[p->n * p->m + j] = overlap(d, g[j], p->crowd[j]);
        p->found_size[p->n] = d.w * d.h;
        p->found[p->n++] = h;
    }
    for (int area = 0; area < AREAS; area++)
        match(p, area);
    for (int i = 0; i < p->n; i++) {
        c->hit[c->n] = *p->found[i];
        c->hit[c->n].order = c->n;
        c->n++;
    }
}

static lbk_status match_picture(lbk_ctx *ctx, struct coco *c, const struct picture *x)
{
    const size_t m = (size_t) x->t.n + 1;
    struct pair p = { .overlap = calloc(m, MOST * sizeof *p.overlap),
                      .size = calloc(m, sizeof *p.size),
                      .crowd = calloc(m, 3 * sizeof *p.crowd),
                      .order = calloc(m, sizeof *p.order) };
    struct corner *g = calloc(m, sizeof *g);
    const bool ok = p.overlap && p.size && p.crowd && p.order && g;
    if (ok)
        p.ignored = p.crowd + m, p.taken = p.ignored + m;
    for (int64_t k = 0; ok && k < c->classes; k++)
        match_class(c, x, k, &p, g);
    free(p.overlap);
    free(p.size);
    free(p.crowd);
    free(p.order);
    free(g);
    return ok ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "coco: out of memory");
}

static int better(const void *a, const void *b)
{
    const struct hit *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return p->order < q->order ? -1 : p->order > q->order;
}

static lbk_status make_room(lbk_ctx *ctx, struct coco *c, const lbk_record *r, int64_t n)
{
    if (!c->truth) {
        const lbk_status st = detect_classes(ctx, r, "coco", &c->classes, &c->names);
        if (st)
            return st;
        c->truth = calloc((size_t) c->classes, sizeof *c->truth);
    }
    if (c->n + n > c->room) {
        const int64_t room = 2 * (c->n + n);
        struct hit *more = realloc(c->hit, (size_t) room * sizeof *more);
        if (more)
            c->hit = more, c->room = room;
    }
    return c->truth && c->n + n <= c->room ? LBK_OK
                                           : lbk_fail(ctx, LBK_ENOMEM, "coco: out of memory");
}

/* Classes that the data has not are no class to be judged by. */
static lbk_status rank(lbk_ctx *ctx, const lbk_record *r, const struct coco *c, struct picture *x,
                       int64_t n)
{
    x->hit = calloc((size_t) n + 1, sizeof *x->hit);
    if (!x->hit)
        return lbk_fail(ctx, LBK_ENOMEM, "coco: out of memory");
    for (int64_t i = 0; i < n; i++) {
        const float *f = x->found[i];
        if (isnan(f[4]))
            return lbk_fail(ctx, LBK_EINVAL, "coco: sample %llu: a score is not a number",
                            (unsigned long long) lbk_record_id(r));
        if (f[5] < (float) c->classes)
            x->hit[x->n++] = (struct hit){ .score = f[4], .cls = (int32_t) f[5], .order = i };
    }
    qsort(x->hit, (size_t) x->n, sizeof *x->hit, better);
    return LBK_OK;
}

static lbk_status check_classes(lbk_ctx *ctx, const lbk_record *r, const struct coco *c,
                                const struct truth *t)
{
    for (int64_t j = 0; j < t->n; j++)
        if (!(t->box[j][4] >= 0 && t->box[j][4] < (float) c->classes))
            return lbk_fail(ctx, LBK_EINVAL,
                            "coco: sample %llu: expected boxes of classes 0..%lld, found %g",
                            (unsigned long long) lbk_record_id(r), (long long) c->classes - 1,
                            (double) t->box[j][4]);
    return LBK_OK;
}

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct coco *c = state;
    struct lbk_array found;
    struct picture x = { 0 };
    lbk_status st = lbk_record_get(r, "found", LBK_F32, &found);
    if (!st)
        st = detect_truth(r, &x.t);
    const int64_t n = st ? 0 : found.shape.d[0];
    x.found = (const float(*)[6]) found.data;
    if (!st)
        st = make_room(ctx, c, r, n);
    if (!st)
        st = check_classes(ctx, r, c, &x.t);
    if (!st)
        st = rank(ctx, r, c, &x, n);
    if (!st)
        st = match_picture(ctx, c, &x);
    free(x.hit);
    return st;
}

/* ---- all pictures ---- */

/* hits of one class, best first; NaN: there is nothing to find. */
static double precision(const struct hit *h, int64_t n, int64_t truth, int area, int level,
                        double *recall, double *reached)
{
    const uint16_t bit = (uint16_t) (1u << level);
    double right = 0, wrong = 0, sum = 0;
    int64_t at = 0;
    if (!truth)
        return NAN;
    for (int64_t i = 0; i < n; i++) {
        const bool counts = !(h[i].ignored[area] & bit), is = h[i].right[area] & bit;
        right += counts && is, wrong += counts && !is;
        recall[i] = right / (double) truth;
        reached[i] = right / (right + wrong + 0x1p-52);
    }
    for (int64_t i = n - 1; i > 0; i--)
        reached[i - 1] = fmax(reached[i - 1], reached[i]);
    for (int k = 0; k < POINTS; k++) {
        const double want = k == POINTS - 1 ? 1 : k * 0.01;
        while (at < n && recall[at] < want)
            at++;
        sum += at < n ? reached[at] : 0;
    }
    return sum / POINTS;
}

static int by_class(const void *a, const void *b)
{
    const struct hit *p = a, *q = b;
    return p->cls != q->cls ? (p->cls > q->cls) - (p->cls < q->cls) : better(a, b);
}

/* What is told of each class and of all of them. */
enum { AP, AP50, AP75, SMALL, MEDIUM, LARGE, BOXES, COLUMNS };
static const char *const column[COLUMNS + 1] = { "ap",        "ap50",     "ap75",  "ap_small",
                                                 "ap_medium", "ap_large", "boxes", NULL };

static void judge(const struct coco *c, const struct hit *h, int64_t n, int64_t cls, double *v,
                  double *room)
{
    double sum[AREAS] = { 0 };
    for (int area = 0; area < AREAS; area++)
        for (int level = 0; level < OVERLAPS; level++) {
            const double p =
                precision(h, n, c->truth[cls][area], area, level, room, room + c->n + 1);
            sum[area] += p / OVERLAPS;
            if (area == 0 && (level == 0 || level == 5))
                v[level ? AP75 : AP50] = p;
        }
    v[AP] = sum[0], v[SMALL] = sum[1], v[MEDIUM] = sum[2], v[LARGE] = sum[3];
    v[BOXES] = (double) c->truth[cls][0];
}

static lbk_status put_scores(lbk_ctx *ctx, struct coco *c, lbk_scores *out)
{
    double *v = malloc((size_t) (c->classes * COLUMNS + 2 * (c->n + 1)) * sizeof *v);
    double *room = v ? v + c->classes * COLUMNS : NULL;
    if (!v)
        return lbk_fail(ctx, LBK_ENOMEM, "coco: out of memory");
    if (c->n)
        qsort(c->hit, (size_t) c->n, sizeof *c->hit, by_class);
    for (int64_t k = 0, at = 0, n; k < c->classes; k++, at += n) {
        for (n = 0; at + n < c->n && c->hit[at + n].cls == k;)
            n++;
        judge(c, c->hit + at, n, k, v + k * COLUMNS, room);
    }
    for (int i = 0; i < BOXES; i++) {
        double sum = 0, n = 0;
        for (int64_t k = 0; k < c->classes; k++)
            if (!isnan(v[k * COLUMNS + i]))
                sum += v[k * COLUMNS + i], n++;
        if (n > 0)
            lbk_scores_put(out, column[i], LBK_HIGHER, sum / n);
    }
    lbk_scores_table(out,
                     &(struct lbk_table){ "classes", c->classes, COLUMNS, c->names, column, v });
    free(v);
    return LBK_OK;
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    struct coco *c = state;
    lbk_status st = LBK_OK;
    int64_t truth = 0;
    for (int64_t k = 0; c->truth && k < c->classes; k++)
        truth += c->truth[k][0];
    if (out && !truth)
        st = lbk_fail(ctx, LBK_EINVAL, "coco: expected boxes to be found, there are none");
    else if (out)
        st = put_scores(ctx, c, out);
    free(c->hit);
    free(c->truth);
    return st;
}

lbk_status lbk_models_coco(lbk_registrar *r);
lbk_status lbk_models_coco(lbk_registrar *r)
{
    return lbk_register_metric(
        r, LBK_DESC(lbk_metric, .name = "coco",
                    .doc = "average precision of boxes over overlaps 0.50 to 0.95, at 0.50 and "
                           "0.75, and of boxes of less than 32 x 32, 96 x 96 and more original "
                           "pixels; table 'classes' of each class",
                    .state_size = sizeof(struct coco), .add = add, .end = end));
}
