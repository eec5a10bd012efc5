/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ctx.h"
#include "curves.h"
#include "file.h"
#include "page.h"
#include "trainer.h"

const char *lbk__page_setting(const struct page_run *r, const char *name)
{
    for (int i = 0; i < r->n_setting; i++)
        if (!strcmp(r->setting[i].name, name))
            return r->setting[i].value;
    return "";
}

static bool is_there(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return !access(path, F_OK);
}

/* What an older run does not have is left out. */
static json_t *read_json(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return json_load_file(path, 0, NULL);
}

static void read_levels(struct page_run *r)
{
    const json_t *t = json_object_get(r->teacher, "teacher");
    json_t *role, *v;
    const char *name;
    size_t i;
    if (strcmp(lbk__json_text(t, "part"), "val"))
        return;
    json_array_foreach(json_object_get(t, "roles"), i, role)
        json_object_foreach(json_object_get(role, "scores"), name, v) if (r->n_level < PAGE_LEVELS)
            r->level[r->n_level++] =
        (struct level){ lbk__json_text(role, "role"), name, json_number_value(v) };
}

static void name_run(struct page_run *r)
{
    char method[128];
    const bool plain = !strcmp(lbk__page_setting(r, "plain"), "yes");
    snprintf(method, sizeof method, "%s%s", lbk__page_setting(r, "method"),
             plain ? " (plain: distillation off)" : "");
    lbk__curves_title(method, lbk__page_setting(r, "model"), lbk__page_setting(r, "data"),
                      lbk__page_setting(r, "seed"), r->title, sizeof r->title);
    lbk__curves_subtitle(&r->history, r->subtitle, sizeof r->subtitle);
}

lbk_status lbk__page_read(lbk_ctx *ctx, const char *dir, json_t *result, struct page_run *r)
{
    char path[4096];
    *r = (struct page_run){ .dir = dir, .result = json_incref(result) };
    lbk_status st = lbk__save_settings(ctx, dir, &r->arena, &r->n_setting, &r->setting);
    if (!st && !result && is_there(dir, "result.json"))
        st = lbk__result_read(ctx, dir, &r->result);
    snprintf(path, sizeof path, "%s/metrics.csv", dir);
    if (!st && is_there(dir, "metrics.csv"))
        st = lbk__history_read(ctx, path, -1, &r->history);
    if (st)
        return st;
    r->env = read_json(dir, "env.json");
    r->teacher = read_json(dir, "teacher.json");
    read_levels(r);
    name_run(r);
    return LBK_OK;
}

void lbk__page_free(struct page_run *r)
{
    json_decref(r->result);
    json_decref(r->env);
    json_decref(r->teacher);
    lbk__history_free(&r->history);
    lbk__arena_finish(&r->arena);
}
