/* SPDX-License-Identifier: MIT */
#include "marks.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "answer_files.h"
#include "file.h"
#include "json.h"

enum { SHOWN = 40 };

/* ---- from records ---- */

static int by_score(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score;
}

static bool take(const float *v, int64_t wide, double least, struct mark *m)
{
    bool finite = true;
    for (int i = 0; i < wide; i++)
        finite = finite && isfinite(v[i]);
    for (int i = 0; i < 4; i++)
        m->at[i] = (double) v[i];
    m->score = wide == 6 ? (double) v[4] : (double) NAN;
    m->label = finite ? (int64_t) v[wide - 1] : -1;
    return finite && !(m->score < least);
}

lbk_status lbk__marks_of(const lbk_record *r, const char *array, double least, struct marks *out)
{
    struct lbk_array a;
    *out = (struct marks){ 0 };
    const lbk_status st = lbk_record_get(r, array, LBK_F32, &a);
    if (st)
        return st;
    const int64_t wide = a.shape.n == 2 ? a.shape.d[1] : 0;
    if (wide != 5 && wide != 6)
        return lbk_fail(r->ctx, LBK_EINVAL, "%s: expected '%s' to be boxes, n x 5 or n x 6",
                        LBK_CALLED(r), array);
    const int64_t n = a.shape.d[0];
    const struct slot *s = wide == 5 ? lbk__record_find(r, "boxes_crowd") : NULL;
    const int32_t *crowd = s && s->array.dtype == LBK_I32 && lbk_shape_count(s->array.shape) == n
                               ? s->array.data
                               : NULL;
    out->at = malloc((size_t) n * sizeof *out->at + 1);
    if (!out->at)
        return lbk_fail(r->ctx, LBK_ENOMEM, "picture: out of memory");
    for (int64_t i = 0; i < n; i++) {
        if (!take((const float *) a.data + wide * i, wide, least, &out->at[out->n]))
            continue;
        if (crowd && crowd[i])
            out->at[out->n].label = -1;
        out->n++;
    }
    if (wide == 6 && out->n)
        qsort(out->at, (size_t) out->n, sizeof *out->at, by_score);
    return LBK_OK;
}

/* In either order, as a mirrored picture has them; within 0 .. side. */
static void put_ends(double a, double b, double side, double *lo, double *hi)
{
    *lo = fmin(fmax(fmin(a, b), 0), side), *hi = fmin(fmax(fmax(a, b), 0), side);
}

void lbk__marks_place(struct marks *m, int64_t h, int64_t w, const struct frame *f,
                      const struct canvas *in)
{
    const double sx = (f->x1 - f->x0) / (double) w, sy = (f->y1 - f->y0) / (double) h;
    int64_t n = 0;
    for (int64_t i = 0; i < m->n; i++) {
        struct mark k = m->at[i];
        double *b = k.at;
        put_ends(f->x0 + sx * b[0], f->x0 + sx * b[2], (double) in->w, &b[0], &b[2]);
        put_ends(f->y0 + sy * b[1], f->y0 + sy * b[3], (double) in->h, &b[1], &b[3]);
        if (b[2] > b[0] && b[3] > b[1])
            m->at[n++] = k;
    }
    m->n = n;
}

/* ---- drawing ---- */

static int64_t pixel(double v, int64_t from, int64_t to)
{
    const double p = round(fmin(fmax(v, 0), (double) from) * (double) to / (double) from);
    return (int64_t) p;
}

static struct area place(const struct marked *how, const struct mark *m)
{
    const struct area *a = &how->area;
    const int64_t x0 = pixel(m->at[0], how->w, a->w), x1 = pixel(m->at[2], how->w, a->w),
                  y0 = pixel(m->at[1], how->h, a->h), y1 = pixel(m->at[3], how->h, a->h);
    return (struct area){ a->x + x0, a->y + y0, x1 - x0, y1 - y0 };
}

static void word(const struct marked *how, const struct mark *m, char *to, size_t n)
{
    char buf[32];
    const char *name =
        how->names ? m->label < 0 ? "many" : lbk__class_name(how->classes, m->label, buf) : "";
    if (isfinite(m->score))
        snprintf(to, n, "%.40s%s%.2f", name, *name ? " " : "", m->score);
    else
        snprintf(to, n, "%.40s", name);
}

static struct rgb on_top(struct rgb c)
{
    return 299 * c.r + 587 * c.g + 114 * c.b > 140000 ? RGB(0, 0, 0) : PAPER;
}

/* Above the box, or in it where there is no room above. */
static void put_word(struct canvas *c, const struct marked *how, const struct mark *m,
                     struct area box, struct rgb colour)
{
    char text[64];
    word(how, m, text, sizeof text);
    const int64_t w = lbk__text_width(how->size, text) + 2 * how->size, h = 9 * (int64_t) how->size;
    const int64_t right = how->area.x + how->area.w - w;
    if (!*text)
        return;
    const int64_t x = box.x > right ? right : box.x,
                  y = box.y - h >= how->area.y ? box.y - h : box.y;
    lbk__canvas_fill(c, (struct area){ x, y, w, h }, colour);
    lbk__canvas_text(c, x + how->size, y, how->size, on_top(colour), text);
}

void lbk__marks_draw(struct canvas *c, const struct marked *how, const struct marks *m)
{
    for (int64_t i = m->n - 1; i >= 0; i--) {
        const struct mark *k = &m->at[i];
        const struct rgb colour = lbk__class_colour(k->label);
        const struct area a = place(how, k);
        const int64_t side = a.w < a.h ? a.w : a.h;
        const int64_t wide = side < 24 ? 1 : how->size > 2 ? how->size : 2;
        if (a.w < 1 || a.h < 1)
            continue;
        lbk__canvas_frame(c, a, wide, colour);
        put_word(c, how, k, a, colour);
    }
}

/* ---- right and wrong ---- */

static double shared(const double a[4], const double b[4])
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    return w > 0 && h > 0 ? w * h : 0;
}

static double area_of(const double a[4]) { return (a[2] - a[0]) * (a[3] - a[1]); }

/* The truth with which it overlaps most, by half at least; -1: none that is left. */
static int64_t best_match(const struct mark *a, const struct marks *truth, const bool *used)
{
    double best = 0.5;
    int64_t found = -1;
    for (int64_t i = 0; i < truth->n; i++) {
        const struct mark *t = &truth->at[i];
        const double both = shared(a->at, t->at),
                     overlap = both / (area_of(a->at) + area_of(t->at) - both);
        if (!used[i] && t->label == a->label && overlap >= best)
            best = overlap, found = i;
    }
    return found;
}

static bool in_many(const struct mark *a, const struct marks *truth)
{
    for (int64_t i = 0; i < truth->n; i++)
        if (truth->at[i].label < 0 && shared(a->at, truth->at[i].at) >= 0.5 * area_of(a->at))
            return true;
    return false;
}

int64_t lbk__marks_right(const struct marks *answer, const struct marks *truth, int64_t *of,
                         int64_t *extra)
{
    bool *used = calloc((size_t) truth->n + 1, sizeof *used);
    int64_t right = 0;
    *of = *extra = 0;
    for (int64_t i = 0; i < truth->n; i++)
        *of += truth->at[i].label >= 0;
    for (int64_t i = 0; used && i < answer->n; i++) {
        const int64_t k = best_match(&answer->at[i], truth, used);
        if (k >= 0)
            used[k] = true, right++;
        else
            *extra += !in_many(&answer->at[i], truth);
    }
    free(used);
    return right;
}

/* ---- files ---- */

struct counted {
    char text[SHOWN][96];
    struct legend_entry entry[SHOWN];
};

int64_t lbk__marks_count(const struct marks *m, int64_t label)
{
    int64_t n = 0;
    for (int64_t i = 0; m && i < m->n; i++)
        n += m->at[i].label == label;
    return n;
}

/* "RBC 12", or with a truth "RBC 12 of 13" */
static struct legend make_legend(const struct marks *answer, const struct marks *truth,
                                 const struct lbk_field *classes, struct counted *out)
{
    struct legend l = { 0, out->entry };
    char buf[32];
    for (int64_t k = 0; classes && k < classes->classes && l.n < SHOWN; k++) {
        const int64_t n = lbk__marks_count(answer, k), of = lbk__marks_count(truth, k);
        const char *name = lbk__class_name(classes, k, buf);
        if (!n && !of)
            continue;
        if (truth)
            snprintf(out->text[l.n], sizeof out->text[0], "%.32s %" PRId64 ", truth %" PRId64, name,
                     n, of);
        else
            snprintf(out->text[l.n], sizeof out->text[0], "%.32s %" PRId64, name, n);
        out->entry[l.n] = (struct legend_entry){ lbk__class_colour(k), out->text[l.n] };
        l.n++;
    }
    return l;
}

static void put_panel(struct canvas *c, struct marked how, const struct canvas *picture,
                      const struct marks *m, const char *head)
{
    const int64_t line = lbk__text_height(how.size);
    if (*head)
        lbk__canvas_text(c, how.area.x, how.area.y - line, how.size, INK, head);
    lbk__canvas_blit(c, how.area, picture, CANVAS_NEAREST);
    lbk__marks_draw(c, &how, m);
}

lbk_status lbk__answer_boxes(lbk_ctx *ctx, const char *path, const char *title,
                             const struct canvas *picture, const struct marks *answer,
                             const struct marks *truth, const struct lbk_field *classes)
{
    const int64_t z = lbk__zoom(picture->h, picture->w), h = z * picture->h, w = z * picture->w;
    const int size = lbk__text_size(h);
    const int64_t gap = 4 * (int64_t) size, panels = truth ? 2 : 1, wide = panels * (w + gap) - gap,
                  head = truth ? lbk__text_height(size) : 0;
    struct counted *names = calloc(1, sizeof *names);
    struct canvas c = { 0 };
    if (!names)
        return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    const struct legend l = make_legend(answer, truth, classes, names);
    const struct image_text text[] = { { "Title", title }, { NULL, NULL } };
    const int64_t high = lbk__legend_height(&l, wide - 2 * gap, size);
    lbk_status st =
        lbk__canvas_create(ctx, wide, head + h + (high ? high + 2 * gap : 0), PAPER, &c);
    if (!st) {
        struct marked how = { picture->h, picture->w, { 0, head, w, h }, classes, true, size };
        if (truth)
            put_panel(&c, how, picture, truth, "truth");
        how.area.x = wide - w;
        put_panel(&c, how, picture, answer, truth ? "answer" : "");
        lbk__canvas_legend(&c, (struct area){ gap, head + h + gap, wide - 2 * gap, high }, &l,
                           size);
        st = lbk__canvas_save(ctx, path, &c, text);
    }
    free(names);
    free(c.data);
    return st;
}

static void put_box(struct json *j, const struct mark *m, const struct lbk_field *classes)
{
    char buf[32];
    lbk__json_begin(j, NULL, '{');
    lbk__json_begin(j, "bbox", '[');
    for (int i = 0; i < 4; i++)
        lbk__json_number(j, NULL, m->at[i] - (i < 2 ? 0 : m->at[i - 2]));
    lbk__json_end(j, ']');
    lbk__json_number(j, "score", m->score);
    lbk__json_int(j, "label", m->label);
    lbk__json_string(j, "class", lbk__class_name(classes, m->label, buf));
    lbk__json_end(j, '}');
}

lbk_status lbk__answer_boxes_json(lbk_ctx *ctx, const char *path, const char *title,
                                  const struct marks *m, const struct lbk_field *classes)
{
    struct json j = { 0 };
    lbk__json_begin(&j, NULL, '{');
    lbk__json_string(&j, "picture", title);
    lbk__json_begin(&j, "boxes", '[');
    for (int64_t i = 0; i < m->n; i++)
        put_box(&j, &m->at[i], classes);
    lbk__json_end(&j, ']');
    lbk__json_end(&j, '}');
    lbk__json_line(&j);
    const lbk_status st = j.out.failed ? lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path)
                                       : lbk__file_write(ctx, path, j.out.at, j.out.n);
    lbk__json_free(&j);
    return st;
}
