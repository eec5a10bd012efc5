/* SPDX-License-Identifier: MIT */
/* curves.svg of a run that goes on, and curves.png where it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "curves.h"
#include "figure.h"
#include "file.h"
#include "trainer.h"

/* Of the time that a run takes, at most so much goes into drawing it. */
static const double share = 0.01;

enum { LEVELS = 64 };

void lbk__curves_title(const char *method, const char *model, const char *data, const char *seed,
                       char *out, size_t size)
{
    snprintf(out, size, "%s: %s on %.*s, seed %s", method, model, (int) strcspn(data, ","), data,
             seed);
}

void lbk__curves_subtitle(const struct history *h, char *out, size_t size)
{
    int n = snprintf(out, size, "%lld steps", (long long) lbk__history_steps(h)), stages = 0;
    for (int i = 0; i < h->n_stage; i++)
        stages += h->stage[i].steps > 0;
    const int64_t epoch = lbk__history_epoch(h);
    if (epoch && n > 0 && (size_t) n < size)
        n += snprintf(out + n, size - (size_t) n, " in epochs of %lld", (long long) epoch);
    if (stages > 1 && n > 0 && (size_t) n < size)
        snprintf(out + n, size - (size_t) n, ", %d stages (dashed: where the next begins)", stages);
}

static void title_of(const struct trainer *t, char *out, size_t size)
{
    const struct run *r = t->run;
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long) t->ctx->params.seed);
    const char *method = r->p->method ? r->p->method : r->cfg->method;
    char name[128];
    snprintf(name, sizeof name, "%s%s", method,
             r->p->plain || r->cfg->plain ? " (plain: distillation off)" : "");
    lbk__curves_title(name, r->cfg->model, r->cfg->data, seed, out, size);
}

struct levels {
    int n;
    struct level at[LEVELS];
};

static void put_level(void *ud, const char *role, const char *score, double v)
{
    struct levels *l = ud;
    if (l->n < LEVELS)
        l->at[l->n++] = (struct level){ role, score, v };
}

static lbk_status write_svg(const struct trainer *t, const struct figure *f)
{
    char path[4096];
    struct text out = { 0 };
    struct svg svg = { &out, true };
    const struct pen pen = lbk__svg_pen(&svg);
    lbk__figure_draw(f, &pen);
    snprintf(path, sizeof path, "%s/curves.svg", t->dir);
    const lbk_status st = out.failed || t->history.failed
                              ? lbk_fail(t->ctx, LBK_ENOMEM, "%s: out of memory", path)
                              : lbk__file_write(t->ctx, path, out.at, out.n);
    lbk__text_free(&out);
    return st;
}

/* Where there is no PNG, there is no picture. */
static lbk_status write_png(const struct trainer *t, const struct figure *f)
{
#ifdef LBK_HAVE_IMAGE
    char path[4096];
    struct bitmap b = { .ctx = t->ctx };
    const struct pen pen = lbk__bitmap_pen(&b);
    lbk__figure_draw(f, &pen);
    snprintf(path, sizeof path, "%s/curves.png", t->dir);
    if (!b.status)
        b.status = lbk__canvas_save(t->ctx, path, &b.canvas, NULL);
    free(b.canvas.data);
    return b.status;
#else
    return LBK_OK;
#endif
}

static lbk_status write(const struct trainer *t, bool last)
{
    struct levels levels = { 0 };
    char title[512], subtitle[256];
    const struct history *h = &t->history;
    lbk__judged_each(t, put_level, &levels);
    title_of(t, title, sizeof title);
    lbk__curves_subtitle(h, subtitle, sizeof subtitle);
    const struct figure f = { .title = title,
                              .subtitle = subtitle,
                              .n = 1,
                              .run = &h,
                              .n_level = levels.n,
                              .level = levels.at };
    const lbk_status st = write_svg(t, &f);
    return st || !last ? st : write_png(t, &f);
}

lbk_status lbk__curves_draw(struct trainer *t, bool last)
{
    const double now = lbk__now();
    if (!t->dir || (!last && (now - t->drawn) * share < t->drawing))
        return LBK_OK;
    const lbk_status st = lbk__spent(t, PHASE_DRAW, now, write(t, last));
    t->drawn = lbk__now();
    t->drawing = t->drawn - now;
    return st;
}
