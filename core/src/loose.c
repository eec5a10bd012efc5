/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loose.h"
#include "opt.h"
#include "record.h"

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

static lbk_status set_options(lbk_ctx *ctx, struct role *role, int64_t classes, int n,
                              const struct lbk_setting *options, const char *const * not )
{
    static const struct lbk_opt none[] = { LBK_OPTS_END };
    const struct lbk_model *m = role->model;
    char text[32];
    lbk_status st = lbk_opts_create(ctx, m->opts ? m->opts : none, m->cfg_size, &role->opts);
    if (!st)
        st = lbk__opts_prefix(role->opts, m->name);
    snprintf(text, sizeof text, "%lld", (long long) (classes ? classes : 10));
    if (!st && lbk__opts_has(role->opts, "classes"))
        st = lbk_opts_set(role->opts, "classes", text);
    for (int i = 0; !st && i < n; i++)
        if (!listed(not, options[i].name))
            st = lbk_opts_set(role->opts, options[i].name, options[i].value);
    return st;
}

static lbk_status set_task(struct loose *l)
{
    const void *found = NULL;
    static const struct lbk_opt none[] = { LBK_OPTS_END };
    if (!l->role.model->task)
        return LBK_OK;
    lbk_status st = lbk__registry_need(l->ctx, LBK_TASKS, l->role.model->task, &found);
    l->role.task = found;
    if (!st)
        st = lbk_opts_create(l->ctx, l->role.task->opts ? l->role.task->opts : none,
                             l->role.task->cfg_size, &l->role.task_opts);
    return st;
}

/* Of a batch; rank 0: not one shape for all samples. */
static lbk_shape shape_of_field(const struct lbk_field *f, lbk_shape image)
{
    const lbk_shape none = { 0 }, labels = LBK_SHAPE(image.d[0], image.d[2], image.d[3]),
                    measures = LBK_SHAPE(image.d[0], 1, image.d[2], image.d[3]);
    if (f->kind == LBK_CLASS)
        return LBK_SHAPE(image.d[0]);
    if (f->kind != LBK_MAP || image.n != 4)
        return none;
    return f->dtype == LBK_I32 ? labels : measures;
}

static lbk_status no_field(const struct loose *l, const char *name)
{
    return lbk_fail(l->ctx, LBK_EUNSUPPORTED, "task '%s': field '%s' cannot be made up",
                    l->role.task ? l->role.task->name : "", name);
}

/* Boxes are no field of a batch. */
static lbk_status add_field(struct loose *l, const struct lbk_field *f, lbk_shape shape,
                            int64_t classes)
{
    int n = 0;
    while (l->spec[n].name)
        n++;
    if (n == LOOSE_FIELDS || (shape.n == 0 && f->kind != LBK_BOXES))
        return no_field(l, f->name);
    l->spec[n] = *f;
    if ((f->dtype == LBK_I32 || f->kind == LBK_BOXES) && !f->classes)
        l->spec[n].classes = classes ? classes : 10;
    if (f->kind != LBK_BOXES)
        l->field[l->layout.n++] =
            (struct batch_field){ f->name, f->dtype, shape, NULL, &l->spec[n] };
    return LBK_OK;
}

/* An image and what the task of the model learns from; a model without a task has a class. */
static lbk_status describe_batch(struct loose *l, lbk_shape input, int64_t batch, int64_t classes)
{
    static const struct lbk_field image = { "image", LBK_IMAGE, LBK_F32, 0, 0 },
                                  label[] = { { "label", LBK_CLASS, LBK_I32, 0, -1 }, { NULL } };
    lbk_shape s = { input.n + 1, { batch } };
    memcpy(s.d + 1, input.d, (size_t) input.n * sizeof *s.d);
    l->layout = (struct batch){ .count = batch, .fields = l->field };
    lbk_status st = add_field(l, &image, s, 0);
    for (const struct lbk_field *f = l->role.task ? l->role.task->fields : label;
         !st && f && f->name; f++)
        st = add_field(l, f, shape_of_field(f, s), classes);
    return st;
}

lbk_status lbk__loose_open(lbk_ctx *ctx, const char *model, lbk_shape input, int64_t batch,
                           int64_t classes, enum lbk_mode mode, int n,
                           const struct lbk_setting *options, const char *const * not,
                           struct loose *l)
{
    const void *found = NULL;
    *l = (struct loose){ .ctx = ctx, .role = { .name = "model", .path = "model/" } };
    lbk_status st = lbk__registry_need(ctx, LBK_MODELS, model, &found);
    l->role.model = found;
    if (!st)
        st = set_options(ctx, &l->role, classes, n, options, not );
    if (!st)
        st = set_task(l);
    l->o = st ? NULL : calloc(1, sizeof *l->o);
    if (!st && !l->o)
        st = lbk_fail(ctx, LBK_ENOMEM, "model '%s': out of memory", model);
    if (!st)
        st = describe_batch(l, input, batch, classes);
    if (!st)
        st = lbk_graph_create(ctx, &l->o->g);
    if (st) {
        lbk__loose_close(l);
        return st;
    }
    l->o->ctx = ctx;
    l->o->n_stream = 1;
    l->o->stream[0] = (struct obj_stream){ "data", NULL, l->spec, &l->layout, batch };
    l->pass = lbk__objective_pass(l->o, &l->role, "model", mode, 0);
    lbk_pass_find(l->pass, "out");
    return lbk_graph_status(l->o->g);
}

/* ---- what a task encodes ---- */

/* Four to a row, from a quarter of the picture's sides down to a 24th. */
static bool put_boxes(lbk_record *r, const struct lbk_field *f, lbk_shape image)
{
    enum { ROW = 4, N = 12 };
    const float h = (float) image.d[1], w = (float) image.d[2];
    float *to = lbk_record_put(r, f->name, LBK_F32, LBK_SHAPE(N, 5));
    for (int i = 0; to && i < N; i++) {
        const float x = (float) (i % ROW) / ROW, y = (float) (i / ROW) / ROW,
                    side = 1.0f / (float) (ROW * (1 + i % 6));
        const float box[] = { x * w, y * h, (x + side) * w, (y + side) * h, 0 };
        memcpy(to + 5 * i, box, sizeof box);
    }
    return to;
}

/* A black picture with boxes; of what else a task encodes nothing is known. */
static lbk_status make_record(struct loose *l, lbk_shape input)
{
    lbk_status st = lbk__record_create(l->ctx, &l->record);
    if (st)
        return st;
    lbk__record_reset(l->record, 0, l->spec);
    if (!lbk_record_put(l->record, "image", LBK_F32, input))
        return LBK_ENOMEM;
    for (const struct lbk_field *f = l->spec + 1; !st && f->name; f++) {
        if (f->kind != LBK_BOXES || input.n != 3)
            st = no_field(l, f->name);
        else if (!put_boxes(l->record, f, input))
            st = LBK_ENOMEM;
    }
    return st;
}

lbk_status lbk__loose_encode(struct loose *l)
{
    if (!l->role.task || !l->role.task->encode)
        return LBK_OK;
    const lbk_shape batch = l->field[0].shape;
    lbk_shape input = { batch.n - 1, { 0 } };
    memcpy(input.d, batch.d + 1, (size_t) input.n * sizeof *input.d);
    lbk_status st = make_record(l, input);
    if (!st)
        st = lbk__encoder_create(l->ctx, &l->role, &l->pass->piece.net, l->layout.count, l->record,
                                 &l->encoder);
    for (int i = 0; !st && l->encoder && i < l->encoder->n_made; i++) {
        const char *name = l->encoder->made[i];
        if (l->layout.n == LOOSE_FIELDS)
            return no_field(l, name);
        struct batch_field *f = &l->field[l->layout.n++];
        lbk__batch_field(&lbk__record_find(l->record, name)->array, l->layout.count, f);
        f->name = name;
    }
    l->o->stream[0].encoder = l->encoder;
    return st;
}

const void *lbk__loose_row(const struct loose *l, const char *input)
{
    for (int i = 0; i < l->layout.n; i++)
        if (!strncmp(input, "data/", 5) && !strcmp(input + 5, l->field[i].name))
            return l->field[i].data;
    return NULL;
}

lbk_pass *lbk__loose_teacher(struct loose *l, const char *model, int64_t classes, int n,
                             const struct lbk_setting *options)
{
    const void *found = NULL;
    l->teacher = (struct role){ .name = "teacher", .path = "teacher/" };
    lbk_status st = lbk__registry_need(l->ctx, LBK_MODELS, model, &found);
    l->teacher.model = found;
    if (!st)
        st = set_options(l->ctx, &l->teacher, classes, n, options, NULL);
    if (st)
        lbk_graph_fail(l->o->g, st, "teacher '%s': not to be had", model);
    lbk_pass *p = st ? NULL : lbk__objective_pass(l->o, &l->teacher, "teacher", LBK_FROZEN, 0);
    if (p)
        p->piece.net.settled = true;
    return p;
}

void lbk__loose_close(struct loose *l)
{
    lbk_opts_destroy(&l->teacher.opts);
    lbk__encoder_destroy(&l->encoder);
    lbk__record_destroy(&l->record);
    lbk__objective_destroy(&l->o);
    lbk_opts_destroy(&l->role.opts);
    lbk_opts_destroy(&l->role.task_opts);
}
