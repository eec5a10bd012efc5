/* SPDX-License-Identifier: MIT */
/* The loop of a training stage: steps, epochs, selection, checkpoints. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "optim.h"
#include "opt.h"
#include "samples.h"
#include "trainer.h"

/* What is shown is at most so old. Looking makes a device wait for the host. */
static const double look_seconds = 0.5;

struct loop {
    struct trainer *t;
    const struct stage *s;
    struct length n;
    struct lbk_ramp lr;
    const char *optim, *best; /* best NULL: the last */
    struct stage_parts parts;
    struct role *judged; /* first trained role */
    struct evaluator *val;
    struct samples *samples;
    char (*hash)[65]; /* of frozen roles, by pass */
    const struct batch *batch[OBJ_STREAMS];
    double now_lr;
    int64_t looked; /* steps done when the values were read last; -1: never */
    double looked_at;
};

static bool carried_on(const struct trainer *t)
{
    const lbk_schedule *s = t->run->schedule;
    return t->at.stage + 1 < s->n && (s->stage[t->at.stage + 1].d.flags & LBK_STAGE_CARRY);
}

/* Does the stage go on with the selection of the one before? Not when it is picked by another
 * score. */
static bool carries_best(const struct trainer *t)
{
    const struct stage *s = &t->run->schedule->stage[t->at.stage];
    if (t->at.stage == 0 || !(s->d.flags & LBK_STAGE_CARRY))
        return false;
    const char *a = s->d.best, *b = s[-1].d.best;
    return a && b ? !strcmp(a, b) : a == b;
}

/* Steps done since the first of the stages that carry on. */
static int64_t on_clock(const struct loop *l) { return l->n.begin + l->t->at.step; }

/* ---- what the user, the stage and the run say ---- */

static lbk_status choose_lr(struct loop *l)
{
    struct run *r = l->t->run;
    const char *own = lbk__setting(r->set, "%s.lr", l->s->d.name);
    l->lr = lbk__setting(r->set, "lr") || lbk_ramp_off(l->s->d.lr) ? r->cfg->lr : l->s->d.lr;
    const char *wrong = own ? lbk__parse_ramp(&r->arena, own, strlen(own), &l->lr) : NULL;
    return wrong ? lbk_fail(r->ctx, LBK_EINVAL, "%s.lr: expected %s, got '%s'", l->s->d.name, wrong,
                            own)
                 : LBK_OK;
}

static lbk_status choose(struct loop *l)
{
    struct run *r = l->t->run;
    const char *own = lbk__setting(r->set, "%s.optim", l->s->d.name);
    l->optim = own                                               ? own
               : lbk__setting(r->set, "optim") || !l->s->d.optim ? r->cfg->optim
                                                                 : l->s->d.optim;
    l->best = l->s->d.best;
    lbk_status st = choose_lr(l);
    const char *before =
        lbk__about(r->ctx, own ? lbk__arena_str(&r->arena, "%s.optim", l->s->d.name) : "optim");
    if (!st)
        st = lbk__optim_check(r->ctx, l->optim);
    lbk__about(r->ctx, before);
    return st;
}

/* ---- frozen roles stay as they were ---- */

static bool frozen(const struct lbk_pass *p)
{
    return p->role && p->built && p->piece.kept && p->piece.net.mode != LBK_TRAINED;
}

static lbk_status hash_frozen(struct loop *l, bool check)
{
    const lbk_objective *o = l->parts.engine->o;
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < o->n_pass; i++) {
        char now[65];
        if (!frozen(o->pass[i]))
            continue;
        st = lbk__store_hash(l->t->run->store, o->pass[i]->role->path, now);
        if (!st && check && strcmp(now, l->hash[i]))
            st = lbk_fail(l->t->ctx, LBK_EINVAL,
                          "stage '%s': role '%s' is frozen, but its weights have changed",
                          l->s->d.name, o->pass[i]->name);
        memcpy(l->hash[i], now, sizeof now);
    }
    return st;
}

/* ---- selection ---- */

static lbk_status make_validation(struct loop *l)
{
    struct run *r = l->t->run;
    for (int i = 0; i < l->s->n_roles && !l->judged; i++)
        if (l->s->d.roles[i].mode == LBK_TRAINED)
            l->judged = lbk__role_get(r, l->s, l->s->d.roles[i].name, l->s->d.roles[i].model, -1);
    if (l->s->n_roles && !l->judged && r->failed)
        return r->failed;
    if (!l->judged || (l->best && !strcmp(l->best, "last")))
        return LBK_OK;
    return lbk__evaluator_create(r, l->judged, DATA_VAL, &l->val);
}

static lbk_status validate(struct loop *l, int64_t epoch)
{
    struct trainer *t = l->t;
    struct lbk_scores s;
    const double begun = lbk__now();
    if (!l->val)
        return LBK_OK;
    lbk_status st = lbk__spent(t, PHASE_EVALUATE, begun, lbk__evaluator_run(l->val, &s));
    if (st)
        return st;
    lbk__log_scores(t, "val", t->at.step, epoch, &s);
    const struct score *x = lbk__scores_pick(&s, l->best);
    if (!x)
        return lbk_fail(t->ctx, LBK_ENOENT,
                        "stage '%s': best is '%s', which no metric of the task gives", l->s->d.name,
                        l->best ? l->best : "a score");
    t->at.last = x->v, t->val_last = s;
    if (t->at.has_best && !lbk__score_beats(x, t->at.best))
        return LBK_OK;
    t->at.has_best = true, t->at.best = x->v, t->at.best_epoch = epoch;
    t->val_best = s;
    return lbk__best_keep(t->run->store, l->judged->path);
}

/* ---- the loop ---- */

static bool report(struct loop *l)
{
    const struct trainer *t = l->t;
    const struct engine *e = l->parts.engine;
    const struct lbk_train_params *p = t->run->p;
    double v[2 * OBJ_TERMS];
    const char *label[2 * OBJ_TERMS];
    if (!p->progress)
        return true;
    int n = 0;
    for (; l->looked >= 0 && n < e->o->n_label && n < 2 * OBJ_TERMS - 1; n++)
        label[n] = e->o->label[n], v[n] = e->host[n];
    if (t->at.has_best)
        label[n] = "val", v[n++] = t->at.last;
    const struct lbk_progress g = { .size = sizeof g,
                                    .stage = l->s->d.name,
                                    .step = t->at.step,
                                    .steps = l->n.steps,
                                    .lr = l->now_lr,
                                    .seconds = lbk__now() - t->begun + t->at.seconds[t->at.stage],
                                    .n = n,
                                    .labels = label,
                                    .values = v };
    return p->progress(p->ud, &g);
}

static lbk_status next_batches(struct loop *l)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < l->parts.n; i++) {
        st = lbk__loader_next(l->parts.loader[i], &l->batch[i]);
        if (!st && !l->batch[i])
            st = lbk_fail(l->t->ctx, LBK_EIO, "stage '%s': a stream has ended", l->s->d.name);
    }
    return st;
}

static struct step_now now_at(const struct loop *l, int64_t step)
{
    const double at = (double) (l->n.begin + step);
    return (
        struct step_now){ .step = l->n.begin + step,
                          .epoch_steps = (double) l->n.epoch,
                          .clock_steps = (double) l->n.clock,
                          .lr = lbk__ramp_at(l->lr, at, (double) l->n.epoch, (double) l->n.clock) };
}

static lbk_status seek(struct loop *l, int64_t step)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < l->parts.n; i++) {
        const int64_t n = lbk__loader_batches(l->parts.loader[i]);
        st = lbk__loader_seek(l->parts.loader[i], (l->n.begin + step) / n, (l->n.begin + step) % n);
    }
    return st;
}

/* The batch of that step once more; the weights are still as they were before it. */
static lbk_status blame(struct loop *l, int64_t step)
{
    const struct step_now now = now_at(l, step);
    lbk_status st = seek(l, step);
    if (!st)
        st = next_batches(l);
    if (!st)
        st = lbk__teacher_feed(l->parts.teacher, l->batch, &now, l->parts.engine);
    if (!st)
        st = lbk__engine_feed(l->parts.engine, l->batch, &now);
    return st ? st : lbk__engine_blame(l->parts.engine, now.step, l->s->d.name);
}

/* Reads the values of the last step, if that has not been done. */
static lbk_status look(struct loop *l)
{
    int64_t unsound;
    const int64_t done = l->t->at.step;
    if (l->looked == done)
        return LBK_OK;
    const lbk_status st = lbk__engine_look(l->parts.engine, &unsound);
    l->looked = done, l->looked_at = lbk__now();
    return st || !unsound ? st : blame(l, done - unsound);
}

/* With the batches that are there. */
static lbk_status advance(struct loop *l)
{
    struct trainer *t = l->t;
    struct engine *e = l->parts.engine;
    const struct step_now now = now_at(l, t->at.step);
    l->now_lr = now.lr;
    lbk_status st = lbk__teacher_feed(l->parts.teacher, l->batch, &now, e);
    if (!st)
        st = lbk__engine_run(e, l->batch, &now);
    if (st)
        return st;
    t->at.step++;
    t->at.images += l->batch[0]->count;
    const bool logged = t->at.step % t->run->cfg->log_every == 0 || t->at.step == l->n.steps;
    if (logged || l->looked < 0 || lbk__now() - l->looked_at > look_seconds)
        st = look(l);
    if (!st && logged)
        lbk__log_values(t, t->at.step, now.step / l->n.epoch, e->o->n_label, e->o->label, e->host,
                        now.lr);
    return st;
}

static lbk_status step(struct loop *l)
{
    const lbk_status st = next_batches(l);
    return st ? st : advance(l);
}

static bool falls_on(const struct loop *l, struct lbk_span span)
{
    const double every = lbk__span_steps(span, (double) l->n.epoch, (double) l->n.clock);
    return on_clock(l) % (every >= 1 ? llround(every) : 1) == 0;
}

static bool time_to_save(const struct loop *l)
{
    const struct run_cfg *c = l->t->run->cfg;
    return falls_on(l, c->checkpoint_every) ||
           (c->checkpoint_seconds && lbk__now() - l->t->saved > (double) c->checkpoint_seconds);
}

static void add_seconds(struct trainer *t)
{
    const double now = lbk__now();
    t->at.seconds[t->at.stage] += now - t->begun;
    t->begun = now;
}

/* Nothing is kept of a run that has diverged unseen. */
static lbk_status save(struct loop *l)
{
    const lbk_status st = look(l);
    add_seconds(l->t);
    lbk__teacher_flush(l->parts.teacher);
    return st ? st : lbk__spent(l->t, PHASE_SAVE, l->t->begun, lbk__save_checkpoint(l->t));
}

static lbk_status cancelled(struct loop *l)
{
    const lbk_status st = save(l);
    if (st)
        return st;
    lbk_ctx_log(l->t->ctx, LBK_LOG_INFO, "stopped in stage '%s' after step %lld", l->s->d.name,
                (long long) l->t->at.step);
    return LBK_ECANCELLED;
}

/* After the first epoch, the last, and those in between. */
static lbk_status show_samples(struct loop *l, int64_t done)
{
    const bool due =
        falls_on(l, l->t->run->cfg->samples_every) || done == l->n.epoch || done == l->n.clock;
    const double begun = lbk__now();
    const int64_t epoch = (done + l->n.epoch - 1) / l->n.epoch;
    return due ? lbk__spent(l->t, PHASE_DRAW, begun, lbk__samples_write(l->samples, epoch))
               : LBK_OK;
}

static lbk_status all_steps(struct loop *l)
{
    struct trainer *t = l->t;
    lbk_status st = seek(l, t->at.step);
    if (t->at.step == 0)
        lbk__log_stage(t, l->n.epoch);
    while (!st && t->at.step < l->n.steps) {
        st = step(l);
        const int64_t done = on_clock(l);
        const bool judged = falls_on(l, t->run->cfg->eval_every) || done == l->n.clock;
        if (!st && judged)
            st = look(l);
        if (!st && judged)
            st = validate(l, (done + l->n.epoch - 1) / l->n.epoch);
        if (!st && judged)
            st = lbk__curves_draw(t, false);
        if (!st)
            st = show_samples(l, done);
        if (!st && !report(l))
            return cancelled(l);
        if (!st && t->at.step < l->n.steps && time_to_save(l))
            st = save(l);
    }
    return st;
}

/* ---- rehearsal ---- */

static lbk_status first_step(struct loop *l, struct rehearsed *r)
{
    const struct engine *e = l->parts.engine;
    const char *before = lbk__about(l->t->ctx, "method");
    lbk_status st = seek(l, 0);
    if (!st)
        st = step(l);
    for (int i = 0; !st && i < e->o->n_label; i++)
        if (!isfinite(e->host[i]))
            st = lbk_fail(l->t->ctx, LBK_EDIVERGED, "stage '%s': term '%s' is not finite",
                          l->s->d.name, e->o->label[i]);
    lbk__about(l->t->ctx, before);
    if (!st)
        r->values =
            lbk__arena_copy(&l->t->run->arena, e->host, (size_t) e->o->n_label * sizeof *r->values);
    return st;
}

/* Another step: the first one takes longer than all that follow. */
static lbk_status measure(struct loop *l, struct rehearsed *r)
{
    const double begun = lbk__now();
    lbk_status st = next_batches(l);
    const double loaded = lbk__now();
    if (!st)
        st = advance(l);
    if (!st)
        st = look(l);
    r->load = loaded - begun, r->step = lbk__now() - loaded;
    return st;
}

static lbk_status rehearse(struct loop *l)
{
    struct trainer *t = l->t;
    struct rehearsed r = {
        .s = l->s, .parts = &l->parts, .val = l->val, .n = l->n, .lr = l->lr, .optim = l->optim
    };
    lbk__rehearsed_log(t, &r);
    lbk_status st = lbk__rehearsed_fits(t, &r);
    if (!st)
        st = first_step(l, &r);
    if (!st && t->put)
        st = measure(l, &r);
    if (!st)
        st = validate(l, 1);
    const double begun = lbk__now();
    if (!st && t->put)
        st = validate(l, 1); /* another, as of the steps */
    r.judge = lbk__now() - begun;
    if (!st)
        lbk__rehearsed_tell(t, &r);
    return st;
}

/* With what the last step left: beside the best, it belongs into the result. */
static lbk_status test_last(struct loop *l)
{
    struct trainer *t = l->t;
    const double begun = lbk__now();
    if (t->run->rehearsal || t->at.stage + 1 < t->run->schedule->n || !l->judged ||
        !l->judged->task || !t->at.has_best)
        return LBK_OK;
    return lbk__spent(t, PHASE_TEST, begun,
                      lbk__role_scores(t->run, l->judged, DATA_TEST, NULL, &t->last_test));
}

static lbk_status open_loop(struct loop *l)
{
    struct trainer *t = l->t;
    lbk_status st = choose(l);
    if (!st)
        st = lbk__stage_length(t->run, t->at.stage, &l->n);
    if (!st && t->at.step == 0 && !(l->s->d.flags & LBK_STAGE_CARRY))
        lbk__store_drop(t->run->store, lbk__is_optim);
    if (!st)
        st = lbk__stage_open(t->run, l->s, l->optim, &l->parts);
    if (!st && !l->parts.engine)
        st = lbk_fail(t->ctx, LBK_EINVAL, "stage '%s': nothing to minimise", l->s->d.name);
    if (!st)
        st = make_validation(l);
    if (!st && l->val)
        st = lbk__samples_open(t, l->s, l->judged, &l->samples);
    if (st)
        return st;
    l->hash = calloc(OBJ_PASSES, sizeof *l->hash);
    if (!l->hash)
        return lbk_fail(t->ctx, LBK_ENOMEM, "stage '%s': out of memory", l->s->d.name);
    struct lbk_exec_info info = { .size = sizeof info };
    lbk_exec_info(l->parts.engine->exec, &info);
    if (info.fallbacks > t->at.fallbacks)
        t->at.fallbacks = info.fallbacks;
    return hash_frozen(l, false);
}

lbk_status lbk__stage_train(struct trainer *t)
{
    struct loop l = { .t = t, .s = &t->run->schedule->stage[t->at.stage], .looked = -1 };
    t->begun = lbk__now();
    if (t->at.step == 0 && !carries_best(t))
        t->at.has_best = false, t->at.best_epoch = 0;
    lbk_status st = open_loop(&l);
    if (!st)
        st = t->run->rehearsal ? rehearse(&l) : all_steps(&l);
    if (!st)
        st = hash_frozen(&l, true);
    lbk__evaluator_destroy(&l.val);
    lbk__samples_close(&l.samples);
    lbk__stage_close(&l.parts, &t->cached);
    free(l.hash);
    if (!st)
        st = test_last(&l);
    if (!st && t->at.has_best && !carried_on(t))
        st = lbk__best_use(t->run->store);
    add_seconds(t);
    return st;
}
