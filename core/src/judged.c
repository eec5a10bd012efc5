/* SPDX-License-Identifier: MIT */
/* Teachers, scored before anybody learns from them, and beside the student in the end. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "trainer.h"

struct judged {
    const char *role, *model;
    struct lbk_scores scores;
    struct judged *next;
};

static const struct stage *last_stage(const struct trainer *t)
{
    return &t->run->schedule->stage[t->run->schedule->n - 1];
}

/* The part that picks the student's weights; where none does, the one that the result is of. */
static enum data_split part_of(const struct trainer *t)
{
    const char *best = last_stage(t)->d.best;
    return best && !strcmp(best, "last") ? DATA_TEST : DATA_VAL;
}

/* ---- scoring ---- */

static lbk_status score(struct trainer *t, struct role *x, struct lbk_scores *out)
{
    return lbk__role_scores(t->run, x, part_of(t), NULL, out);
}

static void say(const struct trainer *t, const struct role *x, const struct lbk_scores *s)
{
    char text[512] = "";
    size_t n = 0;
    for (int i = 0; i < s->n && n < sizeof text; i++)
        n += (size_t) snprintf(text + n, sizeof text - n, "%s %s %.6g", i ? "," : "", s->at[i].name,
                               s->at[i].v);
    if (!t->run->rehearsal)
        lbk_ctx_log(t->ctx, LBK_LOG_INFO, "%s (%s): %s%s", x->name, x->model->name,
                    lbk__split_names[part_of(t)], text);
}

static bool known(const struct trainer *t, const struct role *x)
{
    for (const struct judged *j = t->judged; j; j = j->next)
        if (!strcmp(j->role, x->name))
            return true;
    return false;
}

struct judging {
    struct trainer *t;
    const struct lbk_task *task;
};

static lbk_status judge(void *ud, struct role *x)
{
    struct trainer *t = ((struct judging *) ud)->t;
    if (!x->weights || x->task != ((struct judging *) ud)->task || known(t, x))
        return LBK_OK;
    struct judged *j = lbk__arena_get(&t->run->arena, sizeof *j), **end = &t->judged;
    if (!j)
        return lbk_fail(t->ctx, LBK_ENOMEM, "role '%s': out of memory", x->name);
    *j = (struct judged){ .role = x->name, .model = x->model->name };
    const lbk_status st = score(t, x, &j->scores);
    if (st)
        return st;
    say(t, x, &j->scores);
    while (*end)
        end = &(*end)->next;
    *end = j;
    return LBK_OK;
}

static const struct score *chosen(const struct trainer *t, const struct lbk_scores *s)
{
    return lbk__scores_pick(s, part_of(t) == DATA_VAL ? last_stage(t)->d.best : NULL);
}

static void warn(const struct trainer *t, double student, const char *which)
{
    for (const struct judged *j = t->judged; j && isfinite(student); j = j->next) {
        const struct score *x = chosen(t, &j->scores);
        if (x && !lbk__score_beats(x, student))
            lbk_ctx_log(t->ctx, LBK_LOG_WARN,
                        "role '%s' is no better than %s: %s %s %.6g against %.6g", j->role, which,
                        lbk__split_names[part_of(t)], x->name, x->v, student);
    }
}

/* What a student knows that is given weights: those of a plain baseline, as a rule. */
static lbk_status judge_student(struct trainer *t, struct role *student)
{
    struct lbk_scores s;
    if (!student->weights)
        return LBK_OK;
    const lbk_status st = score(t, student, &s);
    const struct score *x = st ? NULL : chosen(t, &s);
    if (!x)
        return st;
    say(t, student, &s);
    t->student_before = x->v;
    if (!t->run->rehearsal)
        warn(t, x->v, "the weights that the student begins with");
    return LBK_OK;
}

/* ---- keeping ---- */

static void put_scores(struct json *j, const struct lbk_scores *s)
{
    lbk__json_begin(j, "scores", '{');
    for (int i = 0; i < s->n; i++)
        lbk__json_number(j, s->at[i].name, s->at[i].v);
    lbk__json_end(j, '}');
}

void lbk__judged_put(const struct trainer *t, struct json *j, double student)
{
    if (!t->judged) {
        lbk__json_raw(j, "teacher", "null");
        return;
    }
    const struct score *x = chosen(t, &t->judged->scores);
    lbk__json_begin(j, "teacher", '{');
    lbk__json_string(j, "part", lbk__split_names[part_of(t)]);
    lbk__json_string(j, "metric", x ? x->name : NULL);
    lbk__json_string(j, "better", x && x->better == LBK_LOWER ? "lower" : "higher");
    lbk__json_number(j, "student_before", t->student_before);
    lbk__json_number(j, "student", student);
    lbk__json_begin(j, "roles", '[');
    for (const struct judged *r = t->judged; r; r = r->next) {
        lbk__json_begin(j, NULL, '{');
        lbk__json_string(j, "role", r->role);
        lbk__json_string(j, "model", r->model);
        put_scores(j, &r->scores);
        lbk__json_end(j, '}');
    }
    lbk__json_end(j, ']');
    lbk__json_end(j, '}');
}

static lbk_status keep(const struct trainer *t)
{
    struct json j = { 0 };
    if (!t->dir || !t->judged)
        return LBK_OK;
    lbk__json_begin(&j, NULL, '{');
    lbk__json_string(&j, "schema", "limbeck.teacher/1");
    lbk__judged_put(t, &j, NAN);
    lbk__json_end(&j, '}');
    return lbk__save_json(t, &j, "teacher.json");
}

static bool read_role(struct trainer *t, const json_t *o, enum lbk_sense better)
{
    const char *role = json_string_value(json_object_get(o, "role")), *name;
    const char *model = json_string_value(json_object_get(o, "model"));
    struct judged *j = lbk__arena_get(&t->run->arena, sizeof *j), **end = &t->judged;
    json_t *v;
    if (!role || !model || !j)
        return false;
    *j = (struct judged){ .role = lbk__arena_str(&t->run->arena, "%s", role),
                          .model = lbk__arena_str(&t->run->arena, "%s", model) };
    json_object_foreach(json_object_get(o, "scores"), name, v)
        lbk_scores_put(&j->scores, name, better, json_number_value(v));
    while (*end)
        end = &(*end)->next;
    *end = j;
    return j->role && j->model && j->scores.n > 0;
}

/* Of a run that goes on: true when all that it knew is known again. */
static bool read_kept(struct trainer *t)
{
    char path[4096];
    size_t i;
    json_t *one;
    snprintf(path, sizeof path, "%s/teacher.json", t->dir);
    json_t *all = json_load_file(path, 0, NULL), *o = json_object_get(all, "teacher");
    const char *better = json_string_value(json_object_get(o, "better"));
    const json_t *before = json_object_get(o, "student_before");
    bool ok = better != NULL;
    json_array_foreach(json_object_get(o, "roles"), i, one) ok =
        ok && read_role(t, one, strcmp(better, "lower") ? LBK_HIGHER : LBK_LOWER);
    if (json_is_number(before))
        t->student_before = json_number_value(before);
    if (!ok)
        t->judged = NULL;
    json_decref(all);
    return ok;
}

void lbk__judged_each(const struct trainer *t,
                      void (*put)(void *ud, const char *role, const char *score, double v),
                      void *ud)
{
    for (const struct judged *j = part_of(t) == DATA_VAL ? t->judged : NULL; j; j = j->next)
        for (int i = 0; i < j->scores.n; i++)
            put(ud, j->role, j->scores.at[i].name, j->scores.at[i].v);
}

/* ---- the two moments ---- */

lbk_status lbk__judged_begin(struct trainer *t)
{
    const lbk_schedule *s = t->run->schedule;
    struct role *student = lbk__role_get(t->run, NULL, t->run->deliver, NULL, -1);
    t->student_before = NAN;
    if (!student)
        return t->run->failed;
    if (!t->run->cfg->teacher_eval || !student->task || (t->run->p->resume && read_kept(t)))
        return LBK_OK;
    struct judging all = { t, student->task };
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < s->n; i++)
        st = lbk__stage_teachers(t->run, &s->stage[i], judge, &all);
    if (!st && t->judged && t->at.stage == 0 && t->at.step == 0)
        st = judge_student(t, student);
    return st ? st : keep(t);
}

double lbk__judged_end(const struct trainer *t, const struct lbk_scores *test)
{
    const struct score *x = part_of(t) == DATA_TEST ? chosen(t, test) : NULL;
    const double student = x ? x->v : t->at.has_best ? t->at.best : NAN;
    warn(t, student, "the student that learnt from it");
    return student;
}
