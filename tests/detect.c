/* SPDX-License-Identifier: MIT */
/* The host part of task detect and its metrics, against numbers of other code
 * (tests/ref/make_detect.py). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limbeck/plugin.h>
#include "evaluate.h"
#include "record.h"
#include "safetensors.h"
#include "testing.h"

static lbk_ctx *ctx;
static struct st_file golden;
static lbk_record *record;
static const struct lbk_task *task;

static int start(void **state)
{
    const void *found = NULL;
    ctx = testing_ctx();
    if (!ctx || lbk__registry_need(ctx, LBK_TASKS, "detect", &found))
        return -1;
    task = found;
    return lbk__st_open(ctx, LBK_TEST_REF "/detect.safetensors", &golden) ||
           lbk__record_create(ctx, &record);
}

static int stop(void **state)
{
    lbk__record_destroy(&record);
    lbk__st_close(&golden);
    lbk_ctx_destroy(&ctx);
    return 0;
}

/* ---- what the file has ---- */

static const struct st_tensor *find(const char *of, const char *name)
{
    char key[96];
    snprintf(key, sizeof key, "%s/%s", of, name);
    return lbk__st_find(&golden, key);
}

/* *n: how many numbers. */
static void *take(const char *of, const char *name, size_t width, int64_t *n)
{
    const struct st_tensor *t = find(of, name);
    if (!t)
        fail_msg("%s has no %s", of, name);
    void *v = malloc((size_t) (t->end - t->begin) + 1);
    assert_int_equal(lbk__st_read(&golden, t, v), LBK_OK);
    *n = (int64_t) ((size_t) (t->end - t->begin) / width);
    return v;
}

static void put(const char *name, lbk_dtype t, lbk_shape s, const void *v)
{
    void *to = lbk_record_put(record, name, t, s);
    assert_non_null(to);
    memcpy(to, v, 4 * (size_t) lbk_shape_count(s));
}

static struct lbk_field fields[2] = { { "boxes", LBK_BOXES, LBK_F32, 3, 0 }, { NULL } };

static void fresh(uint64_t id, int64_t classes)
{
    fields[0].classes = classes;
    lbk__record_reset(record, id, fields);
}

/* ---- average precision ---- */

static const struct lbk_metric *metric(const char *name)
{
    const void *found = NULL;
    assert_int_equal(lbk__registry_need(ctx, LBK_METRICS, name, &found), LBK_OK);
    return found;
}

static double score(const struct lbk_scores *s, const char *name)
{
    const struct score *x = lbk__scores_pick(s, name);
    return x ? x->v : -1;
}

struct set {
    int64_t n, unused;
    int32_t *rows, *crowd;
    float *boxes, *area, *to, *found;
};

static void open_set(const char *name, struct set *s)
{
    *s = (struct set){ 0 };
    s->rows = take(name, "rows", 8, &s->n);
    s->boxes = take(name, "boxes", 4, &s->unused);
    s->found = take(name, "found", 4, &s->unused);
    if (!find(name, "area"))
        return;
    s->area = take(name, "area", 4, &s->unused);
    s->crowd = take(name, "crowd", 4, &s->unused);
    s->to = take(name, "to", 4, &s->unused);
}

static void judge_set(const char *name, int64_t classes, const struct lbk_metric *m, void *state)
{
    struct set s;
    open_set(name, &s);
    int64_t box = 0, found = 0;
    for (int64_t i = 0; i < s.n; i++) {
        const int64_t n = s.rows[2 * i], k = s.rows[2 * i + 1];
        fresh((uint64_t) i, classes);
        put("boxes", LBK_F32, LBK_SHAPE(n, 5), s.boxes + 5 * box);
        put("found", LBK_F32, LBK_SHAPE(k, 6), s.found + 6 * found);
        if (s.area) {
            put("boxes_area", LBK_F32, LBK_SHAPE(n), s.area + box);
            put("boxes_crowd", LBK_I32, LBK_SHAPE(n), s.crowd + box);
            float place[6] = { 0 };
            memcpy(place, s.to + 4 * i, 4 * sizeof *place);
            put("to_original", LBK_F32, LBK_SHAPE(6), place);
        }
        assert_int_equal(m->add(ctx, NULL, state, record), LBK_OK);
        box += n, found += k;
    }
    free(s.rows), free(s.crowd), free(s.boxes), free(s.area), free(s.to), free(s.found);
}

static void near(const char *of, const char *what, double want, double got)
{
    if (!(fabs(want - (isnan(got) ? -1 : got)) <= 1e-6))
        fail_msg("%s: %s: expected %.9f, found %.9f", of, what, want, got);
}

static void check_set(const char *name, int64_t classes)
{
    static const char *const column[] = {
        "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"
    };
    const struct lbk_metric *m = metric("coco");
    void *state = calloc(1, m->state_size);
    struct arena keep = { NULL };
    struct lbk_scores out = { .keep = &keep };
    int64_t n;
    judge_set(name, classes, m, state);
    assert_int_equal(m->end(ctx, NULL, state, &out), LBK_OK);
    double *want = take(name, "scores", 8, &n), *each = take(name, "each", 8, &n);
    assert_int_equal(out.n_table, 1);
    assert_int_equal(out.table[0].columns, 7);
    for (int i = 0; i < 6; i++) {
        near(name, column[i], want[i], score(&out, column[i]));
        for (int64_t k = 0; k < classes; k++)
            near(name, "a class", each[6 * k + i], out.table[0].v[7 * k + i]);
    }
    free(want), free(each), free(state);
    lbk__arena_finish(&keep);
}

static void precision_is_that_of_coco(void **state)
{
    int n = 0;
    for (int64_t i = 0; i < golden.n_meta; i++) {
        if (strncmp(golden.meta[i].key, "coco/", 5))
            continue;
        check_set(golden.meta[i].key, atoll(golden.meta[i].value));
        n++;
    }
    assert_true(n >= 8);
}

/* ---- matches ---- */

/* From "base=4 pos=0.5". */
static lbk_opts *options(const char *text)
{
    char copy[256];
    lbk_opts *o;
    assert_int_equal(lbk_opts_create(ctx, task->opts, task->cfg_size, &o), LBK_OK);
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = 0;
        assert_int_equal(lbk_opts_set(o, word, equals + 1), LBK_OK);
    }
    return o;
}

struct cells {
    const int32_t *level; /* number, rows, columns of each */
    int64_t n, anchors, classes;
};

static lbk_shape shape(void *ud, const char *tap)
{
    const struct cells *cells = ud;
    for (int64_t i = 0; i < cells->n; i++) {
        const int32_t *l = cells->level + 3 * i;
        char cls[16], box[16];
        snprintf(cls, sizeof cls, "cls/%d", l[0]);
        snprintf(box, sizeof box, "box/%d", l[0]);
        if (!strcmp(tap, cls))
            return LBK_SHAPE(1, cells->anchors * cells->classes, l[1], l[2]);
        if (!strcmp(tap, box))
            return LBK_SHAPE(1, cells->anchors * 4, l[1], l[2]);
    }
    return (lbk_shape){ 0 };
}

struct matches {
    int32_t *levels, *cls, *hits;
    float *delta;
    int64_t n, n_hits;
};

/* at: of the first anchor of the level; hit: of its first hit. */
static int64_t check_level(const char *name, const struct matches *m, const int32_t *l,
                           int64_t anchors, int64_t at, int64_t hit)
{
    char key[32];
    struct lbk_array cls, box;
    const int64_t cells = (int64_t) l[1] * l[2];
    snprintf(key, sizeof key, "anchor_class/%d", l[0]);
    assert_int_equal(lbk_record_get(record, key, LBK_I32, &cls), LBK_OK);
    snprintf(key, sizeof key, "anchor_box/%d", l[0]);
    assert_int_equal(lbk_record_get(record, key, LBK_F32, &box), LBK_OK);
    assert_int_equal(lbk_shape_count(box.shape), 4 * anchors * cells);
    for (int64_t i = 0; i < anchors * cells; i++) {
        const int32_t got = ((const int32_t *) cls.data)[i];
        if (got != m->cls[at + i])
            fail_msg("%s: level %d, anchor %d: expected class %d, found %d", name, l[0], (int) i,
                     m->cls[at + i], got);
        const float *d = (const float *) box.data + i / cells * 4 * cells + i % cells;
        const bool is = hit < m->n_hits && m->hits[hit] == at + i;
        assert_int_equal(is, got >= 0);
        for (int k = 0; k < 4; k++)
            assert_true(fabsf(d[k * cells] - (is ? m->delta[4 * hit + k] : 0)) < 1e-5F);
        hit += is;
    }
    return hit;
}

static void check_match(const char *name, const char *text)
{
    int64_t n_level, n_box, hit = 0, at = 0, unused;
    struct matches m;
    m.levels = take(name, "levels", 12, &n_level), m.cls = take(name, "cls", 4, &m.n);
    m.hits = take(name, "hits", 4, &m.n_hits), m.delta = take(name, "delta", 4, &unused);
    float *boxes = take(name, "boxes", 20, &n_box);
    int32_t *crowd = take(name, "crowd", 4, &unused);
    lbk_opts *o = options(text);
    const int64_t anchors = strstr(text, "ratios=1:3") ? 4 : 9;
    struct cells cells = { m.levels, n_level, anchors, 3 };
    fresh(0, 3);
    put("boxes", LBK_F32, LBK_SHAPE(n_box, 5), boxes);
    put("boxes_crowd", LBK_I32, LBK_SHAPE(n_box), crowd);
    assert_int_equal(task->encode(record, shape, &cells, lbk_opts_cfg(o)), LBK_OK);
    for (int64_t i = 0; i < n_level; i++) {
        const int32_t *l = m.levels + 3 * i;
        hit = check_level(name, &m, l, anchors, at, hit);
        at += anchors * l[1] * l[2];
    }
    assert_int_equal(at, m.n);
    assert_int_equal(hit, m.n_hits);
    lbk_opts_destroy(&o);
    free(m.levels), free(m.cls), free(m.hits), free(m.delta), free(boxes), free(crowd);
}

static void anchors_match(void **state)
{
    int n = 0;
    for (int64_t i = 0; i < golden.n_meta; i++)
        if (!strncmp(golden.meta[i].key, "match/", 6)) {
            check_match(golden.meta[i].key, golden.meta[i].value);
            n++;
        }
    assert_true(n >= 6);
}

/* ---- answers ---- */

static void put_answer(const char *name)
{
    int64_t n;
    float *levels = take(name, "levels", 12, &n), *scores, *deltas;
    put("levels", LBK_F32, LBK_SHAPE(n, 3), levels);
    scores = take(name, "scores", 4, &n);
    put("scores", LBK_F32, LBK_SHAPE(n), scores);
    deltas = take(name, "deltas", 4, &n);
    put("deltas", LBK_F32, LBK_SHAPE(n), deltas);
    int32_t *side = take(name, "picture", 4, &n);
    assert_non_null(lbk_record_put(record, "image", LBK_F32, LBK_SHAPE(3, side[0], side[1])));
    free(levels), free(scores), free(deltas), free(side);
}

static void check_found(const char *name, const char *text)
{
    int64_t n;
    struct lbk_array found;
    lbk_opts *o = options(text);
    float *want = take(name, "found", 24, &n);
    fresh(0, 3);
    put_answer(name);
    assert_int_equal(task->post(record, lbk_opts_cfg(o)), LBK_OK);
    assert_int_equal(lbk_record_get(record, "found", LBK_F32, &found), LBK_OK);
    assert_int_equal(found.shape.d[0], n);
    for (int64_t i = 0; i < 6 * n; i++)
        if (fabsf(want[i] - ((const float *) found.data)[i]) > 1e-4F)
            fail_msg("%s: box %d: expected %g, found %g", name, (int) i / 6, (double) want[i],
                     (double) ((const float *) found.data)[i]);
    lbk_opts_destroy(&o);
    free(want);
}

static void boxes_are_found(void **state)
{
    int n = 0;
    for (int64_t i = 0; i < golden.n_meta; i++)
        if (!strncmp(golden.meta[i].key, "found/", 6)) {
            check_found(golden.meta[i].key, golden.meta[i].value);
            n++;
        }
    assert_true(n >= 3);
}

/* The network's picture is 77 x 59, of which 60 x 40 are of the original, one and a half times as
 * large and turned over. */
static void boxes_stay_in_the_picture(void **state)
{
    const float place[] = { -1.5F, 1.5F, 90, 0, 90, 60 };
    struct lbk_array found;
    lbk_opts *o = options("base=4 score=0.05");
    fresh(0, 3);
    put_answer("found/few");
    put("to_original", LBK_F32, LBK_SHAPE(6), place);
    assert_int_equal(task->post(record, lbk_opts_cfg(o)), LBK_OK);
    assert_int_equal(lbk_record_get(record, "found", LBK_F32, &found), LBK_OK);
    float most[2] = { 0 };
    for (int64_t i = 0; i < found.shape.d[0]; i++)
        for (int k = 0; k < 2; k++)
            most[k] = fmaxf(most[k], ((const float *) found.data)[6 * i + 2 + k]);
    assert_true(most[0] == 60 && most[1] == 40);
    lbk_opts_destroy(&o);
}

static void what_anchors_reach_is_counted(void **state)
{
    const struct lbk_metric *m = metric("anchors");
    void *sum = calloc(1, m->state_size);
    struct lbk_scores out = { 0 };
    struct lbk_array reached;
    int64_t n, n_box;
    float *boxes = take("match/random", "boxes", 20, &n_box);
    int32_t *want = take("match/random", "reached", 4, &n), all = 0;
    lbk_opts *o = options("base=2.5");
    const float levels[] = { 3, 16, 20, 4, 8, 10, 5, 4, 5 };
    const int64_t anchors = 9 * (16 * 20 + 8 * 10 + 4 * 5);
    fresh(0, 3);
    put("levels", LBK_F32, LBK_SHAPE(3, 3), levels);
    assert_non_null(lbk_record_put(record, "scores", LBK_F32, LBK_SHAPE(3 * anchors)));
    assert_non_null(lbk_record_put(record, "deltas", LBK_F32, LBK_SHAPE(4 * anchors)));
    assert_non_null(lbk_record_put(record, "image", LBK_F32, LBK_SHAPE(3, 128, 160)));
    put("boxes", LBK_F32, LBK_SHAPE(n_box, 5), boxes);
    assert_int_equal(task->post(record, lbk_opts_cfg(o)), LBK_OK);
    assert_int_equal(lbk_record_get(record, "boxes_reached", LBK_I32, &reached), LBK_OK);
    for (int64_t i = 0; i < n_box; i++) {
        assert_int_equal(want[i], ((const int32_t *) reached.data)[i]);
        all += want[i];
    }
    assert_true(all > 0 && all < n_box);
    assert_int_equal(m->add(ctx, NULL, sum, record), LBK_OK);
    assert_int_equal(m->end(ctx, NULL, sum, &out), LBK_OK);
    near("anchors", "reached", (double) all / (double) n_box, score(&out, "reached"));
    lbk_opts_destroy(&o);
    free(boxes), free(want), free(sum);
}

/* ---- what does not fit ---- */

static const int32_t two[] = { 3, 16, 16, 4, 8, 8 };

static void refuse(struct cells cells, const char *text, const float box[5], const char *what)
{
    char said[512];
    lbk_opts *o = options(text);
    fresh(5, 3);
    put("boxes", LBK_F32, LBK_SHAPE(box ? 1 : 0, 5), box ? box : (const float[5]){ 0 });
    assert_int_equal(task->encode(record, shape, &cells, lbk_opts_cfg(o)), LBK_EINVAL);
    lbk_last_error(ctx, said, sizeof said);
    if (!strstr(said, what))
        fail_msg("expected '%s', found '%s'", what, said);
    lbk_opts_destroy(&o);
}

static void misfits_are_refused(void **state)
{
    const struct cells good = { two, 2, 9, 3 }, none = { two, 0, 9, 3 }, eight = { two, 2, 8, 3 };
    const float class[] = { 1, 1, 9, 9, 3 }, half[] = { 1, 1, 9, 9, -0.5F },
                nan[] = { 1, 1, NAN, 9, 0 };
    refuse(good, "", class, "sample 5: box 0 is of class 3, the network has 3");
    refuse(good, "", half, "sample 5: box 0 is of class -0.5");
    refuse(good, "", nan, "expected numbers, found nan");
    refuse(none, "", NULL, "taps 'cls/3' and 'box/3'");
    refuse(eight, "", NULL, "a divisor of the network's 8 anchors to a cell, found 3 ratios");
    refuse(good, "octaves=2", NULL, "detect.octaves: expected 3");
    refuse(good, "pos=0.3", NULL, "detect.neg: expected at most detect.pos, 0.3, found 0.4");
}

static void no_boxes_cannot_be_judged(void **state)
{
    const struct lbk_metric *m = metric("coco");
    void *c = calloc(1, m->state_size);
    struct lbk_scores out = { 0 };
    fresh(0, 2);
    put("boxes", LBK_F32, LBK_SHAPE(0, 5), "");
    put("found", LBK_F32, LBK_SHAPE(1, 6), (const float[]){ 0, 0, 4, 4, 0.5F, 1 });
    assert_int_equal(m->add(ctx, NULL, c, record), LBK_OK);
    assert_int_equal(m->end(ctx, NULL, c, &out), LBK_EINVAL);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precision_is_that_of_coco),
        cmocka_unit_test(anchors_match),
        cmocka_unit_test(boxes_are_found),
        cmocka_unit_test(boxes_stay_in_the_picture),
        cmocka_unit_test(what_anchors_reach_is_counted),
        cmocka_unit_test(misfits_are_refused),
        cmocka_unit_test(no_boxes_cannot_be_judged),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
