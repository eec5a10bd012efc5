/* SPDX-License-Identifier: MIT */
#include "samples.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "answer.h"
#include "answer_files.h"
#include "file.h"
#include "record.h"
#include "sheet.h"

struct samples {
    struct trainer *t;
    const struct stage *stage;
    struct source *source;
    struct answerer student;
    lbk_record *raw;
    int64_t *at; /* places in the data set */
    struct sheet sheet;
};

/* ---- what is asked ---- */

static const struct lbk_field *truth_field(const struct samples *x)
{
    const enum view_kind kind = x->sheet.kind;
    const enum lbk_kind want = kind == VIEW_SCORES  ? LBK_CLASS
                               : kind == VIEW_BOXES ? LBK_BOXES
                                                    : LBK_MAP;
    const lbk_dtype type = kind == VIEW_METRES || kind == VIEW_BOXES ? LBK_F32 : LBK_I32;
    return lbk__task_field(x->student.role->task, want, type);
}

/* The first thing that the task shows. */
static lbk_status take_answer(const struct answerer *a, const struct canvas *picture,
                              struct sheet_answer *out)
{
    const struct view *v = a->ready->view;
    struct lbk_array z;
    free(out->map.v);
    free(out->marks.at);
    *out = (struct sheet_answer){ .label = -1 };
    if (v->kind == VIEW_BOXES)
        return lbk__answerer_marks(a, v, picture, &out->marks);
    if (v->kind != VIEW_SCORES)
        return lbk__answerer_map(a, v, picture, &out->map);
    const lbk_status st = lbk_record_get(a->ready, v->array, LBK_F32, &z);
    struct share best;
    if (!st && lbk__score_shares(z.data, lbk_shape_count(z.shape), 1, &best))
        out->label = best.label, out->share = best.share;
    return st;
}

/* Every sample by one network, which is number k of the sheet. */
static lbk_status ask(struct samples *x, struct answerer *a, int k)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < x->sheet.n; i++) {
        st = lbk__data_read(x->source->data, x->at[i], x->raw);
        if (!st)
            st = lbk__answerer_run(a, x->raw);
        if (!st && !a->ready->n_view)
            return LBK_OK;
        x->sheet.kind = st ? x->sheet.kind : a->ready->view[0].kind;
        if (!st)
            st = take_answer(a, &x->sheet.sample[i].picture, &x->sheet.sample[i].answer[k]);
    }
    return st;
}

static lbk_status take_truth(struct samples *x, struct sheet_sample *s)
{
    const struct lbk_field *f = truth_field(x);
    const struct slot *slot = f ? lbk__record_find(x->raw, f->name) : NULL;
    s->label = -1;
    if (x->sheet.kind == VIEW_SCORES) {
        s->label = slot && slot->array.dtype == LBK_I32 ? *(const int32_t *) slot->array.data : -1;
        return LBK_OK;
    }
    if (x->sheet.kind == VIEW_BOXES)
        return slot ? lbk__marks_of(x->raw, f->name, 0, &s->boxes) : LBK_OK;
    lbk_status st = slot ? lbk__map_of(x->raw, f->name, x->sheet.kind, &s->truth) : LBK_OK;
    if (slot && !st && (s->truth.h != s->picture.h || s->truth.w != s->picture.w))
        st = lbk_fail(x->t->ctx, LBK_EINVAL, "samples: expected '%s' of the image's size", f->name);
    if (slot)
        return st;
    const int64_t n = s->picture.h * s->picture.w;
    s->truth = (struct map){ s->picture.h, s->picture.w, malloc((size_t) n * sizeof(float)) };
    for (int64_t i = 0; s->truth.v && i < n; i++)
        s->truth.v[i] = MAP_NONE;
    return s->truth.v ? LBK_OK : lbk_fail(x->t->ctx, LBK_ENOMEM, "samples: out of memory");
}

static lbk_status take_pictures(struct samples *x)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < x->sheet.n; i++) {
        struct sheet_sample *s = &x->sheet.sample[i];
        snprintf(s->name, sizeof s->name, "sample %" PRId64, x->at[i]);
        st = lbk__data_read(x->source->data, x->at[i], x->raw);
        if (!st)
            st = lbk__picture_of(x->raw, &s->picture);
    }
    return st;
}

static lbk_status take_truths(struct samples *x)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < x->sheet.n; i++) {
        st = lbk__data_read(x->source->data, x->at[i], x->raw);
        if (!st)
            st = take_truth(x, &x->sheet.sample[i]);
    }
    return st;
}

/* ---- opening ---- */

/* Not the place of a sample in its batch, for instance, which no picture has. */
static bool reads_picture(const struct role *r, const struct source *from)
{
    const char *reads = r->model->reads;
    const struct lbk_field *f = from->data->fields;
    while (reads && f->name && strcmp(f->name, reads))
        f++;
    return !reads || f->name;
}

static lbk_status ask_teacher(void *ud, struct role *r)
{
    struct samples *x = ud;
    struct answerer a;
    const int k = x->sheet.n_networks;
    if (r->task != x->student.role->task || k == SHEET_NETWORKS - 1 || !reads_picture(r, x->source))
        return LBK_OK;
    lbk_status st = lbk__answerer_init(x->t->run, r, x->source, &a);
    if (!st)
        st = ask(x, &a, k);
    lbk__answerer_finish(&a);
    x->sheet.network[k] = r->name;
    x->sheet.n_networks++;
    return st;
}

/* Spread evenly over the data set, the first among them. */
static lbk_status choose(struct samples *x, int64_t want)
{
    const int64_t all = x->source->data->n, n = want < all ? want : all;
    x->at = calloc((size_t) n, sizeof *x->at);
    x->sheet.sample = calloc((size_t) n, sizeof *x->sheet.sample);
    if (!x->at || !x->sheet.sample)
        return lbk_fail(x->t->ctx, LBK_ENOMEM, "samples: out of memory");
    x->sheet.n = (int) n;
    for (int64_t i = 0; i < n; i++)
        x->at[i] = i * all / n;
    return LBK_OK;
}

/* What the task shows is known from its first answer. */
static lbk_status look(struct samples *x)
{
    const int64_t rows = x->t->run->cfg->samples;
    lbk_status st = choose(x, 1);
    if (st)
        return st;
    st = take_pictures(x);
    if (!st)
        st = ask(x, &x->student, 0);
    const bool shows = !st && x->student.ready->n_view > 0;
    lbk__sheet_clear(&x->sheet.sample[0]);
    free(x->at), free(x->sheet.sample);
    x->at = NULL, x->sheet.sample = NULL, x->sheet.n = 0;
    if (st || !shows)
        return st;
    st = choose(x, x->sheet.kind == VIEW_SCORES ? 4 * rows : rows);
    if (!st)
        st = take_pictures(x);
    return st ? st : take_truths(x);
}

static lbk_status set_up(struct samples *x, struct role *student)
{
    char path[4096];
    lbk_status st = lbk__record_create(x->t->ctx, &x->raw);
    if (!st)
        st = lbk__answerer_init(x->t->run, student, x->source, &x->student);
    if (!st)
        st = look(x);
    x->sheet.classes = lbk__data_classes(x->source->data);
    if (!st && x->sheet.n)
        st = lbk__stage_teachers(x->t->run, x->stage, ask_teacher, x);
    snprintf(path, sizeof path, "%s/samples", x->t->dir);
    if (!st && x->sheet.n)
        st = lbk__mkdirs(x->t->ctx, path);
    return st;
}

lbk_status lbk__samples_open(struct trainer *t, const struct stage *s, struct role *student,
                             struct samples **out)
{
    *out = NULL;
    if (!t->dir || !t->run->cfg->samples || !student->task || !student->task->predict ||
        !student->task->draw || !lbk__image_able())
        return LBK_OK;
    struct source *source = lbk__source_get(t->run, "train", DATA_VAL);
    if (!source)
        return t->run->failed;
    if (!reads_picture(student, source)) {
        lbk_ctx_log(t->ctx, LBK_LOG_INFO, "samples: none, as model '%s' reads '%s'",
                    student->model->name, student->model->reads);
        return LBK_OK;
    }
    struct samples *x = calloc(1, sizeof *x);
    if (!x)
        return lbk_fail(t->ctx, LBK_ENOMEM, "samples: out of memory");
    *x = (struct samples){ .t = t, .stage = s, .source = source };
    const lbk_status st = set_up(x, student);
    *out = x;
    if (st || !x->sheet.n)
        lbk__samples_close(out);
    return st;
}

void lbk__samples_close(struct samples **xp)
{
    struct samples *x = *xp;
    if (!x)
        return;
    for (int i = 0; i < x->sheet.n; i++)
        lbk__sheet_clear(&x->sheet.sample[i]);
    free(x->sheet.sample);
    free(x->at);
    lbk__answerer_finish(&x->student);
    lbk__record_destroy(&x->raw);
    free(x);
    *xp = NULL;
}

/* ---- writing ---- */

static lbk_status save(struct samples *x, const struct canvas *c, int64_t epoch)
{
    char path[4096], tag[128];
    const struct trainer *t = x->t;
    const char *stage = x->stage->d.name;
    const struct image m = { c->h, c->w, 3, 8, c->data };
    const struct image_text text[] = { { "Title", x->sheet.title }, { NULL, NULL } };
    struct bytes b;
    snprintf(path, sizeof path, "%s/samples/%s_epoch_%04" PRId64 ".png", t->dir, stage, epoch);
    lbk_status st = lbk__image_encode_png(t->ctx, path, &m, text, &b);
    if (!st)
        st = lbk__file_write(t->ctx, path, b.data, b.n);
    if (!st && t->events) {
        snprintf(tag, sizeof tag, "samples/%s", stage);
        st = lbk__events_image(t->events, lbk__history_step(&t->history, t->at.step), tag, path);
    }
    snprintf(path, sizeof path, "%s/samples/latest.png", t->dir);
    if (!st)
        st = lbk__file_write(t->ctx, path, b.data, b.n);
    free(b.data);
    return st;
}

lbk_status lbk__samples_write(struct samples *x, int64_t epoch)
{
    struct canvas c;
    char title[256];
    if (!x)
        return LBK_OK;
    struct sheet s = x->sheet;
    snprintf(title, sizeof title, "%s, epoch %" PRId64 ": validation samples", x->stage->d.name,
             epoch);
    s.title = x->sheet.title = title;
    s.network[s.n_networks++] = x->student.role->name;
    lbk_status st = ask(x, &x->student, x->sheet.n_networks);
    if (!st)
        st = lbk__sheet_draw(x->t->ctx, &s, &c);
    if (!st) {
        st = save(x, &c, epoch);
        free(c.data);
    }
    x->sheet.title = NULL;
    return st;
}
