/* SPDX-License-Identifier: MIT */
/* A training stage: its length, its parts, its loop. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "optim.h"
#include "opt.h"
#include "str.h"
#include "trainer.h"

double lbk__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

lbk_status lbk__spent(struct trainer *t, enum phase phase, double since, lbk_status st)
{
    t->at.phase[phase] += lbk__now() - since;
    return st;
}

lbk_status lbk__stage_teachers(struct run *r, const struct stage *s,
                               lbk_status (*each)(void *ud, struct role *x), void *ud)
{
    lbk_status st = LBK_OK;
    for (int k = 0; !st && k < s->n_roles && !s->off; k++) {
        const struct lbk_role *d = &s->d.roles[k];
        const int n = d->mode == LBK_TRAINED ? 0 : lbk__role_count(r, s, d);
        for (int m = 0; !st && m < n; m++) {
            struct role *x = lbk__role_get(r, s, d->name, d->model, n > 1 ? m : -1);
            st = x ? each(ud, x) : r->failed;
        }
    }
    return st;
}

/* ---- length ---- */

static int64_t batch_of(const struct run *r, const struct lbk_stream *s)
{
    const int64_t n = llround((double) r->cfg->batch * (s->ratio > 0 ? s->ratio : 1));
    return n < 1 ? 1 : n;
}

static lbk_status epoch_of(struct run *r, const struct stage *s, int64_t *out)
{
    const struct lbk_stream *first = &s->d.streams[0];
    struct source *x = lbk__source_get(r, first->name, DATA_TRAIN);
    if (!x)
        return r->failed;
    *out = x->data->n / batch_of(r, first);
    if (*out < 1)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "batch: %lld samples to a step, but stream '%s' has %lld",
                        (long long) batch_of(r, first), first->name, (long long) x->data->n);
    return LBK_OK;
}

static lbk_status no_length(struct run *r)
{
    const bool zero = lbk__setting(r->set, "epochs") || lbk__setting(r->set, "steps");
    lbk_status st = lbk__settings_typo(r->set, "epochs");
    if (!st)
        st = lbk__settings_typo(r->set, "steps");
    return st ? st
              : lbk_fail(r->ctx, LBK_EINVAL, "%s: expected how long to train, %s",
                         lbk__setting(r->set, "epochs") ? "epochs"
                         : zero                         ? "steps"
                                                        : "epochs",
                         zero ? "1 or more, got '0'" : "epochs=N or steps=N, found neither");
}

static lbk_status steps_of(struct run *r, const struct stage *s, int64_t *steps, int64_t *epoch)
{
    lbk_status st = epoch_of(r, s, epoch);
    if (!st && !r->cfg->steps && !r->cfg->epochs)
        st = no_length(r);
    if (st)
        return st;
    const int64_t all = r->cfg->steps ? r->cfg->steps : r->cfg->epochs * *epoch;
    *steps = s->d.length.n > 0
                 ? llround(lbk__span_steps(s->d.length, (double) *epoch, (double) all))
             : s->delivers ? -all
                           : all;
    return LBK_OK;
}

/* What the other delivering stages leave of a run. */
static lbk_status rest(struct run *r, int64_t stage, int64_t *steps)
{
    int64_t left = -*steps, other, epoch;
    for (int64_t i = 0; i < r->schedule->n; i++) {
        const struct stage *s = &r->schedule->stage[i];
        if (i == stage || !s->delivers)
            continue;
        const lbk_status st = steps_of(r, s, &other, &epoch);
        if (st)
            return st;
        left -= other > 0 ? other : 0;
    }
    *steps = left > 0 ? left : 0;
    return LBK_OK;
}

static lbk_status own_steps(struct run *r, int64_t stage, int64_t *steps, int64_t *epoch)
{
    lbk_status st = steps_of(r, &r->schedule->stage[stage], steps, epoch);
    return !st && *steps < 0 ? rest(r, stage, steps) : st;
}

lbk_status lbk__stage_length(struct run *r, int64_t stage, struct length *out)
{
    const struct lbk_schedule *s = r->schedule;
    int64_t first = stage, steps, epoch;
    while (first > 0 && (s->stage[first].d.flags & LBK_STAGE_CARRY))
        first--;
    *out = (struct length){ 0 };
    lbk_status st = LBK_OK;
    for (int64_t i = first;
         !st && i < s->n && (i == first || (s->stage[i].d.flags & LBK_STAGE_CARRY)); i++) {
        st = own_steps(r, i, &steps, &epoch);
        out->begin += i < stage ? steps : 0;
        out->clock += steps;
        if (i == stage)
            out->steps = steps, out->epoch = epoch;
    }
    return st;
}

/* ---- parts ---- */

static lbk_status views_of(struct run *r, const char *stream, int64_t *out)
{
    const char *text = lbk__setting(r->set, "%s.views", stream);
    if (!text || (lbk__parse_int(text, strlen(text), out) && *out >= 0))
        return LBK_OK;
    return lbk_fail(r->ctx, LBK_EINVAL, "%s.views: expected a whole number, 0 or more, got '%s'",
                    stream, text);
}

/* Whose task encodes a stream: of the roles that are trained, else of all, the first one that does.
 */
static lbk_status find_encoder(struct run *r, const struct stage *s, bool trained,
                               struct role **out)
{
    *out = NULL;
    for (int k = 0; k < s->n_roles && !*out; k++) {
        const struct lbk_role *d = &s->d.roles[k];
        const int n = (d->mode == LBK_TRAINED) == trained && (trained || !s->off)
                          ? lbk__role_count(r, s, d)
                          : 0;
        for (int m = 0; m < n && !*out; m++) {
            struct role *x = lbk__role_get(r, s, d->name, d->model, n > 1 ? m : -1);
            if (!x)
                return r->failed;
            *out = x->task && x->task->encode ? x : NULL;
        }
    }
    return *out || !trained ? LBK_OK : find_encoder(r, s, false, out);
}

static lbk_status add_stream(struct run *r, const struct stage *s, int i, lbk_objective *o,
                             struct stage_parts *p)
{
    const struct lbk_stream *d = &s->d.streams[i];
    if ((d->flags & LBK_STREAM_OPTIONAL) && strcmp(d->name, "train") &&
        !lbk_schedule_given(r->schedule, d->name))
        return LBK_OK;
    struct source *x = lbk__source_get(r, d->of ? d->of : d->name, DATA_TRAIN);
    if (!x)
        return r->failed;
    int order = i;
    for (int k = 0; d->of && k < s->n_streams; k++)
        if (!strcmp(s->d.streams[k].name, d->of))
            order = k;
    const bool still = d->flags & LBK_STREAM_STILL, sweep = s->d.sweep != NULL;
    int64_t views = 0;
    const lbk_status bad = views_of(r, d->name, &views);
    if (bad)
        return bad;
    struct role *encodes;
    struct loader_params q = {
        .pipeline = still ? x->still : x->moving,
        .batch = sweep ? r->cfg->eval_batch : batch_of(r, d),
        .order = (uint64_t) order,
        .draws = (uint64_t) i,
        .views = views,
        .epochs = sweep ? 1 : 0,
        .shuffle = !still,
        .pad = sweep,
        .records = sweep,
    };
    struct loader **l = &p->loader[o->n_stream];
    lbk_status st = find_encoder(r, s, true, &encodes);
    if (!st)
        st = lbk__source_encoder(r, x, encodes, &q);
    if (!st)
        st = lbk__source_loader(r, x, &q, l);
    if (st)
        return st;
    p->n = o->n_stream + 1;
    p->stream[o->n_stream] = (struct teacher_stream){ x, q };
    o->stream[o->n_stream++] = (struct obj_stream){ d->name,
                                                    x->by,
                                                    x->data->fields,
                                                    lbk__loader_layout(*l),
                                                    x->data->n,
                                                    !q.views && q.pipeline->fixed < q.pipeline->n,
                                                    q.ud };
    return LBK_OK;
}

static lbk_status load_roles(struct run *r, lbk_objective *o)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < o->n_pass; i++)
        if (o->pass[i]->built && o->pass[i]->piece.kept)
            st = lbk__role_load(r, o->pass[i]->role, o->g,
                                o->pass[i]->piece.net.mode == LBK_TRAINED);
    return st;
}

static void declare(const struct stage *s, const char *optim, lbk_objective *o)
{
    const char *before = lbk__about(o->ctx, "method");
    s->d.objective(o, s->cfg);
    lbk__about(o->ctx, before);
    if (optim)
        lbk__objective_extra(o);
}

/* Of the objective once more, which is pure. */
static lbk_status open_teacher(struct run *r, const struct stage *s, const char *optim,
                               lbk_objective *o, struct stage_parts *p)
{
    lbk_objective *again;
    const lbk_status st = lbk__objective_create(r, s, &again);
    if (st)
        return st;
    again->n_stream = o->n_stream;
    memcpy(again->stream, o->stream, sizeof o->stream);
    declare(s, optim, again);
    return lbk__teacher_open(o, p->stream, again, &p->teacher);
}

static lbk_status build(struct run *r, const struct stage *s, const char *optim, lbk_objective *o,
                        struct stage_parts *p)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < s->n_streams && i < OBJ_STREAMS; i++)
        st = add_stream(r, s, i, o, p);
    if (st || !s->d.objective)
        return st;
    declare(s, optim, o);
    o->cut = optim && r->cfg->teacher_cache;
    st = lbk__objective_finish(o, optim);
    if (!st && o->n_tap)
        st = open_teacher(r, s, optim, o, p);
    return st ? st : load_roles(r, o);
}

lbk_status lbk__stage_open(struct run *r, const struct stage *s, const char *optim,
                           struct stage_parts *p)
{
    lbk_objective *o = NULL;
    *p = (struct stage_parts){ 0 };
    lbk_status st = lbk__objective_create(r, s, &o);
    if (st)
        return st;
    const char *before = lbk__about_memory(r->ctx, s->d.sweep ? "eval_batch" : "batch");
    st = build(r, s, optim, o, p);
    if (st || !o->g->n_output)
        lbk__objective_destroy(&o);
    else
        st = lbk__engine_create(o, &p->engine);
    lbk__about_memory(r->ctx, before);
    if (st)
        lbk__stage_close(p, NULL);
    return st;
}

void lbk__stage_close(struct stage_parts *p, struct teacher_counts *cached)
{
    lbk__teacher_close(&p->teacher, cached);
    lbk__engine_destroy(&p->engine);
    for (int i = 0; i < p->n; i++)
        lbk__loader_destroy(&p->loader[i]);
    p->n = 0;
}
