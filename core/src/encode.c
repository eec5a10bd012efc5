/* SPDX-License-Identifier: MIT */
#include "encode.h"
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "device.h"
#include "objective.h"
#include "record.h"
#include "sample.h"

const struct lbk_field *lbk__task_field(const struct lbk_task *t, enum lbk_kind kind,
                                        lbk_dtype dtype)
{
    for (const struct lbk_field *f = t->fields; f && f->name; f++)
        if (f->kind == kind && f->dtype == dtype)
            return f;
    return NULL;
}

bool lbk__task_labelled(const struct lbk_task *t, const lbk_record *r)
{
    for (const struct lbk_field *f = t->fields; f && f->name; f++) {
        const struct slot *s = lbk__record_find(r, f->name);
        if (!s || lbk__record_kind(r, s) != f->kind)
            return false;
    }
    return true;
}

static const char *reads(const struct role *r)
{
    return r->model->reads ? r->model->reads : "image";
}

/* ---- shapes ---- */

static struct encoder_tap *find_tap(const struct encoder *e, const char *name)
{
    for (int i = 0; i < e->n; i++)
        if (!strcmp(e->tap[i].name, name))
            return &e->tap[i];
    return NULL;
}

static lbk_shape shape_of(void *ud, const char *tap)
{
    const struct encoder_tap *t = find_tap(ud, tap);
    return t ? t->shape : (lbk_shape){ 0 };
}

/* While there is one thread. */
static lbk_shape shape_first(void *ud, const char *tap)
{
    struct encoder_tap *t = find_tap(ud, tap);
    if (t)
        t->asked = true;
    return shape_of(ud, tap);
}

/* What has as many rows as the batch the network was built for has one. */
static bool take_taps(struct encoder *e, const struct net *net, int64_t batch)
{
    int n = 0;
    for (const struct tap *t = net->taps; t; t = t->next)
        n++;
    e->tap = lbk__arena_get(&e->arena, ((size_t) n + 1) * sizeof *e->tap);
    for (const struct tap *t = net->taps; e->tap && t; t = t->next) {
        struct encoder_tap *to = &e->tap[e->n++];
        *to = (struct encoder_tap){ lbk__arena_str(&e->arena, "%s", t->name), lbk_shape_of(t->v),
                                    false };
        if (!to->name)
            return false;
        if (to->shape.n && to->shape.d[0] == batch)
            to->shape.d[0] = 1;
    }
    return e->tap;
}

/* ---- making ---- */

static lbk_status encode(const struct encoder *e, lbk_record *r,
                         lbk_shape (*shape)(void *ud, const char *tap))
{
    return e->role->task->encode(r, shape, (void *) (uintptr_t) e,
                                 lbk_opts_cfg(e->role->task_opts));
}

/* The arrays that were not there before. */
static bool take_made(struct encoder *e, const lbk_record *r, const bool *before, int64_t n)
{
    e->made = lbk__arena_get(&e->arena, (size_t) (r->n + 1) * sizeof *e->made);
    for (int64_t i = 0; e->made && i < r->n; i++) {
        if (!r->at[i].used || (i < n && before[i]))
            continue;
        e->made[e->n_made] = lbk__arena_str(&e->arena, "%s", r->at[i].name);
        if (!e->made[e->n_made++])
            return false;
    }
    return e->made;
}

static lbk_status no_memory(lbk_ctx *ctx, const struct role *role)
{
    return lbk_fail(ctx, LBK_ENOMEM, "task '%s': out of memory", role->task->name);
}

static lbk_status learn(struct encoder *e, lbk_record *r)
{
    const int64_t n = r->n;
    bool *before = calloc((size_t) n + 1, sizeof *before);
    if (!before)
        return no_memory(r->ctx, e->role);
    for (int64_t i = 0; i < n; i++)
        before[i] = r->at[i].used;
    lbk_status st = encode(e, r, shape_first);
    if (!st && !take_made(e, r, before, n))
        st = no_memory(r->ctx, e->role);
    free(before);
    return st;
}

lbk_status lbk__encoder_create(lbk_ctx *ctx, const struct role *role, const struct net *net,
                               int64_t batch, lbk_record *first, struct encoder **out)
{
    *out = NULL;
    if (!role->task || !role->task->encode || !lbk__task_labelled(role->task, first))
        return LBK_OK;
    struct encoder *e = calloc(1, sizeof *e);
    const struct slot *image = lbk__record_find(first, reads(role));
    if (!e)
        return no_memory(ctx, role);
    e->role = role;
    if (image)
        e->image = image->array.shape;
    const lbk_status st = take_taps(e, net, batch) ? learn(e, first) : no_memory(ctx, role);
    if (st)
        lbk__encoder_destroy(&e);
    *out = e;
    return st;
}

void lbk__encoder_destroy(struct encoder **e)
{
    if (!*e)
        return;
    lbk__arena_finish(&(*e)->arena);
    free(*e);
    *e = NULL;
}

/* ---- using ---- */

lbk_status lbk__encoder_run(lbk_record *r, void *ud)
{
    const struct encoder *e = ud;
    const struct slot *s = lbk__record_find(r, reads(e->role));
    /* what does not fit its batch is refused there */
    if (!s || !lbk__same_shape(s->array.shape, e->image))
        return LBK_OK;
    return encode(e, r, shape_of);
}

bool lbk__encoder_made(const struct encoder *e, const char *array)
{
    for (int i = 0; e && i < e->n_made; i++)
        if (!strcmp(e->made[i], array))
            return true;
    return false;
}

const struct encoder_tap *lbk__encoder_differs(const struct encoder *e, const struct net *other)
{
    for (int i = 0; i < e->n; i++) {
        const struct encoder_tap *t = &e->tap[i];
        const struct tap *same = t->asked ? lbk__net_tap(other, t->name) : NULL;
        lbk_shape s = same ? lbk_shape_of(same->v) : (lbk_shape){ 0 };
        if (s.n)
            s.d[0] = t->shape.d[0];
        if (t->asked && !lbk__same_shape(s, t->shape))
            return t;
    }
    return NULL;
}

/* ---- of a stream ---- */

/* The role on one sample; the record and the batch outlive the objective. */
static lbk_status build(struct run *r, struct source *s, struct role *role, const lbk_record *first,
                        lbk_objective **out)
{
    struct batch_field f = { .name = reads(role) };
    const struct batch b = { .count = 1, .n = 1, .fields = &f };
    const struct slot *x = lbk__record_find(first, f.name);
    const lbk_status st = lbk__objective_create(r, NULL, out);
    if (st || !x)
        return st;
    lbk__batch_field(&x->array, 1, &f);
    f.spec = lbk_record_field(first, f.name);
    (*out)->n_stream = 1;
    (*out)->stream[0] = (struct obj_stream){ s->name, s->by, s->data->fields, &b, s->data->n };
    lbk_pass *p = lbk__objective_pass(*out, role, role->name, LBK_FROZEN, 0);
    lbk_pass_find(p, "out");
    if (p)
        lbk__pass_fields_fit(p);
    return lbk_graph_status((*out)->g);
}

static lbk_status make(struct run *r, struct source *s, struct role *role,
                       const struct loader_params *p, struct encoder **out)
{
    struct loader_params q = *p;
    lbk_objective *o = NULL;
    lbk_record *first = NULL;
    q.data = s->data, q.seed = r->ctx->params.seed; /* as the loader's first */
    lbk_status st = lbk__record_create(r->ctx, &first);
    const char *before = lbk__about(r->ctx, s->by);
    if (!st)
        st = lbk__sample_make(&q, NULL, 0, 0, first);
    lbk__about(r->ctx, before);
    if (!st && lbk__task_labelled(role->task, first))
        st = build(r, s, role, first, &o);
    before = lbk__about(r->ctx, role->by);
    if (!st && o && o->n_pass)
        st = lbk__encoder_create(r->ctx, role, &o->pass[0]->piece.net, 1, first, out);
    lbk__about(r->ctx, before);
    lbk__objective_destroy(&o);
    lbk__record_destroy(&first);
    return st;
}

lbk_status lbk__source_encoder(struct run *r, struct source *s, struct role *role,
                               struct loader_params *p)
{
    struct encoder *e = s->encoders;
    if (!role || !role->task || !role->task->encode)
        return LBK_OK;
    while (e && (e->role != role || e->of != p->pipeline))
        e = e->next;
    if (!e) {
        const lbk_status st = make(r, s, role, p, &e);
        if (st || !e)
            return st;
        e->of = p->pipeline, e->next = s->encoders;
        s->encoders = e;
    }
    p->encode = lbk__encoder_run, p->ud = e;
    return LBK_OK;
}
