/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include <limbeck/ctx.h>

lbk_status lbk__answerer_init(struct run *r, struct role *role, struct source *source,
                              struct answerer *a)
{
    static const struct lbk_field places[] = { { "@column", LBK_MAP, LBK_F32, 1, -1 },
                                               { "@row", LBK_MAP, LBK_F32, 1, -1 } };
    const struct lbk_field *f = source->data->fields;
    size_t n = 0;
    while (f[n].name)
        n++;
    *a = (struct answerer){ .run = r, .role = role, .source = source };
    const char *reads = role->model->reads;
    a->fed[0] = (struct batch_field){ .name = "image" };
    a->fed[1] = (struct batch_field){ .name = reads };
    a->batch = (struct batch){ .count = 1, .fields = a->fed, .records = &a->ready };
    a->batch.n = reads && strcmp(reads, "image") ? 2 : 1;
    a->fields = calloc(n + 3, sizeof *a->fields);
    if (!a->fields)
        return lbk_fail(r->ctx, LBK_ENOMEM, "answer: out of memory");
    memcpy(a->fields, f, n * sizeof *f);
    memcpy(a->fields + n, places, sizeof places);
    return lbk__record_create(r->ctx, &a->ready);
}

void lbk__answerer_finish(struct answerer *a)
{
    lbk__engine_destroy(&a->engine);
    lbk__encoder_destroy(&a->encoder);
    lbk__record_destroy(&a->ready);
    free(a->fields);
    *a = (struct answerer){ 0 };
}

/* ---- where the answer lies ---- */

/* Each pixel's column and row go through the transforms with it. */
static lbk_status put_places(lbk_record *r, int64_t *high, int64_t *wide)
{
    struct lbk_array image;
    const lbk_status st = lbk_record_get(r, "image", LBK_F32, &image);
    if (st)
        return st;
    if (image.shape.n != 3)
        return lbk_fail(r->ctx, LBK_EINVAL, "answer: expected an image, found %d axes",
                        image.shape.n);
    const int64_t h = *high = image.shape.d[1], w = *wide = image.shape.d[2];
    float *column = lbk__record_room(r, "@column", LBK_F32, LBK_SHAPE(1, h, w));
    float *row = lbk__record_room(r, "@row", LBK_F32, LBK_SHAPE(1, h, w));
    for (int64_t i = 0; column && row && i < h * w; i++)
        column[i] = (float) (i % w), row[i] = (float) (i / w);
    return column && row ? LBK_OK : LBK_ENOMEM;
}

/* What is nearly an edge of the picture is meant to be it: of a place the pixel is known, not where
 * in it. */
static double snap(double at, double side)
{
    const double near = 0.75;
    return fabs(at) <= near ? 0 : fabs(at - side) <= near ? side : at;
}

/* From the places of n pixels in a row, which are `far` numbers apart, to where the row begins and
 * ends; those below 0 lie beyond the picture. */
static void edges(const float *at, int64_t n, int64_t far, double side, double out[2])
{
    int64_t first = 0, last = n - 1;
    while (first < last && at[first * far] < 0)
        first++;
    while (last > first && at[last * far] < 0)
        last--;
    const double a = (double) at[first * far], b = (double) at[last * far];
    const double few = last > first ? (b - a) / (double) (last - first) : side / (double) n;
    const double lo = snap(a + 0.5 - 0.5 * few, side), hi = snap(b + 0.5 + 0.5 * few, side),
                 step = (hi - lo) / (double) (last - first + 1);
    out[0] = lo - (double) first * step;
    out[1] = out[0] + (double) n * step;
}

static lbk_status find_frame(struct answerer *a, int64_t h, int64_t w)
{
    struct lbk_array column, row;
    double x[2], y[2];
    lbk_status st = lbk_record_get(a->ready, "@column", LBK_F32, &column);
    if (!st)
        st = lbk_record_get(a->ready, "@row", LBK_F32, &row);
    if (st)
        return st;
    const int64_t high = column.shape.d[1], wide = column.shape.d[2];
    edges((const float *) column.data + high / 2 * wide, wide, 1, (double) w, x);
    edges((const float *) row.data + wide / 2, high, wide, (double) h, y);
    a->frame = (struct frame){ x[0], y[0], x[1], y[1] };
    return LBK_OK;
}

/* ---- the answer ---- */

static lbk_status copy_arrays(const lbk_record *from, lbk_record *to)
{
    for (int64_t i = 0; i < from->n; i++) {
        const struct slot *s = &from->at[i];
        size_t bytes = 0;
        if (!s->used || !lbk__shape_bytes(s->array.dtype, s->array.shape, &bytes))
            continue;
        void *p = lbk__record_room(to, s->name, s->array.dtype, s->array.shape);
        if (!p)
            return LBK_ENOMEM;
        memcpy(p, s->array.data, bytes);
    }
    return LBK_OK;
}

static lbk_status prepare(struct answerer *a, const lbk_record *raw)
{
    const struct pipeline *still = a->source->still;
    int64_t h = 0, w = 0;
    lbk__record_reset(a->ready, raw->id, a->fields);
    a->ready->origin = raw->origin;
    lbk_status st = copy_arrays(raw, a->ready);
    if (!st)
        st = put_places(a->ready, &h, &w);
    if (!st)
        st = lbk__pipeline_run(still, 0, still->n, a->ready, 0);
    return st ? st : find_frame(a, h, w);
}

static lbk_status take(struct answerer *a, struct batch_field *f, bool *same)
{
    const struct slot *s = lbk__record_find(a->ready, f->name);
    if (!s)
        return lbk_fail(a->run->ctx, LBK_EINVAL, "model '%s' reads '%s', which a picture has not",
                        a->role->model->name, f->name);
    const lbk_shape before = f->shape;
    lbk__batch_field(&s->array, 1, f);
    *same = *same && lbk__same_shape(f->shape, before);
    f->spec = lbk_record_field(a->ready, f->name);
    return LBK_OK;
}

static lbk_status feed(struct answerer *a)
{
    bool same = a->engine != NULL;
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < a->batch.n; i++)
        st = take(a, &a->fed[i], &same);
    if (st || same)
        return st;
    lbk__engine_destroy(&a->engine);
    lbk__encoder_destroy(&a->encoder);
    const struct obj_stream stream = { "eval", a->source->by, a->source->data->fields, &a->batch,
                                       0 };
    return lbk__answers_create(a->run, a->role, &stream, &a->engine);
}

/* As in an evaluation, if the truth is there: what judges may look at it. */
static lbk_status encode(struct answerer *a)
{
    if (a->encoder)
        return lbk__task_labelled(a->role->task, a->ready) ? lbk__encoder_run(a->ready, a->encoder)
                                                           : LBK_OK;
    return lbk__encoder_create(a->run->ctx, a->role, &a->engine->o->pass[0]->piece.net, 1, a->ready,
                               &a->encoder);
}

static lbk_status draw(struct answerer *a)
{
    const struct lbk_task *t = a->role->task;
    return t->draw ? t->draw(a->ready, lbk_opts_cfg(a->role->task_opts)) : LBK_OK;
}

lbk_status lbk__answerer_run(struct answerer *a, const lbk_record *raw)
{
    const struct batch *batch = &a->batch;
    const struct step_now now = { .step = 0 };
    lbk_status st = prepare(a, raw);
    if (!st)
        st = feed(a);
    if (!st)
        st = encode(a);
    if (!st)
        st = lbk__engine_run(a->engine, &batch, &now);
    if (!st)
        st = lbk__engine_rows(a->engine, batch);
    if (!st)
        st = lbk__answer_post(a->role, a->ready);
    return st ? st : draw(a);
}

lbk_status lbk__answerer_map(const struct answerer *a, const struct view *v,
                             const struct canvas *picture, struct map *out)
{
    struct map m;
    *out = (struct map){ .h = picture->h, .w = picture->w };
    lbk_status st = lbk__map_of(a->ready, v->array, v->kind, &m);
    if (!st)
        st = lbk__map_place(a->run->ctx, &m, v->kind, &a->frame, out);
    free(m.v);
    return st;
}

lbk_status lbk__answerer_marks(const struct answerer *a, const struct view *v,
                               const struct canvas *picture, struct marks *out)
{
    struct lbk_array image;
    lbk_status st = lbk__marks_of(a->ready, v->array, v->least, out);
    if (!st)
        st = lbk_record_get(a->ready, "image", LBK_F32, &image);
    if (!st)
        lbk__marks_place(out, image.shape.d[1], image.shape.d[2], &a->frame, picture);
    return st;
}
