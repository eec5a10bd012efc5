/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "arena.h"
#include "history.h"
#include "str.h"

static const char header[] = "stage,part,step,epoch,name,value,better";
enum { FIELDS = 7 };

struct row {
    const char *stage, *part, *name, *better;
    int64_t step, epoch;
    float v;
};

/* ---- bins ---- */

static void join(struct bin *a, const struct bin *b)
{
    a->least = b->n && (!a->n || b->least < a->least) ? b->least : a->least;
    a->most = b->n && (!a->n || b->most > a->most) ? b->most : a->most;
    a->last = b->last;
    a->n += b->n, a->bad += b->bad, a->sum += b->sum;
}

static bool together(const struct series *s, const struct bin *a, const struct bin *b)
{
    return a->stage == b->stage && a->first / s->width == b->last / s->width;
}

/* Bins twice as wide. */
static void halve(struct series *s)
{
    int n = 0;
    s->width *= 2;
    for (int i = 1; i < s->n; i++) {
        if (together(s, &s->bin[n], &s->bin[i]))
            join(&s->bin[n], &s->bin[i]);
        else
            s->bin[++n] = s->bin[i];
    }
    s->n = n + 1;
}

static void add(struct series *s, const struct bin *b)
{
    s->rows++;
    if (s->n && together(s, &s->bin[s->n - 1], b)) {
        join(&s->bin[s->n - 1], b);
        return;
    }
    while (s->n == HISTORY_BINS)
        halve(s);
    if (s->n && together(s, &s->bin[s->n - 1], b))
        join(&s->bin[s->n - 1], b);
    else
        s->bin[s->n++] = *b;
}

/* ---- series and stages ---- */

struct series *lbk__history_find(const struct history *h, const char *part, const char *name)
{
    for (int64_t i = 0; i < h->n; i++)
        if (!strcmp(h->at[i].name, name) && !strcmp(h->at[i].part, part))
            return &h->at[i];
    return NULL;
}

static struct series *series_for(struct history *h, const struct row *r)
{
    struct series *s = lbk__history_find(h, r->part, r->name);
    if (s || strlen(r->part) >= sizeof s->part || strlen(r->name) >= sizeof s->name)
        return s;
    struct bin *bin = malloc(HISTORY_BINS * sizeof *bin);
    if (!bin || !lbk__grow(&h->at, h->n, &h->cap, sizeof *h->at)) {
        free(bin);
        h->failed = true;
        return NULL;
    }
    s = &h->at[h->n++];
    *s = (struct series){ .width = 1, .bin = bin, .better = r->better };
    memcpy(s->part, r->part, strlen(r->part) + 1);
    memcpy(s->name, r->name, strlen(r->name) + 1);
    return s;
}

/* Those come one after the other. */
static struct history_stage *stage_for(struct history *h, const struct row *r)
{
    struct history_stage *s = h->n_stage ? &h->stage[h->n_stage - 1] : NULL;
    if (s && (!strncmp(s->name, r->stage, sizeof s->name - 1) || h->n_stage == HISTORY_STAGES))
        return s;
    const int64_t begin = s ? s->begin + s->steps : 0;
    s = &h->stage[h->n_stage++];
    *s = (struct history_stage){ .begin = begin };
    snprintf(s->name, sizeof s->name, "%s", r->stage);
    return s;
}

static void take(struct history *h, const struct row *r)
{
    struct history_stage *s = stage_for(h, r);
    if (!strcmp(r->part, "stage")) {
        s->epoch = r->v >= 1 ? (int64_t) r->v : 0;
        return;
    }
    struct series *x = series_for(h, r);
    if (r->step > s->steps)
        s->steps = r->step;
    if (!x)
        return;
    const int64_t at = s->begin + r->step;
    const bool ok = isfinite(r->v);
    const struct bin b = { h->n_stage - 1, at,           at, ok, !ok, ok ? (double) r->v : 0,
                           ok ? r->v : 0,  ok ? r->v : 0 };
    add(x, &b);
    x->latest = (double) r->v;
}

/* ---- rows ---- */

static bool parse_value(const char *s, float *out)
{
    double v;
    if (lbk__parse_number(s, strlen(s), &v)) {
        *out = (float) v;
        return true;
    }
    s += *s == '-' || *s == '+';
    *out = NAN;
    return !strcmp(s, "nan") || !strcmp(s, "inf");
}

static bool parse_sense(const char *s, const char **out)
{
    static const char *const all[] = { "", "higher", "lower" };
    for (int i = 0; i < 3; i++)
        if (!strcmp(s, all[i]))
            *out = all[i];
    return *out;
}

static bool parse(char *line, struct row *r)
{
    char *field[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        field[i] = line;
        line = line ? strchr(line, ',') : NULL;
        if (line)
            *line++ = 0;
        if (!field[i] || (i == FIELDS - 1 && line))
            return false;
    }
    *r = (struct row){ .stage = field[0], .part = field[1], .name = field[4] };
    return parse_sense(field[6], &r->better) &&
           lbk__parse_int(field[2], strlen(field[2]), &r->step) &&
           lbk__parse_int(field[3], strlen(field[3]), &r->epoch) && r->step >= 0 &&
           r->step <= INT64_MAX / HISTORY_STAGES / 2 && parse_value(field[5], &r->v);
}

bool lbk__history_line(struct history *h, const char *line)
{
    char text[512];
    struct row r;
    const size_t n = strcspn(line, "\r\n");
    if (n >= sizeof text)
        return false;
    memcpy(text, line, n);
    text[n] = 0;
    if (!strcmp(text, header))
        return true;
    if (!parse(text, &r))
        return false;
    take(h, &r);
    return true;
}

lbk_status lbk__history_read(lbk_ctx *ctx, const char *path, int64_t most, struct history *h)
{
    char line[512];
    FILE *f = fopen(path, "r");
    lbk_status st = LBK_OK;
    if (!f)
        return lbk_fail(ctx, errno == ENOENT ? LBK_ENOENT : LBK_EIO, "%s: %s", path,
                        strerror(errno));
    for (int64_t row = 1, at = 0; !st && fgets(line, sizeof line, f); row++) {
        at += (int64_t) strlen(line);
        const bool whole = strchr(line, '\n') != NULL;
        if ((most >= 0 && at > most) || (!whole && feof(f)))
            break;
        if (!lbk__history_line(h, line))
            st = lbk_fail(ctx, LBK_EFORMAT, "%s: row %lld: expected %s, found '%.60s'", path,
                          (long long) row, header, line);
    }
    if (!st && ferror(f))
        st = lbk_fail(ctx, LBK_EIO, "%s: cannot read", path);
    if (!st && h->failed)
        st = lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    fclose(f);
    return st;
}

void lbk__history_free(struct history *h)
{
    for (int64_t i = 0; i < h->n; i++)
        free(h->at[i].bin);
    free(h->at);
    *h = (struct history){ 0 };
}

/* ---- what it says ---- */

int64_t lbk__history_step(const struct history *h, int64_t step)
{
    return step + (h->n_stage ? h->stage[h->n_stage - 1].begin : 0);
}

int64_t lbk__history_steps(const struct history *h)
{
    const struct history_stage *s = h->n_stage ? &h->stage[h->n_stage - 1] : NULL;
    return s ? s->begin + s->steps : 0;
}

int64_t lbk__history_epoch(const struct history *h)
{
    int64_t epoch = 0;
    for (int i = 0; i < h->n_stage; i++) {
        const struct history_stage *s = &h->stage[i];
        if (!s->steps)
            continue;
        if (!s->epoch || (epoch && s->epoch != epoch))
            return 0;
        epoch = s->epoch;
    }
    return epoch;
}
