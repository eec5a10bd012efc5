/* SPDX-License-Identifier: MIT */
#include "sheet.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <limbeck/ctx.h>
#include "answer_files.h"

enum { LEAST = 112, MOST = 320, GAP = 8, SHOWN = 40 };
#define RIGHT RGB(0, 120, 40)
#define WRONG RGB(215, 25, 25)

/* Sizes that the parts of a sheet share, in pixels. */
struct layout {
    int64_t w, h, line, bar; /* of a cell, of a line of text, of a scale with its numbers */
    int size;                /* of text */
};

void lbk__sheet_clear(struct sheet_sample *s)
{
    free(s->picture.data);
    free(s->truth.v);
    free(s->boxes.at);
    for (int i = 0; i < SHEET_NETWORKS; i++) {
        free(s->answer[i].map.v);
        free(s->answer[i].marks.at);
    }
    *s = (struct sheet_sample){ .label = -1 };
}

double lbk__sheet_score(enum view_kind kind, const struct map *answer, const struct map *truth)
{
    int64_t n = 0;
    double sum = 0;
    for (int64_t i = 0; i < truth->h * truth->w; i++) {
        const double a = (double) answer->v[i], t = (double) truth->v[i];
        if (t < 0 || (kind == VIEW_METRES && a < 0))
            continue;
        sum += kind == VIEW_METRES ? fabs(a - t) : a == t;
        n++;
    }
    return n ? sum / (double) n : NAN;
}

/* A small picture is zoomed by a whole number, a large one made to fit. */
static struct layout lay_out(const struct canvas *c)
{
    struct layout l = { c->w, c->h, 0, 0, 1 };
    const int64_t side = c->w < c->h ? c->w : c->h, far = c->w < c->h ? c->h : c->w;
    const int64_t zoom = side < LEAST ? (LEAST + side - 1) / side : 1;
    l.w *= zoom, l.h *= zoom;
    if (zoom == 1 && far > MOST)
        l.w = l.w * MOST / far, l.h = l.h * MOST / far;
    l.w = l.w < 1 ? 1 : l.w, l.h = l.h < 1 ? 1 : l.h;
    l.size = l.w >= 240 ? 2 : 1;
    l.line = lbk__text_height(l.size) + 2;
    return l;
}

static void say(struct canvas *c, struct area a, const char *text, int size, struct rgb colour)
{
    lbk__canvas_label(c, a, &(struct label){ text, size, TEXT_LEFT, colour });
}

/* As large as it can be in the cell, its shape kept; where it came to lie. */
static struct area show(struct canvas *c, struct area cell, const struct canvas *from)
{
    int64_t w = cell.w, h = cell.h;
    if (from->w * cell.h > cell.w * from->h)
        h = from->h * cell.w / from->w;
    else
        w = from->w * cell.h / from->h;
    const struct area a = { cell.x + (cell.w - w) / 2, cell.y + (cell.h - h) / 2, w, h };
    lbk__canvas_blit(c, a, from, CANVAS_MEAN);
    lbk__canvas_frame(c, (struct area){ a.x - 1, a.y - 1, a.w + 2, a.h + 2 }, 1, NOTHING);
    return a;
}

/* ---- maps ---- */

static void truth_scale(const struct sheet *s, const struct sheet_sample *x, struct scale *out)
{
    *out = (struct scale){ .unit = "metres", .colour = lbk__turbo };
    lbk__map_spread(&x->truth, 0.005, &out->lo, &out->hi);
    if (out->lo > out->hi)
        lbk__map_spread(&x->answer[s->n_networks - 1].map, 0.005, &out->lo, &out->hi);
    if (!(out->hi > out->lo))
        out->lo = out->lo <= out->hi ? out->lo : 0, out->hi = out->lo + 1;
}

static lbk_status show_map(lbk_ctx *ctx, struct canvas *c, struct area cell, const struct map *m,
                           const struct scale *scale)
{
    struct canvas colours;
    const lbk_status st = lbk__map_paint(ctx, m, scale, &colours);
    if (!st)
        show(c, cell, &colours);
    free(colours.data);
    return st;
}

static lbk_status show_distance(lbk_ctx *ctx, struct canvas *c, struct area cell,
                                const struct sheet_sample *x, const struct map *answer,
                                const struct scale *scale)
{
    const int64_t n = x->truth.h * x->truth.w;
    struct map m = { x->truth.h, x->truth.w, malloc((size_t) n * sizeof *m.v + 1) };
    if (!m.v)
        return lbk_fail(ctx, LBK_ENOMEM, "picture: out of memory");
    for (int64_t i = 0; i < n; i++)
        m.v[i] =
            x->truth.v[i] < 0 || answer->v[i] < 0 ? MAP_NONE : fabsf(answer->v[i] - x->truth.v[i]);
    const lbk_status st = show_map(ctx, c, cell, &m, scale);
    free(m.v);
    return st;
}

/* Right: the picture, pale and without colours; wrong: red. */
static lbk_status show_wrong(lbk_ctx *ctx, struct canvas *c, struct area cell,
                             const struct sheet_sample *x, const struct map *answer)
{
    struct canvas m;
    const lbk_status st = lbk__canvas_create(ctx, x->truth.w, x->truth.h, NOTHING, &m);
    for (int64_t i = 0; !st && i < m.w * m.h; i++) {
        const uint8_t *p = x->picture.data + 3 * i;
        const uint8_t pale = (uint8_t) ((p[0] + 2 * p[1] + p[2]) / 12 + 170);
        if (x->truth.v[i] >= 0)
            lbk__canvas_dot(&m, i % m.w, i / m.w,
                            x->truth.v[i] == answer->v[i] ? RGB(pale, pale, pale) : WRONG);
    }
    if (!st)
        show(c, cell, &m);
    free(m.data);
    return st;
}

static void caption(const struct sheet *s, const struct sheet_sample *x, int network, char buf[48])
{
    const double v = s->kind == VIEW_BOXES
                         ? (double) NAN
                         : lbk__sheet_score(s->kind, &x->answer[network].map, &x->truth);
    int64_t of, extra;
    *buf = 0;
    if (s->kind == VIEW_BOXES && x->boxes.at) {
        const int64_t n = lbk__marks_right(&x->answer[network].marks, &x->boxes, &of, &extra);
        snprintf(buf, 48, "%lld of %lld found, %lld wrong", (long long) n, (long long) of,
                 (long long) extra);
    } else if (isfinite(v) && s->kind == VIEW_METRES)
        snprintf(buf, 48, "off by %.2f m", v);
    else if (isfinite(v))
        snprintf(buf, 48, "%.1f %% right", 100 * v);
}

static void show_marks(const struct sheet *s, struct canvas *c, struct area cell,
                       const struct sheet_sample *x, const struct marks *m)
{
    const struct marked how = { x->picture.h, x->picture.w, show(c, cell, &x->picture),
                                s->classes,   false,        1 };
    lbk__marks_draw(c, &how, m);
}

/* What is true, or what a network answered, of one sample. */
static lbk_status show_one(lbk_ctx *ctx, const struct sheet *s, struct canvas *c, struct area cell,
                           const struct sheet_sample *x, const struct sheet_answer *answer,
                           const struct scale *scale)
{
    if (s->kind != VIEW_BOXES)
        return show_map(ctx, c, cell, answer ? &answer->map : &x->truth, scale);
    show_marks(s, c, cell, x, answer ? &answer->marks : &x->boxes);
    return LBK_OK;
}

/* The last network's distance from the truth, or where it is wrong; of boxes there is nothing to
 * show. */
static lbk_status put_error(lbk_ctx *ctx, const struct sheet *s, const struct layout *l,
                            struct canvas *c, const struct sheet_sample *x, struct area a,
                            const struct scale *scale)
{
    const struct scale far = { 0, (scale->hi - scale->lo) / 2, "metres", lbk__heat };
    const struct map *last = &x->answer[s->n_networks - 1].map;
    if (s->kind == VIEW_BOXES)
        return LBK_OK;
    if (s->kind != VIEW_METRES)
        return show_wrong(ctx, c, a, x, last);
    lbk__canvas_scale(c, (struct area){ a.x, a.y, l->bar, l->h }, scale, 1);
    a.x += l->bar + GAP;
    lbk__canvas_scale(c, (struct area){ a.x + l->w + GAP, a.y, l->bar, l->h }, &far, 1);
    return show_distance(ctx, c, a, x, last, &far);
}

static lbk_status put_row(lbk_ctx *ctx, const struct sheet *s, const struct layout *l,
                          struct canvas *c, const struct sheet_sample *x, int64_t y)
{
    struct scale scale = { 0 };
    const struct scale *colours = s->kind == VIEW_METRES ? &scale : NULL;
    struct area a = { GAP, y, l->w, l->h };
    const int64_t below = y + l->h;
    char text[48];
    if (s->kind != VIEW_BOXES)
        truth_scale(s, x, &scale);
    show(c, a, &x->picture);
    say(c, (struct area){ a.x, below, a.w, l->line }, x->name, l->size, INK);
    a.x += l->w + GAP;
    lbk_status st = show_one(ctx, s, c, a, x, NULL, colours);
    for (int i = 0; !st && i < s->n_networks; i++) {
        a.x += l->w + GAP;
        st = show_one(ctx, s, c, a, x, &x->answer[i], colours);
        caption(s, x, i, text);
        say(c, (struct area){ a.x, below, a.w, l->line }, text, l->size, INK);
    }
    a.x += l->w + GAP;
    return st ? st : put_error(ctx, s, l, c, x, a, &scale);
}

static void put_head(const struct sheet *s, const struct layout *l, struct canvas *c)
{
    const bool metres = s->kind == VIEW_METRES;
    const char *key =
        metres ? "metres: one scale for a row. error: distance from the truth. grey: not measured"
        : s->kind == VIEW_BOXES ? "boxes with their scores. grey: a region of many"
                                : "error: red where it is wrong. grey: no label";
    char error[64];
    struct area a = { GAP, GAP, c->w - 2 * GAP, l->line };
    say(c, a, s->title, l->size, INK);
    a.y += l->line;
    say(c, a, key, lbk__text_width(l->size, key) <= a.w ? l->size : 1, RGB(96, 96, 96));
    a.y += l->line, a.w = l->w;
    snprintf(error, sizeof error, "error of %s", s->network[s->n_networks - 1]);
    say(c, a, "input", l->size, INK);
    a.x += l->w + GAP;
    say(c, a, "truth", l->size, INK);
    for (int i = 0; i < s->n_networks; i++) {
        a.x += l->w + GAP;
        say(c, a, s->network[i], l->size, INK);
    }
    a.x += l->w + GAP + (metres ? l->bar + GAP : 0);
    if (s->kind != VIEW_BOXES)
        say(c, a, error, l->size, INK);
}

struct seen {
    bool at[65536];
    char name[SHOWN][32];
    struct legend_entry entry[SHOWN];
};

static void note_marks(struct seen *seen, const struct marks *m)
{
    for (int64_t i = 0; i < m->n; i++)
        if (m->at[i].label >= 0 && m->at[i].label < 65536)
            seen->at[m->at[i].label] = true;
}

static void note(struct seen *seen, const struct map *m)
{
    for (int64_t i = 0; i < m->h * m->w; i++)
        if (m->v[i] >= 0 && m->v[i] < 65536)
            seen->at[(int64_t) m->v[i]] = true;
}

/* The classes that any of the maps or boxes has, in their order. */
static struct legend make_legend(const struct sheet *s, struct seen *seen)
{
    struct legend l = { 0, seen->entry };
    for (int k = 0; k < s->n; k++) {
        const struct sheet_sample *x = &s->sample[k];
        if (s->kind == VIEW_LABELS)
            note(seen, &x->truth);
        note_marks(seen, &x->boxes);
        for (int i = 0; i < s->n_networks; i++) {
            if (s->kind == VIEW_LABELS)
                note(seen, &x->answer[i].map);
            note_marks(seen, &x->answer[i].marks);
        }
    }
    for (int64_t i = 0; i < 65536 && l.n < SHOWN; i++)
        if (seen->at[i]) {
            seen->entry[l.n] =
                (struct legend_entry){ lbk__class_colour(i),
                                       lbk__class_name(s->classes, i, seen->name[l.n]) };
            l.n++;
        }
    return l;
}

static int64_t widest_bar(const struct sheet *s, const struct layout *l)
{
    int64_t w = 0;
    for (int i = 0; s->kind == VIEW_METRES && i < s->n; i++) {
        struct scale a;
        truth_scale(s, &s->sample[i], &a);
        const struct scale b = { 0, (a.hi - a.lo) / 2, a.unit, a.colour };
        const int64_t x = lbk__scale_width(&a, l->h, 1), y = lbk__scale_width(&b, l->h, 1);
        w = x > w ? x : w, w = y > w ? y : w;
    }
    return w;
}

static lbk_status draw_maps(lbk_ctx *ctx, const struct sheet *s, struct seen *seen,
                            struct canvas *out)
{
    struct layout l = lay_out(&s->sample[0].picture);
    const struct legend names = make_legend(s, seen);
    l.bar = widest_bar(s, &l);
    const int64_t bars = s->kind == VIEW_METRES ? 2 * (l.bar + GAP) : 0;
    const int64_t columns = s->n_networks + (s->kind == VIEW_BOXES ? 2 : 3);
    const int64_t w = GAP + columns * (l.w + GAP) + bars, row = l.h + l.line + GAP;
    const int64_t head = GAP + 3 * l.line, foot = lbk__legend_height(&names, w - 2 * GAP, l.size);
    lbk_status st =
        lbk__canvas_create(ctx, w, head + s->n * row + foot + (foot ? GAP : 0), PAPER, out);
    if (!st)
        put_head(s, &l, out);
    for (int i = 0; !st && i < s->n; i++)
        st = put_row(ctx, s, &l, out, &s->sample[i], head + i * row);
    if (!st)
        lbk__canvas_legend(out, (struct area){ GAP, head + s->n * row, w - 2 * GAP, foot }, &names,
                           l.size);
    return st;
}

/* ---- classes ---- */

static void put_cell(const struct sheet *s, const struct layout *l, struct canvas *c,
                     const struct sheet_sample *x, struct area a)
{
    const struct sheet_answer *last = &x->answer[s->n_networks - 1];
    const bool judged = x->label >= 0;
    struct area line = { a.x, a.y + l->h + 2, a.w, l->line };
    char text[128], buf[32];
    const struct area shown = show(c, (struct area){ a.x, a.y, l->w, l->h }, &x->picture);
    if (judged)
        lbk__canvas_frame(c, shown, 3, last->label == x->label ? RIGHT : WRONG);
    snprintf(text, sizeof text, "truth: %s",
             judged ? lbk__class_name(s->classes, x->label, buf) : "?");
    say(c, line, text, l->size, INK);
    for (int i = 0; i < s->n_networks; i++) {
        const struct sheet_answer *n = &x->answer[i];
        line.y += l->line;
        snprintf(text, sizeof text, "%s: %s %.0f %%", s->network[i],
                 lbk__class_name(s->classes, n->label, buf), 100 * n->share);
        say(c, line, text, l->size, !judged ? INK : n->label == x->label ? RIGHT : WRONG);
    }
}

static lbk_status draw_classes(lbk_ctx *ctx, const struct sheet *s, struct canvas *out)
{
    struct layout l = lay_out(&s->sample[0].picture);
    const int64_t room = 30 * lbk__text_width(l.size, "n"); /* for a name and a share */
    const int64_t wide = (l.w > room ? l.w : room) + GAP;
    const int64_t across = s->n < SHEET_ACROSS ? s->n : SHEET_ACROSS,
                  rows = (s->n + across - 1) / across;
    const int64_t row = l.h + 2 + (1 + s->n_networks) * l.line + 2 * GAP, head = GAP + 2 * l.line;
    const lbk_status st =
        lbk__canvas_create(ctx, GAP + across * (wide + GAP), head + rows * row, PAPER, out);
    if (st)
        return st;
    say(out, (struct area){ GAP, GAP, out->w - 2 * GAP, l.line }, s->title, l.size, INK);
    for (int i = 0; i < s->n; i++)
        put_cell(
            s, &l, out, &s->sample[i],
            (struct area){ GAP + i % across * (wide + GAP), head + i / across * row, wide, l.h });
    return st;
}

lbk_status lbk__sheet_draw(lbk_ctx *ctx, const struct sheet *s, struct canvas *out)
{
    *out = (struct canvas){ 0 };
    if (s->kind == VIEW_SCORES)
        return draw_classes(ctx, s, out);
    struct seen *seen = calloc(1, sizeof *seen);
    const lbk_status st =
        seen ? draw_maps(ctx, s, seen, out) : lbk_fail(ctx, LBK_ENOMEM, "picture: out of memory");
    free(seen);
    return st;
}
