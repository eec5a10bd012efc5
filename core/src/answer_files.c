/* SPDX-License-Identifier: MIT */
#include "answer_files.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>

enum { SMALL = 192, SHOWN = 40, LABEL_MAX = 65534 };

int64_t lbk__zoom(int64_t h, int64_t w)
{
    const int64_t side = h < w ? h : w;
    return side >= SMALL ? 1 : (SMALL + side - 1) / side;
}

int lbk__text_size(int64_t high)
{
    const int64_t size = (high + 120) / 240;
    return size < 1 ? 1 : size > 8 ? 8 : (int) size;
}

/* ---- metres ---- */

lbk_status lbk__answer_metres(lbk_ctx *ctx, const char *path, const char *title,
                              const struct map *m)
{
    const int64_t z = lbk__zoom(m->h, m->w), h = z * m->h, w = z * m->w;
    const int size = lbk__text_size(h);
    struct scale s = { .unit = "metres", .colour = lbk__turbo };
    struct canvas map, c = { 0 };
    char range[64];
    lbk__map_spread(m, 0.01, &s.lo, &s.hi);
    if (!(s.hi > s.lo))
        s.lo = s.lo <= s.hi ? s.lo - 0.5 : 0, s.hi = s.lo + 1;
    const int64_t gap = 4 * (int64_t) size;
    lbk_status st = lbk__map_paint(ctx, m, &s, &map);
    if (!st)
        st = lbk__canvas_create(ctx, w + 3 * gap + lbk__scale_width(&s, h - 2 * gap, size), h,
                                PAPER, &c);
    if (!st) {
        lbk__canvas_blit(&c, (struct area){ 0, 0, w, h }, &map, CANVAS_NEAREST);
        lbk__canvas_scale(&c, (struct area){ w + 2 * gap, gap, c.w - w - 3 * gap, h - 2 * gap }, &s,
                          size);
        snprintf(range, sizeof range, "turbo from %.4g m to %.4g m, grey: none", s.lo, s.hi);
        const struct image_text text[] = { { "Title", title }, { "Scale", range }, { NULL, NULL } };
        st = lbk__canvas_save(ctx, path, &c, text);
    }
    free(map.data);
    free(c.data);
    return st;
}

static uint16_t millimetres(float v)
{
    const double mm = round(1000 * (double) v);
    return (uint16_t) (v < 0 ? 0 : fmin(fmax(mm, 1), 65535));
}

lbk_status lbk__answer_millimetres(lbk_ctx *ctx, const char *path, const char *title,
                                   const struct map *m)
{
    const struct image_text text[] = { { "Title", title },
                                       { "Unit", "millimetre" },
                                       { "Scale", "0.001 m a step; 0: none" },
                                       { NULL, NULL } };
    uint16_t *v = malloc((size_t) (m->h * m->w) * sizeof *v);
    const struct image image = { m->h, m->w, 1, 16, v };
    if (!v)
        return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    for (int64_t i = 0; i < m->h * m->w; i++)
        v[i] = millimetres(m->v[i]);
    const lbk_status st = lbk__image_write_png(ctx, path, &image, text);
    free(v);
    return st;
}

/* ---- labels ---- */

static int by_share(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->share != y->share)
        return x->share > y->share ? -1 : 1;
    return x->label > y->label ? 1 : x->label < y->label ? -1 : 0;
}

int lbk__map_shares(const struct map *m, int most, struct share out[])
{
    struct share *all = calloc(LABEL_MAX + 1, sizeof *all);
    int64_t n = 0;
    for (int64_t i = 0; all && i < m->h * m->w; i++)
        if (m->v[i] >= 0 && m->v[i] <= LABEL_MAX)
            all[(int64_t) m->v[i]].share++, n++;
    for (int64_t i = 0; all && i <= LABEL_MAX; i++)
        all[i] = (struct share){ i, n ? all[i].share / (double) n : 0 };
    if (all)
        qsort(all, LABEL_MAX + 1, sizeof *all, by_share);
    int found = 0;
    for (; all && found < most && found <= LABEL_MAX && all[found].share > 0; found++)
        out[found] = all[found];
    free(all);
    return found;
}

/* What comes after class `last`, -1 = at the top; -1 at the end. */
static int64_t next_best(const float *z, int64_t n, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        const bool after = last < 0 || z[i] < z[last] || (z[i] == z[last] && i > last);
        if (after && (best < 0 || z[i] > z[best]))
            best = i;
    }
    return best;
}

int lbk__score_shares(const float *z, int64_t n, int most, struct share out[])
{
    double sum = 0;
    int found = 0;
    int64_t best = next_best(z, n, -1);
    const double top = best < 0 ? 0 : (double) z[best];
    for (int64_t i = 0; i < n; i++)
        sum += exp((double) z[i] - top);
    for (; found < most && best >= 0; best = next_best(z, n, best))
        out[found++] = (struct share){ best, exp((double) z[best] - top) / sum };
    return found;
}

static uint8_t over(uint8_t below, uint8_t above)
{
    return (uint8_t) ((2 * below + 3 * above) / 5);
}

static void lay_over(struct canvas *picture, const struct map *m)
{
    for (int64_t i = 0; i < m->h * m->w; i++) {
        uint8_t *p = picture->data + 3 * i;
        const struct rgb c = lbk__class_colour((int64_t) m->v[i]);
        if (m->v[i] >= 0)
            p[0] = over(p[0], c.r), p[1] = over(p[1], c.g), p[2] = over(p[2], c.b);
    }
}

struct names {
    int n;
    struct share share[SHOWN];
    char text[SHOWN][64];
    struct legend_entry entry[SHOWN];
};

static struct legend name_shares(const struct map *m, const struct lbk_field *classes,
                                 struct names *out)
{
    char buf[32];
    out->n = lbk__map_shares(m, SHOWN, out->share);
    for (int i = 0; i < out->n; i++) {
        const struct share *s = &out->share[i];
        const char *name = lbk__class_name(classes, s->label, buf);
        if (s->share < 0.001)
            snprintf(out->text[i], sizeof out->text[i], "%.40s <0.1 %%", name);
        else
            snprintf(out->text[i], sizeof out->text[i], "%.40s %.*f %%", name,
                     s->share < 0.1 ? 1 : 0, 100 * s->share);
        out->entry[i] = (struct legend_entry){ lbk__class_colour(s->label), out->text[i] };
    }
    return (struct legend){ out->n, out->entry };
}

lbk_status lbk__answer_overlay(lbk_ctx *ctx, const char *path, const char *title,
                               const struct canvas *picture, const struct map *m,
                               const struct lbk_field *classes)
{
    const int64_t z = lbk__zoom(m->h, m->w), h = z * m->h, w = z * m->w;
    const int size = lbk__text_size(h);
    const int64_t gap = 4 * (int64_t) size;
    struct names *names = calloc(1, sizeof *names);
    struct canvas small, c = { 0 };
    lbk_status st = lbk__canvas_create(ctx, m->w, m->h, PAPER, &small);
    if (!st && !names)
        st = lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    if (!st) {
        const struct legend l = name_shares(m, classes, names);
        const struct image_text text[] = { { "Title", title }, { NULL, NULL } };
        const int64_t high = lbk__legend_height(&l, w - 2 * gap, size);
        memcpy(small.data, picture->data, (size_t) (3 * m->h * m->w));
        lay_over(&small, m);
        st = lbk__canvas_create(ctx, w, h + high + 2 * gap, PAPER, &c);
        if (!st) {
            lbk__canvas_blit(&c, (struct area){ 0, 0, w, h }, &small, CANVAS_NEAREST);
            lbk__canvas_legend(&c, (struct area){ gap, h + gap, w - 2 * gap, high }, &l, size);
            st = lbk__canvas_save(ctx, path, &c, text);
        }
    }
    free(names);
    free(small.data);
    free(c.data);
    return st;
}

/* "0 sky, 1 building"; free() it */
static char *class_list(const struct lbk_field *f)
{
    char *text = NULL, buf[32];
    size_t n;
    FILE *out = open_memstream(&text, &n);
    for (int64_t i = 0; out && f && i < f->classes; i++)
        fprintf(out, "%s%lld %s", i ? ", " : "", (long long) i, lbk__class_name(f, i, buf));
    if (out && !fclose(out))
        return text;
    free(text);
    return NULL;
}

lbk_status lbk__answer_labels(lbk_ctx *ctx, const char *path, const char *title,
                              const struct map *m, const struct lbk_field *classes)
{
    double lo, hi;
    lbk__map_range(m, &lo, &hi);
    const int bits = hi > 254 ? 16 : 8;
    char *list = class_list(classes);
    uint16_t *v = malloc((size_t) (m->h * m->w) * sizeof *v);
    const struct image image = { m->h, m->w, 1, bits, v };
    const struct image_text text[] = { { "Title", title },
                                       { "Classes", list ? list : "" },
                                       { "None", bits == 8 ? "255" : "65535" },
                                       { NULL, NULL } };
    lbk_status st = v && list ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    for (int64_t i = 0; !st && i < m->h * m->w; i++) {
        const int64_t label = m->v[i] < 0 ? -1 : (int64_t) m->v[i];
        if (bits == 16)
            v[i] = (uint16_t) label;
        else
            ((uint8_t *) v)[i] = (uint8_t) label;
    }
    if (!st)
        st = lbk__image_write_png(ctx, path, &image, text);
    free(v);
    free(list);
    return st;
}
