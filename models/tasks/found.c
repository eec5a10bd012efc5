/* SPDX-License-Identifier: MIT */
/* From a network's answer to boxes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "detect.h"

static const double most_growth = 4.135166556742356; /* log(1000 / 16), as in Detectron */

struct candidate {
    float score;
    int32_t cls;
    int64_t at; /* among all scores: order of what scores the same */
    struct box box;
};

static int better(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    if (p->score != q->score)
        return p->score > q->score ? -1 : 1;
    return p->at < q->at ? -1 : p->at > q->at;
}

/* The best so far; room for twice as many as wanted, so that sorting is rare. */
struct shortlist {
    struct candidate *at;
    int64_t n, want;
    float least; /* score above which a candidate has a chance */
};

static void cut(struct shortlist *s)
{
    qsort(s->at, (size_t) s->n, sizeof *s->at, better);
    if (s->n < s->want)
        return;
    s->n = s->want;
    s->least = s->at[s->n - 1].score;
}

static void offer(struct shortlist *s, float score, int64_t cls, int64_t at)
{
    s->at[s->n++] = (struct candidate){ .score = score, .cls = (int32_t) cls, .at = at };
    if (s->n == 2 * s->want)
        cut(s);
}

/* ---- boxes ---- */

static double clamp(double v, double most) { return fmax(-most, fmin(v, most)); }

static struct box decode(double x, double y, double wide, double high, const float *d, int64_t far)
{
    const double cx = x + (double) d[0] * wide, cy = y + (double) d[far] * high;
    const double w = wide * exp(clamp((double) d[2 * far], most_growth)) / 2;
    const double h = high * exp(clamp((double) d[3 * far], most_growth)) / 2;
    return (struct box){ cx - w, cy - h, cx + w, cy + h };
}

struct view {
    const struct detect *c;
    const struct heads *h;
    const float *scores, *deltas;
    struct box picture; /* what boxes are cut to */
};

/* i: of the score among those of the level. */
static struct box box_at(const struct view *v, const struct level *l, const float *deltas,
                         int64_t i)
{
    const int64_t cells = l->h * l->w, kind = i / cells / v->h->classes, cell = i % cells;
    const double stride = ldexp(1, l->number);
    double wide, high;
    detect_anchor(v->c, v->h, l->number, kind, &wide, &high);
    const struct box b =
        decode(((double) (cell % l->w) + 0.5) * stride, ((double) (cell / l->w) + 0.5) * stride,
               wide, high, deltas + 4 * kind * cells + cell, cells);
    const struct box *in = &v->picture;
    return (struct box){ fmax(in->x0, fmin(b.x0, in->x1)), fmax(in->y0, fmin(b.y0, in->y1)),
                         fmax(in->x0, fmin(b.x1, in->x1)), fmax(in->y0, fmin(b.y1, in->y1)) };
}

/* Adds the best of a level; at: of its first anchor. */
static void look(const struct view *v, const struct level *l, int64_t at, struct shortlist *s)
{
    const int64_t cells = l->h * l->w, classes = v->h->classes, n = v->h->anchors * cells * classes;
    const float *score = v->scores + at * classes;
    s->n = 0, s->least = (float) v->c->score;
    for (int64_t i = 0; i < n; i++)
        if (score[i] > s->least)
            offer(s, score[i], i / cells % classes, at * classes + i);
    cut(s);
    for (int64_t i = 0; i < s->n; i++)
        s->at[i].box = box_at(v, l, v->deltas + 4 * at, s->at[i].at - at * classes);
}

/* Greedy, each class for itself; the first `top` that remain come first. */
static int64_t suppress(const struct detect *c, struct candidate *f, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n && kept < c->top; i++) {
        bool clash = false;
        for (int64_t j = 0; j < kept && !clash; j++)
            clash = f[j].cls == f[i].cls && detect_overlap(f[j].box, f[i].box) > c->nms;
        if (!clash)
            f[kept++] = f[i];
    }
    return kept;
}

static lbk_status put_found(lbk_record *r, const struct candidate *f, int64_t n)
{
    float *to = lbk_record_put(r, "found", LBK_F32, LBK_SHAPE(n, 6));
    for (int64_t i = 0; to && i < n; i++, to += 6) {
        to[0] = (float) f[i].box.x0, to[1] = (float) f[i].box.y0;
        to[2] = (float) f[i].box.x1, to[3] = (float) f[i].box.y1;
        to[4] = f[i].score, to[5] = (float) f[i].cls;
    }
    return to || !n ? LBK_OK : LBK_ENOMEM;
}

static lbk_status find(lbk_record *r, const struct view *v, struct candidate *all,
                       struct shortlist *s)
{
    int64_t n = 0, at = 0;
    for (int i = 0; i < v->h->n; i++) {
        const struct level *l = &v->h->at[i];
        look(v, l, at, s);
        memcpy(all + n, s->at, (size_t) s->n * sizeof *all);
        n += s->n;
        at += v->h->anchors * l->h * l->w;
    }
    qsort(all, (size_t) n, sizeof *all, better);
    return put_found(r, all, suppress(v->c, all, n));
}

/* From a to b are all numbers x with s x + t in 0..size, as far as they lie in it. */
static void narrow(double s, double t, double size, double *a, double *b)
{
    const double p = -t / s, q = (size - t) / s;
    *a = fmax(*a, fmin(p, q));
    *b = fmin(*b, fmax(p, q));
}

/* Where the picture lies in what the network is given. */
static lbk_status picture_of(const lbk_record *r, struct box *out)
{
    struct lbk_array image, place;
    lbk_status st = lbk_record_get(r, "image", LBK_F32, &image);
    if (st)
        return st;
    *out = (struct box){ 0, 0, (double) image.shape.d[2], (double) image.shape.d[1] };
    if (!lbk_record_has(r, "to_original"))
        return LBK_OK;
    st = lbk_record_get(r, "to_original", LBK_F32, &place);
    const float *p = place.data;
    if (!st && lbk_shape_count(place.shape) == 6 && p[4] > 0 && p[5] > 0) {
        narrow((double) p[0], (double) p[2], (double) p[4], &out->x0, &out->x1);
        narrow((double) p[1], (double) p[3], (double) p[5], &out->y0, &out->y1);
    }
    return st;
}

lbk_status detect_find(lbk_record *r, const struct detect *c, const struct heads *h)
{
    struct lbk_array scores, deltas;
    struct box picture;
    lbk_status st = lbk_record_get(r, "scores", LBK_F32, &scores);
    if (!st)
        st = lbk_record_get(r, "deltas", LBK_F32, &deltas);
    if (!st)
        st = picture_of(r, &picture);
    if (st)
        return st;
    const struct view v = { c, h, scores.data, deltas.data, picture };
    const size_t want = (size_t) c->candidates;
    struct shortlist s = { .want = c->candidates, .at = malloc(2 * want * sizeof *s.at) };
    struct candidate *all = malloc(want * (size_t) h->n * sizeof *all);
    st = s.at && all ? find(r, &v, all, &s)
                     : lbk_fail(lbk_record_ctx(r), LBK_ENOMEM, "detect: out of memory");
    free(s.at);
    free(all);
    return st;
}
