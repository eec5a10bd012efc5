/* SPDX-License-Identifier: MIT */
/* Answers of a network that is there for pictures, one after the other. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "answer.h"
#include "ctx.h"
#include "answer_files.h"
#include "file.h"
#include "source.h"
#include "trainer.h"

enum { MOST_SHARES = 40, MOST_LIKELY = 5, MOST_FILES = 2 * RECORD_VIEWS };

struct predictor {
    lbk_ctx *ctx;
    const struct lbk_predict_params *p;
    const char *dir;
    struct answerer network;
    int64_t channels;                /* of what it is fed */
    const struct lbk_field *classes; /* NULL: it knows none */
    lbk_record *raw;
    struct out_file *lines;  /* NULL: of files */
    struct scoring *scoring; /* NULL: no labels */
    const char *name;        /* of the input, as files begin */
    struct arena arena;      /* of one answer */
    struct lbk_answer answer;
    const char *files[MOST_FILES];
    struct lbk_share shares[MOST_SHARES];
};

static lbk_status no_memory(const struct predictor *d)
{
    return lbk_fail(d->ctx, LBK_ENOMEM, "predict: out of memory");
}

/* ---- what is written ---- */

static const char *new_file(struct predictor *d, const char *ending)
{
    struct lbk_answer *a = &d->answer;
    const char *path = a->n_files < MOST_FILES
                           ? lbk__arena_str(&d->arena, "%s/%s_%s", d->dir, d->name, ending)
                           : NULL;
    if (path)
        d->files[a->n_files++] = path;
    return path;
}

static lbk_status write_metres(struct predictor *d, const struct map *m)
{
    const char *colours = new_file(d, "depth.png"), *values = new_file(d, "depth_mm.png");
    if (!colours || !values)
        return no_memory(d);
    lbk__map_range(m, &d->answer.lo, &d->answer.hi);
    const lbk_status st = lbk__answer_metres(d->ctx, colours, d->answer.input, m);
    return st ? st : lbk__answer_millimetres(d->ctx, values, d->answer.input, m);
}

static void put_share(struct predictor *d, int64_t label, double share)
{
    char buf[32];
    const char *name = lbk__arena_str(&d->arena, "%s", lbk__class_name(d->classes, label, buf));
    if (name && d->answer.n_classes < MOST_SHARES)
        d->shares[d->answer.n_classes++] = (struct lbk_share){ label, name, share };
}

static lbk_status write_labels(struct predictor *d, const struct map *m,
                               const struct canvas *picture)
{
    const char *colours = new_file(d, "overlay.png"), *values = new_file(d, "label.png");
    struct share s[MOST_SHARES];
    if (!colours || !values)
        return no_memory(d);
    const int n = lbk__map_shares(m, MOST_SHARES, s);
    for (int i = 0; i < n; i++)
        put_share(d, s[i].label, s[i].share);
    const lbk_status st =
        lbk__answer_overlay(d->ctx, colours, d->answer.input, picture, m, d->classes);
    return st ? st : lbk__answer_labels(d->ctx, values, d->answer.input, m, d->classes);
}

static lbk_status write_map(struct predictor *d, const struct view *v, const struct canvas *picture)
{
    struct map m;
    lbk_status st = lbk__answerer_map(&d->network, v, picture, &m);
    if (!st)
        st = v->kind == VIEW_METRES ? write_metres(d, &m) : write_labels(d, &m, picture);
    free(m.v);
    return st;
}

/* The task's boxes, if the input has them. */
static lbk_status take_truth(const struct predictor *d, struct marks *out)
{
    const struct lbk_field *f = lbk__task_field(d->network.role->task, LBK_BOXES, LBK_F32);
    *out = (struct marks){ 0 };
    return f && lbk__record_find(d->raw, f->name) ? lbk__marks_of(d->raw, f->name, 0, out) : LBK_OK;
}

static lbk_status write_boxes(struct predictor *d, const struct view *v,
                              const struct canvas *picture)
{
    const char *drawn = new_file(d, "boxes.png"), *list = new_file(d, "boxes.json");
    struct marks m = { 0 }, truth = { 0 };
    lbk_status st = drawn && list ? lbk__answerer_marks(&d->network, v, picture, &m) : no_memory(d);
    if (!st)
        st = take_truth(d, &truth);
    for (int64_t k = 0; !st && d->classes && k < d->classes->classes; k++) {
        const int64_t n = lbk__marks_count(&m, k);
        if (n)
            put_share(d, k, (double) n / (double) m.n);
    }
    d->answer.n_boxes = m.n;
    if (!st)
        st = lbk__answer_boxes(d->ctx, drawn, d->answer.input, picture, &m,
                               truth.at ? &truth : NULL, d->classes);
    if (!st)
        st = lbk__answer_boxes_json(d->ctx, list, d->answer.input, &m, d->classes);
    free(m.at);
    free(truth.at);
    return st;
}

static lbk_status tell_scores(struct predictor *d, const struct view *v)
{
    struct lbk_array a;
    struct share s[MOST_LIKELY];
    const lbk_status st = lbk_record_get(d->network.ready, v->array, LBK_F32, &a);
    const int n = st ? 0 : lbk__score_shares(a.data, lbk_shape_count(a.shape), MOST_LIKELY, s);
    for (int i = 0; i < n; i++)
        put_share(d, s[i].label, s[i].share);
    return st;
}

static lbk_status write_views(struct predictor *d)
{
    struct canvas picture;
    lbk_status st = lbk__picture_of(d->raw, &picture);
    for (int i = 0; !st && i < d->network.ready->n_view; i++) {
        const struct view *v = &d->network.ready->view[i];
        st = v->kind == VIEW_SCORES  ? tell_scores(d, v)
             : v->kind == VIEW_BOXES ? write_boxes(d, v, &picture)
                                     : write_map(d, v, &picture);
    }
    free(picture.data);
    return st;
}

/* Arrays that are no pictures: {"id": 7, "class": [3], "logits": [..]} */
static void put_line(struct out_file *f, const lbk_record *r, const struct encoder *e)
{
    char text[64];
    int n = snprintf(text, sizeof text, "{\"id\": %" PRIu64, lbk_record_id(r));
    lbk__out_add(f, text, (size_t) n);
    for (int64_t i = 0; i < r->n; i++) {
        const struct slot *s = &r->at[i];
        const int64_t count = lbk_shape_count(s->array.shape);
        if (!s->used || lbk_record_field(r, s->name) || count > 1024 || s->array.dtype == LBK_U8 ||
            lbk__encoder_made(e, s->name))
            continue;
        n = snprintf(text, sizeof text, ", \"%s\": [", s->name);
        lbk__out_add(f, text, (size_t) n);
        for (int64_t k = 0; k < count; k++) {
            const double v = s->array.dtype == LBK_I32
                                 ? ((const int32_t *) s->array.data)[k]
                                 : (double) ((const float *) s->array.data)[k];
            n = snprintf(text, sizeof text, isfinite(v) ? "%s%.9g" : "%snull", k ? ", " : "", v);
            lbk__out_add(f, text, (size_t) n);
        }
        lbk__out_add(f, "]", 1);
    }
    lbk__out_add(f, "}\n", 2);
}

/* ---- one input ---- */

static void begin_answer(struct predictor *d, const char *input, const char *name)
{
    d->name = name;
    d->answer = (struct lbk_answer){ .size = sizeof d->answer,
                                     .input = input,
                                     .files = d->files,
                                     .classes = d->shares,
                                     .lo = NAN,
                                     .hi = NAN,
                                     .n_boxes = -1 };
}

static lbk_status end_answer(struct predictor *d, lbk_status st)
{
    char error[1024];
    d->answer.status = st;
    if (st) {
        lbk_last_error(d->ctx, error, sizeof error);
        d->answer.error = error;
    }
    if (d->p->each)
        d->p->each(d->p->ud, &d->answer);
    lbk__arena_finish(&d->arena);
    d->arena = (struct arena){ NULL };
    return st;
}

/* What is said while an input is dealt with is kept, to be said with its name. */
struct hushed {
    char text[1024];
    struct lbk_ctx_params real;
};

static void hush(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct hushed *h = ud;
    if (lvl == LBK_LOG_ERROR)
        snprintf(h->text, sizeof h->text, "%s", msg);
    else if (h->real.log)
        h->real.log(h->real.log_ud, lvl, msg);
}

static lbk_status read_file(struct predictor *d, const char *path)
{
    struct image m;
    lbk_status st = lbk__image_read(d->ctx, path, IMAGE_COLOUR, &m);
    lbk__record_reset(d->raw, 0, d->network.fields);
    if (!st)
        st = lbk__source_image(d->raw, &m, d->channels);
    free(m.data);
    return st;
}

static lbk_status do_file(struct predictor *d, const char *path, const char *name)
{
    struct hushed h = { .real = d->ctx->params };
    begin_answer(d, path, name);
    d->ctx->params.log = hush, d->ctx->params.log_ud = &h;
    lbk_status st = read_file(d, path);
    if (!st)
        st = lbk__answerer_run(&d->network, d->raw);
    if (!st)
        st = write_views(d);
    d->ctx->params = h.real;
    if (st && strstr(h.text, path))
        lbk_fail(d->ctx, st, "%s", h.text);
    else if (st)
        lbk_fail(d->ctx, st, "%s: %s", path, *h.text ? h.text : "failed");
    return end_answer(d, st);
}

static lbk_status do_sample(struct predictor *d, int64_t i)
{
    char name[32], input[32];
    snprintf(name, sizeof name, "%06" PRId64, i);
    snprintf(input, sizeof input, "sample %" PRId64, i);
    begin_answer(d, input, name);
    lbk_status st = lbk__data_read(d->network.source->data, i, d->raw);
    if (!st)
        st = lbk__answerer_run(&d->network, d->raw);
    if (!st && d->scoring)
        st = lbk__scoring_add(d->scoring, d->network.ready);
    if (!st)
        st = write_views(d);
    if (!st)
        put_line(d->lines, d->network.ready, d->network.encoder);
    return end_answer(d, st);
}

/* ---- all of them ---- */

static lbk_status go_on(const struct predictor *d, int64_t done, int64_t all, double begun)
{
    const struct lbk_train_params *p = d->network.run->p;
    const struct lbk_progress g = { .size = sizeof g,
                                    .stage = "predict",
                                    .step = done,
                                    .steps = all,
                                    .seconds = lbk__now() - begun };
    return !p->progress || p->progress(p->ud, &g) ? LBK_OK : LBK_ECANCELLED;
}

/* Without folder and ending; of two that are alike one would be written over the other. */
static lbk_status name_files(const struct predictor *d, struct arena *a, const char **name)
{
    for (int i = 0; i < d->p->n_files; i++) {
        const char *path = d->p->files[i], *slash = strrchr(path, '/');
        const char *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
        const size_t n = dot && dot > base ? (size_t) (dot - base) : strlen(base);
        name[i] = lbk__arena_str(a, "%.*s", (int) n, base);
        if (!name[i])
            return no_memory(d);
        for (int k = 0; k < i; k++)
            if (!strcmp(name[i], name[k]))
                return lbk_fail(d->ctx, LBK_EINVAL,
                                "predict: expected files of different names, found %s and %s: both "
                                "would be written to %s/%s_*",
                                d->p->files[k], path, d->dir, name[i]);
    }
    return LBK_OK;
}

static lbk_status do_files(struct predictor *d)
{
    struct arena a = { NULL };
    const double begun = lbk__now();
    const char **name = lbk__arena_get(&a, (size_t) d->p->n_files * sizeof *name);
    lbk_status st = name ? name_files(d, &a, name) : no_memory(d), failed = LBK_OK;
    for (int i = 0; !st && i < d->p->n_files; i++) {
        const lbk_status one = do_file(d, d->p->files[i], name[i]);
        failed = failed ? failed : one;
        st = go_on(d, i + 1, d->p->n_files, begun);
    }
    lbk__arena_finish(&a);
    return st ? st : failed;
}

static lbk_status do_samples(struct predictor *d, struct lbk_scores *scores)
{
    struct scoring scoring = { 0 };
    struct out_file lines;
    char path[4096];
    const struct data *data = d->network.source->data;
    const double begun = lbk__now();
    snprintf(path, sizeof path, "%s/predictions.jsonl", d->dir);
    lbk_status st = lbk__data_read(data, 0, d->raw);
    if (!st && lbk__task_labelled(d->network.role->task, d->raw)) {
        d->scoring = &scoring;
        st = lbk__scoring_begin(d->network.run, d->network.role, &scoring);
    }
    const lbk_status opened = st ? st : lbk__out_begin(d->ctx, path, &lines);
    d->lines = &lines;
    st = opened;
    for (int64_t i = 0; !st && i < data->n; i++) {
        st = do_sample(d, i);
        if (!st)
            st = go_on(d, i + 1, data->n, begun);
    }
    if (!opened) {
        const lbk_status ended = lbk__out_end(&lines, !st);
        st = st ? st : ended;
    }
    return d->scoring ? lbk__scoring_end(&scoring, st, scores) : st;
}

/* ---- setting up ---- */

static lbk_status part_of(lbk_ctx *ctx, const char *name, enum data_split *out)
{
    const char *const *names = lbk__split_names;
    for (int i = 0; names[i]; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum data_split) i;
            return LBK_OK;
        }
    return lbk_fail(ctx, LBK_EINVAL, "part: expected train, val or test, got '%s'", name);
}

/* As many channels as samples have. */
static lbk_status find_channels(struct predictor *d, const struct source *s)
{
    struct lbk_array image;
    lbk_status st = lbk__data_read(s->data, 0, d->raw);
    if (!st)
        st = lbk_record_get(d->raw, "image", LBK_F32, &image);
    if (!st)
        d->channels = image.shape.d[0];
    return st;
}

static lbk_status set_up(struct predictor *d, struct run *r, const char *dir, const char *file)
{
    enum data_split part = DATA_TRAIN;
    struct role *role = lbk__run_delivered(r, dir, file);
    lbk_status st = role ? LBK_OK : r->failed;
    if (!st && d->p->n_files < 1)
        st = part_of(d->ctx, d->p->part ? d->p->part : "test", &part);
    struct source *s = st ? NULL : lbk__source_get(r, "train", part);
    if (!st && !s)
        st = r->failed;
    if (!st)
        st = lbk__record_create(d->ctx, &d->raw);
    if (!st)
        st = lbk__answerer_init(r, role, s, &d->network);
    if (!st && d->p->n_files > 0)
        st = find_channels(d, s);
    if (!st)
        d->classes = lbk__data_classes(s->data);
    return st ? st : lbk__mkdirs(d->ctx, d->dir);
}

static lbk_status predict(struct predictor *d, struct run *r, const char *dir, const char *file,
                          struct lbk_scores *scores)
{
    lbk_status st = set_up(d, r, dir, file);
    if (!st)
        st = d->p->n_files > 0 ? do_files(d) : do_samples(d, scores);
    lbk__answerer_finish(&d->network);
    lbk__record_destroy(&d->raw);
    return st;
}

/* A folder is that of a run; a file is weights, as a rule in one. */
static lbk_status find_run(lbk_ctx *ctx, const char *from, struct arena *a, const char **dir,
                           const char **file)
{
    struct stat s;
    const char *slash = strrchr(from, '/');
    if (stat(from, &s))
        return lbk_fail(ctx, LBK_ENOENT, "%s: expected the folder of a run or a file of weights",
                        from);
    *file = S_ISDIR(s.st_mode) ? NULL : from;
    *dir = !*file ? from : slash ? lbk__arena_str(a, "%.*s", (int) (slash - from), from) : ".";
    const char *config = *dir ? lbk__arena_str(a, "%s/config.yaml", *dir) : NULL;
    if (!config)
        return lbk_fail(ctx, LBK_ENOMEM, "predict: out of memory");
    if (*file && stat(config, &s))
        *dir = NULL;
    return LBK_OK;
}

lbk_status lbk_predict(lbk_ctx *ctx, const struct lbk_train_params *p,
                       const struct lbk_predict_params *what, struct lbk_progress *out)
{
    struct arena a = { NULL };
    struct lbk_train_params q = *p;
    struct run *r = NULL;
    struct lbk_scores s = { 0 };
    struct predictor *d = calloc(1, sizeof *d);
    const uint64_t seed = ctx->params.seed;
    const double begun = lbk__now();
    const char *file = NULL;
    lbk_status st = d ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "predict: out of memory");
    if (!st && (!p->out_dir || !what->from))
        st = lbk_fail(ctx, LBK_EINVAL, "predict: expected a run and a folder to write to");
    if (!st)
        st = find_run(ctx, what->from, &a, &q.resume, &file);
    if (!st && q.resume) {
        struct lbk_train_params with = q;
        st = lbk__run_settings(ctx, &with, &a, &q);
    }
    if (!st)
        st = lbk__run_open(ctx, &q, &r);
    if (!st) {
        *d = (struct predictor){ .ctx = ctx, .p = what, .dir = p->out_dir };
        st = predict(d, r, q.resume, file, &s);
    }
    lbk__run_close(&r);
    free(d);
    ctx->params.seed = seed;
    lbk__arena_finish(&a);
    return st || !out ? st : lbk__scores_tell(ctx, &s, lbk__now() - begun, out);
}
