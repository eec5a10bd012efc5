/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "axis.h"
#include "figure.h"

enum {
    LEFT = 50,
    RIGHT = 12,
    TOP = 34,
    BOTTOM = 36,
    COLUMNS = 3,
    MARGIN = 20,
    HEAD = 72,
    FEW = 40, /* points that are shown one by one */
    LEGENDS = 12
};
static const enum ink ink_train = INK_SERIES, ink_val = INK_SERIES + 1, ink_test = INK_SERIES + 2,
                      ink_teacher = INK_SERIES + 3;

/* ---- which panels ---- */

static bool known(int n, const struct panel at[], const struct series *s)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(at[i].part, s->part) && !strcmp(at[i].name, s->name))
            return true;
    return false;
}

static int add_panels(const struct figure *f, const char *part, int n, struct panel out[])
{
    for (int r = 0; r < f->n; r++) {
        for (int64_t i = 0; i < f->run[r]->n; i++) {
            const struct series *s = &f->run[r]->at[i];
            if (!strcmp(s->part, part) && n < FIGURE_PANELS && !known(n, out, s))
                out[n++] = (struct panel){ s->part, s->name, s->better };
        }
    }
    return n;
}

int lbk__figure_panels(const struct figure *f, struct panel out[FIGURE_PANELS])
{
    int n = add_panels(f, "train", add_panels(f, "val", 0, out), out);
    for (int i = 0; i < n - 1; i++) {
        if (strcmp(out[i].name, "lr"))
            continue;
        const struct panel lr = out[i];
        memmove(&out[i], &out[i + 1], (size_t) (n - 1 - i) * sizeof *out);
        out[n - 1] = lr;
        break;
    }
    return n;
}

/* ---- one panel ---- */

struct view {
    const struct figure *f;
    const struct panel *p;
    const struct pen *pen;
    double left, top, right, bottom; /* of the plot */
    double high, low;                /* where the greatest value and the least are */
    struct axis x, y;
    double unit; /* steps of what x counts */
    bool epochs;
};
struct range {
    double least, most;
};

static bool scores(const struct panel *p) { return !strcmp(p->part, "val"); }

static bool is_level(const struct panel *p, const struct level *l)
{
    return scores(p) && !strcmp(p->name, l->name) && isfinite(l->v);
}

static void reach(struct range *r, const struct series *s)
{
    for (int i = 0; s && i < s->n; i++) {
        if (!s->bin[i].n)
            continue;
        r->least = fmin(r->least, (double) s->bin[i].least);
        r->most = fmax(r->most, (double) s->bin[i].most);
    }
}

static void reach_all(const struct view *v, struct range *r)
{
    for (int k = 0; k < v->f->n; k++) {
        reach(r, lbk__history_find(v->f->run[k], v->p->part, v->p->name));
        if (scores(v->p))
            reach(r, lbk__history_find(v->f->run[k], "test", v->p->name));
    }
    for (int i = 0; i < v->f->n_level; i++) {
        if (!is_level(v->p, &v->f->level[i]))
            continue;
        r->least = fmin(r->least, v->f->level[i].v);
        r->most = fmax(r->most, v->f->level[i].v);
    }
}

static void choose_axes(struct view *v)
{
    struct range y = { INFINITY, -INFINITY };
    int64_t steps = 1, epoch = lbk__history_epoch(v->f->run[0]);
    for (int k = 0; k < v->f->n; k++) {
        const int64_t n = lbk__history_steps(v->f->run[k]);
        steps = n > steps ? n : steps;
        epoch = lbk__history_epoch(v->f->run[k]) == epoch ? epoch : 0;
    }
    v->epochs = epoch && steps >= 2 * epoch;
    v->unit = v->epochs ? (double) epoch : 1;
    lbk__axis_choose(0, (double) steps / v->unit, !v->epochs && steps < 6 ? (int) steps : 6, false,
                     &v->x);
    reach_all(v, &y);
    if (y.least > y.most)
        y = (struct range){ 0, 1 };
    lbk__axis_choose(y.least, y.most, 5, true, &v->y);
}

static double x_of(const struct view *v, double step)
{
    return v->left + (v->right - v->left) * lbk__axis_at(&v->x, step / v->unit);
}

static double y_of(const struct view *v, double value)
{
    return v->low - (v->low - v->high) * lbk__axis_at(&v->y, value);
}

static double middle(const struct view *v, const struct bin *b)
{
    return x_of(v, 0.5 * ((double) b->first + (double) b->last));
}

static void segment(const struct view *v, enum ink ink, double width, bool dashed,
                    const struct point ends[2])
{
    v->pen->line(v->pen->ud, ink, width, dashed, 2, ends);
}

static void draw_ticks(const struct view *v)
{
    const struct pen *p = v->pen;
    for (int i = 0; i < v->y.n; i++) {
        const double y = y_of(v, v->y.tick[i]);
        segment(v, INK_GRID, 1, false, (struct point[]){ { v->left, y }, { v->right, y } });
        p->text(p->ud, INK_FAINT, 11, false, ANCHOR_END, (struct point){ v->left - 6, y + 4 },
                v->y.label[i]);
    }
    for (int i = 0; i < v->x.n; i++) {
        const double x = x_of(v, v->x.tick[i] * v->unit);
        segment(v, INK_FRAME, 1, false, (struct point[]){ { x, v->bottom }, { x, v->bottom + 4 } });
        p->text(p->ud, INK_FAINT, 11, false, ANCHOR_MIDDLE, (struct point){ x, v->bottom + 16 },
                v->x.label[i]);
    }
    segment(v, INK_FRAME, 1, false,
            (struct point[]){ { v->left, v->bottom }, { v->right, v->bottom } });
    p->text(p->ud, INK_FAINT, 11, false, ANCHOR_MIDDLE,
            (struct point){ 0.5 * (v->left + v->right), v->bottom + 30 },
            v->epochs ? "epoch" : "step");
}

static const char *what(const struct panel *p)
{
    return scores(p) ? "validation" : strcmp(p->name, "lr") ? "training" : "learning rate";
}

static void draw_title(const struct view *v)
{
    const struct pen *p = v->pen;
    const struct series *s = lbk__history_find(v->f->run[0], v->p->part, v->p->name);
    char more[160], last[24];
    const double y = v->top - 14, x = v->left - 38;
    snprintf(more, sizeof more, "%s%s%s%s%s", what(v->p), *v->p->better ? ", " : "", v->p->better,
             *v->p->better ? " is better" : "", v->y.log ? ", log scale" : "");
    p->text(p->ud, INK_TEXT, 13, true, ANCHOR_START, (struct point){ x, y }, v->p->name);
    p->text(p->ud, INK_FAINT, 11, false, ANCHOR_START,
            (struct point){ x + 10 + 1.25 * lbk__pen_width(v->p->name, 13), y }, more);
    if (s && v->f->n == 1)
        p->text(p->ud, INK_TEXT, 11, false, ANCHOR_END, (struct point){ v->right, y },
                lbk__axis_number(s->latest, last));
}

/* Where one stage ends and the next begins. */
static void draw_stages(const struct view *v)
{
    const struct history *h = v->f->run[0];
    const struct pen *p = v->pen;
    const int64_t all = lbk__history_steps(h);
    for (int i = 0; i < h->n_stage; i++) {
        const struct history_stage *s = &h->stage[i];
        const double x = x_of(v, (double) s->begin),
                     room = x_of(v, (double) (s->begin + s->steps)) - x;
        if (!s->steps || s->steps == all)
            continue;
        if (s->begin)
            segment(v, INK_FRAME, 1, true, (struct point[]){ { x, v->top - 4 }, { x, v->bottom } });
        if (lbk__pen_width(s->name, 10) + 6 < room)
            p->text(p->ud, INK_FAINT, 10, false, ANCHOR_START, (struct point){ x + 4, v->top + 4 },
                    s->name);
    }
}

/* ---- its lines ---- */

/* Bins that are one line: of one stage, finite. Returns the end of it. */
static int stretch(const struct series *s, int from)
{
    int to = from;
    while (to < s->n && s->bin[to].n && s->bin[to].stage == s->bin[from].stage)
        to++;
    return to;
}

static void draw_band(const struct view *v, enum ink ink, const struct bin *bin, int n)
{
    struct point at[2 * HISTORY_BINS];
    bool any = false;
    for (int i = 0; i < n; i++) {
        const double x = middle(v, &bin[i]);
        at[i] = (struct point){ x, y_of(v, (double) bin[i].most) };
        at[2 * n - 1 - i] = (struct point){ x, y_of(v, (double) bin[i].least) };
        any = any || bin[i].n > 1;
    }
    if (any && n > 1)
        v->pen->area(v->pen->ud, ink, 2 * n, at);
}

static void draw_stretch(const struct view *v, enum ink ink, const struct bin *bin, int n,
                         bool dots)
{
    struct point at[HISTORY_BINS];
    draw_band(v, ink, bin, n);
    for (int i = 0; i < n; i++)
        at[i] = (struct point){ middle(v, &bin[i]), y_of(v, bin[i].sum / (double) bin[i].n) };
    if (n > 1)
        v->pen->line(v->pen->ud, ink, 1.5, false, n, at);
    for (int i = 0; i < n && (dots || n == 1); i++)
        v->pen->dot(v->pen->ud, ink, n == 1 ? 3 : 2.2, at[i]);
}

/* What was not finite: at the upper edge. */
static void draw_bad(const struct view *v, const struct series *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->bin[i].bad)
            v->pen->dot(v->pen->ud, INK_BAD, 3, (struct point){ middle(v, &s->bin[i]), v->top });
}

static void draw_series(const struct view *v, enum ink ink, const struct series *s)
{
    const bool dots = scores(v->p) && s->n <= FEW;
    for (int from = 0; from < s->n;) {
        const int to = stretch(s, from);
        if (to > from)
            draw_stretch(v, ink, &s->bin[from], to - from, dots);
        from = to > from ? to : from + 1;
    }
    draw_bad(v, s);
}

/* On test data, where the run ends. */
static void draw_test(const struct view *v, enum ink ink, const struct series *s)
{
    const struct bin *b = s && s->n ? &s->bin[s->n - 1] : NULL;
    if (b && b->n)
        v->pen->dot(v->pen->ud, ink, 4,
                    (struct point){ middle(v, b), y_of(v, b->sum / (double) b->n) });
}

static enum ink ink_of(int group) { return INK_SERIES + group % (INK_COUNT - INK_SERIES); }

static void draw_run(const struct view *v, int k)
{
    const struct history *h = v->f->run[k];
    const bool alone = v->f->n == 1;
    const enum ink own = alone ? INK_SERIES : ink_of(v->f->group[k]);
    const struct series *s = lbk__history_find(h, v->p->part, v->p->name);
    if (s)
        draw_series(v, !alone ? own : scores(v->p) ? ink_val : ink_train, s);
    if (scores(v->p))
        draw_test(v, alone ? ink_test : own, lbk__history_find(h, "test", v->p->name));
}

static void draw_levels(const struct view *v)
{
    for (int i = 0; i < v->f->n_level; i++) {
        const struct level *l = &v->f->level[i];
        if (!is_level(v->p, l))
            continue;
        const double y = y_of(v, l->v);
        segment(v, ink_teacher, 1.5, true, (struct point[]){ { v->left, y }, { v->right, y } });
    }
}

void lbk__panel_draw(const struct figure *f, const struct panel *p, const struct pen *pen,
                     struct point at)
{
    struct view v = { .f = f,
                      .p = p,
                      .pen = pen,
                      .left = at.x + LEFT,
                      .top = at.y + TOP,
                      .right = at.x + PANEL_WIDTH - RIGHT,
                      .bottom = at.y + PANEL_HEIGHT - BOTTOM };
    v.high = v.top + 12, v.low = v.bottom - 6; /* names of stages are above */
    choose_axes(&v);
    draw_title(&v);
    draw_ticks(&v);
    draw_stages(&v);
    draw_levels(&v);
    for (int k = 0; k < f->n; k++)
        draw_run(&v, k);
}

/* ---- all of them ---- */

static bool has(const struct history *h, bool (*which)(const struct series *s), const char *part)
{
    for (int64_t i = 0; i < h->n; i++)
        if (which ? which(&h->at[i]) : !strcmp(h->at[i].part, part))
            return true;
    return false;
}

static bool thinned(const struct series *s) { return s->rows > s->n; }
static bool unsound(const struct series *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->bin[i].bad)
            return true;
    return false;
}

int lbk__figure_legend(const struct figure *f, int most, struct legend_mark out[])
{
    const struct history *h = f->run[0];
    int n = 0;
    if (f->n > 1) {
        for (; n < f->n_group && n < most; n++)
            out[n] = (struct legend_mark){ ink_of(n), false, false, f->label[n] };
        return n;
    }
    const struct {
        bool there;
        struct legend_mark mark;
    } all[] = {
        { has(h, NULL, "val"), { ink_val, false, false, "validation" } },
        { has(h, NULL, "test"), { ink_test, false, true, "test, of the weights that were kept" } },
        { f->n_level > 0, { ink_teacher, true, false, "teacher, on validation" } },
        { has(h, NULL, "train"),
          { ink_train, false, false,
            has(h, thinned, NULL) ? "training: mean, least to most" : "training" } },
        { has(h, unsound, NULL), { INK_BAD, false, true, "not finite" } },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].there && n < most)
            out[n++] = all[i].mark;
    return n;
}

static void draw_legend(const struct figure *f, const struct pen *p)
{
    struct legend_mark all[LEGENDS];
    const int n = lbk__figure_legend(f, LEGENDS, all);
    double x = MARGIN + 12;
    for (int i = 0; i < n; i++) {
        const struct legend_mark *m = &all[i];
        const double y = HEAD - 8;
        if (m->dot)
            p->dot(p->ud, m->ink, 4, (struct point){ x + 9, y - 4 });
        else
            p->line(p->ud, m->ink, 2, m->dashed, 2,
                    (struct point[]){ { x, y - 4 }, { x + 18, y - 4 } });
        p->text(p->ud, INK_TEXT, 12, false, ANCHOR_START, (struct point){ x + 24, y }, m->text);
        x += 24 + lbk__pen_width(m->text, 12) + 22;
    }
}

void lbk__figure_draw(const struct figure *f, const struct pen *pen)
{
    struct panel panel[FIGURE_PANELS];
    const int n = lbk__figure_panels(f, panel), across = n < COLUMNS ? n ? n : 1 : COLUMNS;
    const int rows = n ? (n + across - 1) / across : 1;
    /* the title has three panels' room, however few there are */
    pen->begin(pen->ud, 2 * MARGIN + COLUMNS * PANEL_WIDTH, HEAD + MARGIN + rows * PANEL_HEIGHT);
    pen->text(pen->ud, INK_TEXT, 16, true, ANCHOR_START, (struct point){ MARGIN + 12, 26 },
              f->title);
    pen->text(pen->ud, INK_FAINT, 12, false, ANCHOR_START, (struct point){ MARGIN + 12, 44 },
              f->subtitle);
    draw_legend(f, pen);
    if (!n)
        pen->text(pen->ud, INK_FAINT, 12, false, ANCHOR_START,
                  (struct point){ MARGIN + 12, HEAD + 40 }, "nothing has been logged yet");
    for (int i = 0; i < n; i++)
        lbk__panel_draw(
            f, &panel[i], pen,
            (struct point){ MARGIN + i % across * PANEL_WIDTH, HEAD + i / across * PANEL_HEIGHT });
    pen->end(pen->ud);
}
