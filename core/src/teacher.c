/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "rows.h"
#include "teacher.h"
#include "trainer.h"

struct tap_rows {
    int stream, rows_n; /* samples of a batch */
    size_t row;
    struct rows *rows;
    unsigned char *host; /* of the batch being fed */
};
struct teacher {
    lbk_ctx *ctx;
    struct engine *engine;
    struct teacher_stream streams[OBJ_STREAMS];
    int n, n_stream;
    struct tap_rows tap[OBJ_READS];
    int64_t samples; /* of a step that have rows */
    struct rows_budget budget;
    bool off;                /* computed each time: not to be kept */
    bool tried, compared;    /* that a row depends on no other; that kept ones are right */
    double computing, least; /* seconds of the batch, and of the fastest one */
    struct teacher_counts counts;
};

static lbk_status no_memory(lbk_ctx *ctx)
{
    return lbk_fail(ctx, LBK_ENOMEM, "teacher_cache: out of memory");
}

/* ---- making ---- */

static lbk_status folder_of(const struct run *r, char path[4096])
{
    const char *own = r->cfg->teacher_cache_dir, *xdg = secure_getenv("XDG_CACHE_HOME"),
               *home = secure_getenv("HOME");
    int n = 0;
    if (*own)
        n = snprintf(path, 3900, "%s", own);
    else if (xdg && *xdg == '/')
        n = snprintf(path, 3900, "%s/limbeck/teacher", xdg);
    else if (home && *home == '/')
        n = snprintf(path, 3900, "%s/.cache/limbeck/teacher", home);
    return n > 0 && n < 3900 ? LBK_OK
                             : lbk_fail(r->ctx, LBK_EINVAL,
                                        "teacher_cache: no folder for it: set teacher_cache_dir");
}

static lbk_status open_rows(struct teacher *t, const lbk_objective *o, int i, const char *folder)
{
    struct tap_rows *x = &t->tap[i];
    struct rows_params p = { .row = x->row, .budget = &t->budget };
    char path[4096];
    lbk_status st = lbk__teacher_key(o, i, &t->streams[x->stream], p.set);
    if (folder && snprintf(path, sizeof path, "%s/%.32s", folder, p.set) < (int) sizeof path)
        p.folder = path;
    return st ? st : lbk__rows_open(t->ctx, &p, &x->rows);
}

static lbk_status open_tap(struct teacher *t, const lbk_objective *o, int i, const char *folder)
{
    const lbk_tensor *out = t->engine->out[i].tensor;
    struct tap_rows *x = &t->tap[i];
    x->stream = o->tap[i].pass->stream;
    x->rows_n = (int) out->shape.d[0];
    x->row = out->bytes / (size_t) x->rows_n;
    x->host = malloc(out->bytes + 1);
    if (!x->host)
        return no_memory(t->ctx);
    return x->row ? open_rows(t, o, i, folder)
                  : lbk_fail(t->ctx, LBK_EINVAL, "teacher_cache: a value without elements");
}

static lbk_status load_roles(struct run *r, const lbk_objective *o)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < o->n_pass; i++)
        if (o->pass[i]->built && o->pass[i]->piece.kept)
            st = lbk__role_load(r, o->pass[i]->role, o->g, false);
    return st;
}

static lbk_status open_taps(struct teacher *t, const lbk_objective *o)
{
    const struct run *r = o->run;
    const bool disk = r->cfg->teacher_cache == CACHE_DISK && !r->rehearsal;
    char folder[4096];
    lbk_status st = disk ? folder_of(r, folder) : LBK_OK;
    /* a rehearsal keeps nothing */
    t->budget.most = r->rehearsal ? 0 : (size_t) r->cfg->teacher_cache_bytes;
    if (!st && disk)
        t->budget.used = lbk__rows_used(folder);
    for (int i = 0; !st && i < o->n_tap; i++) {
        t->n = i + 1;
        st = open_tap(t, o, i, disk ? folder : NULL);
    }
    return st;
}

static void count_samples(struct teacher *t)
{
    for (int s = 0; s < t->n_stream; s++) {
        int i = 0;
        while (i < t->n && t->tap[i].stream != s)
            i++;
        t->samples += i < t->n ? t->tap[i].rows_n : 0;
    }
}

lbk_status lbk__teacher_open(lbk_objective *o, const struct teacher_stream *streams,
                             lbk_objective *again, struct teacher **out)
{
    struct teacher *t = calloc(1, sizeof *t);
    *out = t;
    if (t)
        t->ctx = o->ctx;
    lbk_status st = t ? lbk__objective_taps(again, o) : no_memory(o->ctx);
    if (!st)
        st = load_roles(o->run, again);
    if (st) {
        lbk__objective_destroy(&again);
        lbk__teacher_close(out, NULL);
        return st;
    }
    st = lbk__engine_create(again, &t->engine);
    t->n_stream = o->n_stream;
    memcpy(t->streams, streams, (size_t) o->n_stream * sizeof *streams);
    if (!st)
        st = open_taps(t, o);
    count_samples(t);
    if (st)
        lbk__teacher_close(out, NULL);
    return st;
}

void lbk__teacher_close(struct teacher **tp, struct teacher_counts *sum)
{
    struct teacher *t = *tp;
    if (!t)
        return;
    for (int i = 0; i < t->n; i++) {
        lbk__rows_close(&t->tap[i].rows);
        free(t->tap[i].host);
    }
    if (sum) {
        sum->hits += t->counts.hits, sum->misses += t->counts.misses;
        sum->read += t->counts.read, sum->kept += t->counts.kept;
        sum->saved += t->counts.saved;
    }
    lbk__engine_destroy(&t->engine);
    free(t);
    *tp = NULL;
}

void lbk__teacher_flush(struct teacher *t)
{
    const double begun = lbk__now();
    for (int i = 0; t && i < t->n; i++)
        lbk__rows_flush(t->tap[i].rows);
    if (t)
        t->counts.saved -= lbk__now() - begun;
}

/* ---- computing ---- */

static lbk_status compute(struct teacher *t, const struct batch *const batch[],
                          const struct step_now *now)
{
    const double begun = lbk__now();
    lbk_status st = lbk__engine_run(t->engine, batch, now);
    for (int i = 0; !st && i < t->n; i++) {
        const lbk_tensor *out = t->engine->out[i].tensor;
        st = lbk_tensor_read(out, t->tap[i].host, out->bytes);
    }
    t->computing = lbk__now() - begun;
    if (t->least <= 0 || t->computing < t->least)
        t->least = t->computing;
    return st;
}

/* Samples of the first half, one place further each; in all other places the first sample. */
static int64_t moved(int64_t k, int64_t n) { return 2 * k < n && k + 1 < n ? k + 1 : 0; }

static lbk_status compute_moved(struct teacher *t, const struct batch *const batch[],
                                const struct step_now *now)
{
    struct batch other[OBJ_STREAMS] = { { 0 } };
    const struct batch *at[OBJ_STREAMS];
    bool ok = true;
    for (int i = 0; i < t->n_stream; i++) {
        at[i] = &other[i];
        ok = ok && lbk__batch_pick(batch[i], moved, &other[i]);
    }
    const lbk_status st = ok ? compute(t, at, now) : no_memory(t->ctx);
    for (int i = 0; i < t->n_stream; i++)
        lbk__batch_drop(&other[i]);
    return st;
}

/* before: what the samples gave when they were moved. */
static bool is_moved(const struct tap_rows *x, const unsigned char *before)
{
    for (int64_t k = 0; moved(k, x->rows_n); k++)
        if (memcmp(before + (size_t) k * x->row, x->host + (size_t) (k + 1) * x->row, x->row))
            return false;
    return true;
}

/* Does what a sample gives depend on its place in a batch, or on the others? Then no row can be
 * kept. */
static lbk_status try_alone(struct teacher *t, const struct batch *const batch[],
                            const struct step_now *now)
{
    unsigned char *before[OBJ_READS] = { NULL };
    lbk_status st = compute_moved(t, batch, now);
    for (int i = 0; !st && i < t->n; i++) {
        const size_t bytes = (size_t) t->tap[i].rows_n * t->tap[i].row;
        before[i] = malloc(bytes);
        if (before[i])
            memcpy(before[i], t->tap[i].host, bytes);
        else
            st = no_memory(t->ctx);
    }
    if (!st)
        st = compute(t, batch, now);
    for (int i = 0; i < t->n; i++) {
        t->off = t->off || (!st && !is_moved(&t->tap[i], before[i]));
        free(before[i]);
    }
    t->tried = true;
    if (!st && t->off)
        lbk_ctx_log(t->ctx, LBK_LOG_WARN,
                    "teacher_cache: nothing is kept: what the teacher gives "
                    "for a sample depends on the rest of the batch");
    return st;
}

/* ---- rows ---- */

static struct row_key key_at(const struct teacher *t, int i, const struct batch *b, int64_t k)
{
    const struct teacher_stream *s = &t->streams[t->tap[i].stream];
    const int64_t j = b->index[k < b->count ? k : b->count - 1];
    return (struct row_key){ (uint64_t) s->source->data->at[j],
                             lbk__sample_view(&s->how, b->epoch) };
}

/* false: a row is not there. */
static bool recall(struct teacher *t, const struct batch *const batch[])
{
    for (int i = 0; i < t->n; i++) {
        const struct tap_rows *x = &t->tap[i];
        for (int k = 0; k < x->rows_n; k++)
            if (!lbk__rows_get(x->rows, key_at(t, i, batch[x->stream], k),
                               x->host + (size_t) k * x->row))
                return false;
    }
    return true;
}

/* Kept rows beside those just computed: files may be of a build that computed other bits. */
static void compare(struct teacher *t, const struct batch *const batch[])
{
    for (int i = 0; i < t->n; i++) {
        const struct tap_rows *x = &t->tap[i];
        unsigned char *row = malloc(x->row);
        for (int k = 0; row && !t->off && k < x->rows_n; k++) {
            if (!lbk__rows_get(x->rows, key_at(t, i, batch[x->stream], k), row))
                continue;
            t->compared = true;
            t->off = memcmp(row, x->host + (size_t) k * x->row, x->row) != 0;
        }
        free(row);
    }
    if (t->off)
        lbk_ctx_log(t->ctx, LBK_LOG_WARN,
                    "teacher_cache: not used: what is kept differs from what "
                    "the teacher gives now; remove its folder");
}

static void keep(struct teacher *t, const struct batch *const batch[])
{
    const size_t before = t->budget.used;
    for (int i = 0; !t->off && i < t->n; i++) {
        const struct tap_rows *x = &t->tap[i];
        for (int k = 0; k < x->rows_n; k++)
            lbk__rows_put(x->rows, key_at(t, i, batch[x->stream], k),
                          x->host + (size_t) k * x->row);
    }
    t->counts.kept += t->budget.used - before;
}

static lbk_status make(struct teacher *t, const struct batch *const batch[],
                       const struct step_now *now)
{
    lbk_status st = t->tried ? compute(t, batch, now) : try_alone(t, batch, now);
    if (st)
        return st;
    if (!t->off && !t->compared)
        compare(t, batch);
    keep(t, batch);
    return LBK_OK;
}

/* ---- feeding ---- */

static lbk_status give(const struct teacher *t, struct engine *e)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < e->n_in; i++) {
        const lbk_tensor *to = e->in[i].tensor;
        if (e->feed[i].kind == FEED_TAP)
            st = lbk_tensor_write(e->in[i].tensor, t->tap[e->feed[i].term].host, to->bytes);
    }
    return st;
}

/* took: seconds for all but the computing of a batch that is not there. */
static void count(struct teacher *t, bool there, double took)
{
    t->counts.saved += (there ? t->least : 0) - took;
    *(there ? &t->counts.hits : &t->counts.misses) += t->samples;
    for (int i = 0; there && i < t->n; i++)
        t->counts.read += (uint64_t) t->tap[i].rows_n * t->tap[i].row;
}

lbk_status lbk__teacher_feed(struct teacher *t, const struct batch *const batch[],
                             const struct step_now *now, struct engine *e)
{
    if (!t)
        return LBK_OK;
    const double begun = lbk__now();
    /* the first batch is computed whatever is kept, and so is the first of which something is */
    const bool there = t->tried && t->compared && !t->off && recall(t, batch);
    lbk_status st = there ? LBK_OK : make(t, batch, now);
    if (!st)
        st = give(t, e);
    if (!st)
        count(t, there, lbk__now() - begun - (there ? 0 : t->computing));
    return st;
}
