/* SPDX-License-Identifier: MIT */
/* A stage that only looks: every sample of its stream once, and what the method makes of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ckpt.h>
#include "trainer.h"

struct lbk_sweep {
    struct trainer *t;
    const struct stage *s;
    void *state;
    const struct lbk_field *fields;
    int64_t seen, count;
    bool stopped;
};

lbk_ctx *lbk_sweep_ctx(const lbk_sweep *s) { return s->t->ctx; }

bool lbk_sweep_rehearsal(const lbk_sweep *s) { return s->t->run->rehearsal; }

const struct lbk_field *lbk_sweep_field(const lbk_sweep *s, const char *field)
{
    static const struct lbk_field none = { .name = "", .ignore = -1 };
    for (const struct lbk_field *f = s->fields; f && f->name; f++)
        if (!strcmp(f->name, field))
            return f;
    return &none;
}

lbk_status lbk_sweep_leave(lbk_sweep *s, const char *name, lbk_dtype t, lbk_shape shape,
                           const void *data)
{
    char path[256];
    lbk_tensor *x = NULL;
    struct run *r = s->t->run;
    snprintf(path, sizeof path, "artifact/%s", name);
    lbk_status st = lbk_tensor_create(r->device, t, shape, &x);
    if (!st)
        st = lbk_tensor_write(x, data, x->bytes);
    if (!st)
        st = lbk_store_put(r->store, path, x);
    lbk_tensor_unref(&x);
    return st;
}

static lbk_status each(void *ud, lbk_record *rec)
{
    lbk_sweep *s = ud;
    const struct lbk_train_params *p = s->t->run->p;
    const lbk_status st = s->s->d.sweep->each(s, s->s->cfg, s->state, rec);
    s->seen++;
    if (st || !p->progress || s->seen % 512)
        return st;
    const struct lbk_progress g = { .size = sizeof g,
                                    .stage = s->s->d.name,
                                    .step = s->seen,
                                    .steps = s->count,
                                    .seconds = lbk__now() - s->t->begun };
    return p->progress(p->ud, &g) ? LBK_OK : LBK_ECANCELLED;
}

static lbk_status look(lbk_sweep *s, struct stage_parts *p)
{
    struct trainer *t = s->t;
    if (p->n < 1)
        return lbk_fail(t->ctx, LBK_EINVAL, "stage '%s' has no stream", s->s->d.name);
    struct rehearsed r = { .s = s->s, .parts = p, .n.epoch = lbk__loader_batches(p->loader[0]) };
    if (t->run->rehearsal)
        lbk__rehearsed_log(t, &r);
    lbk_status st = t->run->rehearsal ? lbk__rehearsed_fits(t, &r) : LBK_OK;
    const double begun = lbk__now();
    if (!st)
        st = lbk__engine_sweep(p->engine, p->loader[0], t->run->rehearsal, each, s);
    r.step = lbk__now() - begun;
    st = s->s->d.sweep->end(s, s->s->cfg, s->state, st);
    if (!st)
        lbk__rehearsed_tell(t, &r);
    return st;
}

/* What it left also stands in the folder of the run, for later runs. */
static lbk_status keep_files(struct trainer *t)
{
    const lbk_store *s = t->run->store;
    char prefix[256] = "", path[4096];
    lbk_status st = LBK_OK;
    for (int64_t i = 0; t->dir && !st && i < s->n; i++) {
        const char *name = s->at[i].name;
        if (strncmp(name, "artifact/", 9) || !strncmp(name, prefix, *prefix ? strlen(prefix) : 1))
            continue;
        const size_t n = strcspn(name + 9, "/");
        snprintf(prefix, sizeof prefix, "artifact/%.*s/", (int) n, name + 9);
        snprintf(path, sizeof path, "%s/%.*s.safetensors", t->dir, (int) n, name + 9);
        if (name[9 + n])
            st = lbk_ckpt_save(s, path, prefix, 0, NULL);
    }
    return st;
}

lbk_status lbk__stage_sweep(struct trainer *t)
{
    const struct stage *d = &t->run->schedule->stage[t->at.stage];
    lbk_sweep s = { .t = t, .s = d };
    struct stage_parts p;
    t->begun = lbk__now();
    s.state = calloc(1, d->d.sweep->state_size + 1);
    lbk_status st = s.state ? lbk__stage_open(t->run, d, NULL, &p)
                            : lbk_fail(t->ctx, LBK_ENOMEM, "sweep: out of memory");
    if (!st) {
        struct source *x = lbk__source_get(t->run, d->d.streams[0].name, DATA_TRAIN);
        s.fields = x ? x->data->fields : NULL;
        s.count = x ? x->data->n : 0;
        st = look(&s, &p);
        lbk__stage_close(&p, NULL);
    }
    free(s.state);
    t->at.seconds[t->at.stage] += lbk__now() - t->begun;
    return st ? st : keep_files(t);
}
