/* SPDX-License-Identifier: MIT */
/* The folder of a run: what it was told, where it stands. A checkpoint is one file, named by the
 * file "latest" once it is whole. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/ckpt.h>
#include "file.h"
#include "trainer.h"

lbk_status lbk__save_environment(struct trainer *t);

static const char *path_in(const struct trainer *t, char buf[4096], const char *name)
{
    snprintf(buf, 4096, "%s/%s", t->dir, name);
    return buf;
}

/* ---- config.yaml: flat "name: text", the text quoted as JSON, which YAML reads as well ---- */

static void put_line(struct json *j, const char *name, const char *value)
{
    struct json one = { 0 };
    lbk__json_string(&one, NULL, value);
    const size_t n = strlen(name) + one.out.n + 4;
    char *line = malloc(n);
    if (line) {
        snprintf(line, n, "%s: %s", name, one.out.at ? one.out.at : "\"\"");
        lbk__json_raw(j, NULL, line);
        lbk__json_line(j);
    }
    j->out.failed = j->out.failed || !line || one.out.failed;
    free(line);
    lbk__json_free(&one);
}

static bool told_elsewhere(const char *name)
{
    static const char *const own[] = { "method", "device", "strict", "plain", "seed", "out", NULL };
    for (int i = 0; own[i]; i++)
        if (!strcmp(own[i], name))
            return true;
    return false;
}

static lbk_status put_config(struct trainer *t)
{
    const struct run *r = t->run;
    struct json j = { 0 };
    char seed[32], path[4096];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long) t->ctx->params.seed);
    put_line(&j, "method", r->p->method ? r->p->method : r->cfg->method);
    put_line(&j, "device", r->device->spec);
    put_line(&j, "seed", seed);
    put_line(&j, "strict", r->p->strict || r->cfg->strict ? "yes" : "no");
    put_line(&j, "plain", r->p->plain || r->cfg->plain ? "yes" : "no");
    for (int i = 0; i < r->set->n; i++)
        if (!told_elsewhere(r->set->at[i].name))
            put_line(&j, r->set->at[i].name, r->set->at[i].value);
    lbk_status st =
        j.out.failed ? lbk_fail(t->ctx, LBK_ENOMEM, "config.yaml: out of memory") : LBK_OK;
    if (!st)
        st = lbk__file_write(t->ctx, path_in(t, path, "config.yaml"), j.out.at, j.out.n);
    lbk__json_free(&j);
    return st;
}

static lbk_status read_line(lbk_ctx *ctx, const char *path, char *line, struct arena *a,
                            struct lbk_setting *out)
{
    char *colon = strstr(line, ": ");
    json_t *v = colon ? json_loads(colon + 2, JSON_DECODE_ANY, NULL) : NULL;
    if (json_is_string(v)) {
        *colon = 0;
        *out = (struct lbk_setting){ lbk__arena_str(a, "%s", line),
                                     lbk__arena_str(a, "%s", json_string_value(v)) };
    }
    const bool ok = json_is_string(v);
    json_decref(v);
    return ok ? LBK_OK
              : lbk_fail(ctx, LBK_EFORMAT, "%s: expected name: \"text\", found '%.80s'", path,
                         line);
}

lbk_status lbk__save_settings(lbk_ctx *ctx, const char *dir, struct arena *a, int *n,
                              struct lbk_setting **out)
{
    char path[4096];
    unsigned char *text = NULL;
    size_t size;
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    lbk_status st = lbk__file_read(ctx, path, 1 << 20, &text, &size);
    if (st)
        return st;
    *n = 0;
    *out = lbk__arena_get(a, (size / 4 + 2) * sizeof **out);
    for (char *line = (char *) text, *next; !st && *out && line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (*line && *line != '#')
            st = read_line(ctx, path, line, a, &(*out)[(*n)++]);
    }
    free(text);
    return st || *out ? st : lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
}

/* ---- begin and end ---- */

static lbk_status open_log(struct trainer *t, const char *name, FILE **f)
{
    char path[4096];
    *f = fopen(path_in(t, path, name), t->run->p->resume ? "r+" : "w");
    if (!*f && errno == ENOENT)
        *f = fopen(path, "w");
    return *f ? LBK_OK : lbk_fail(t->ctx, LBK_EIO, "%s: cannot write: %s", path, strerror(errno));
}

/* Where the checkpoint has left it. */
static lbk_status open_events(struct trainer *t)
{
    return t->run->cfg->tensorboard ? lbk__events_open(t->ctx, t->dir, t->at.events, &t->events)
                                    : LBK_OK;
}

lbk_status lbk__save_begin(struct trainer *t)
{
    char path[4096];
    lbk_status st = lbk__mkdirs(t->ctx, path_in(t, path, "checkpoints"));
    if (!st)
        st = put_config(t);
    if (!st)
        st = lbk__save_environment(t);
    if (!st)
        st = open_log(t, "metrics.jsonl", &t->jsonl);
    if (!st)
        st = open_log(t, "metrics.csv", &t->csv);
    return st || t->run->p->resume ? st : open_events(t);
}

lbk_status lbk__save_end(struct trainer *t)
{
    const lbk_status st = lbk__events_close(&t->events);
    if (t->jsonl)
        fclose(t->jsonl);
    if (t->csv)
        fclose(t->csv);
    t->jsonl = t->csv = NULL;
    lbk__history_free(&t->history);
    return st;
}

/* ---- checkpoints ---- */

/* One text that holds the position; %a keeps every bit of a score. */
static void position_text(const struct position *p, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%lld %lld %lld %lld %lld %d %a %a %lld %lld", (long long) p->stage,
                     (long long) p->step, (long long) p->best_epoch, (long long) p->images,
                     (long long) p->fallbacks, p->has_best, p->best, p->last, (long long) p->jsonl,
                     (long long) p->csv);
    for (int i = 0; i < MAX_STAGES && n > 0 && (size_t) n < size; i++)
        n += snprintf(buf + n, size - (size_t) n, " %.3f", p->seconds[i]);
    if (n > 0 && (size_t) n < size)
        n += snprintf(buf + n, size - (size_t) n, " %lld", (long long) p->events);
    for (int i = 0; i < PHASES && n > 0 && (size_t) n < size; i++)
        n += snprintf(buf + n, size - (size_t) n, " %.3f", p->phase[i]);
}

static bool read_position(const char *text, struct position *p)
{
    long long v[7];
    int has, used = 0;
    if (sscanf(text, "%lld %lld %lld %lld %lld %d %la %la %lld %lld%n", &v[0], &v[1], &v[2], &v[3],
               &v[4], &has, &p->best, &p->last, &v[5], &v[6], &used) != 10)
        return false;
    p->stage = v[0], p->step = v[1], p->best_epoch = v[2], p->images = v[3], p->fallbacks = v[4],
    p->has_best = has;
    p->jsonl = v[5], p->csv = v[6];
    char *at = (char *) (uintptr_t) text + used;
    for (int i = 0; i < MAX_STAGES; i++)
        p->seconds[i] = strtod(at, &at);
    p->events = strtoll(at, &at, 10);
    for (int i = 0; i < PHASES; i++)
        p->phase[i] = strtod(at, &at);
    return p->stage >= 0 && p->stage <= MAX_STAGES && p->step >= 0;
}

static void scores_text(const struct lbk_scores *s, char *buf, size_t size)
{
    int n = 0;
    *buf = 0;
    for (int i = 0; i < s->n && n >= 0 && (size_t) n < size; i++)
        n += snprintf(buf + n, size - (size_t) n, "%s %d %a;", s->at[i].name, (int) s->at[i].better,
                      s->at[i].v);
}

static void read_scores(const char *text, struct lbk_scores *s)
{
    int better, used;
    *s = (struct lbk_scores){ 0 };
    while (s->n < MAX_SCORES &&
           sscanf(text, "%95s %d %la;%n", s->at[s->n].name, &better, &s->at[s->n].v, &used) == 3) {
        s->at[s->n++].better = better ? LBK_LOWER : LBK_HIGHER;
        text += used;
    }
}

/* Scores that a checkpoint keeps. */
enum { N_KEPT = 3 };
static const char *const kept_names[N_KEPT] = { "limbeck.last_test", "limbeck.val_best",
                                                "limbeck.val_last" };

static struct lbk_scores *kept_scores(struct trainer *t, int i)
{
    return i == 0 ? &t->last_test : i == 1 ? &t->val_best : &t->val_last;
}

/* What a killed run has left beside the checkpoint that counts. */
static void remove_strays(const struct trainer *t)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoints", t->dir);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (*e->d_name == '.' && (!e->d_name[1] || !strcmp(e->d_name, "..")))
            continue;
        snprintf(path, sizeof path, "%s/checkpoints/%s", t->dir, e->d_name);
        if (strcmp(e->d_name, "latest") && strcmp(e->d_name, t->latest))
            unlink(path);
    }
    if (d)
        closedir(d);
}

static int64_t flushed(FILE *f)
{
    if (!f || fflush(f))
        return 0;
    return ftell(f);
}

lbk_status lbk__save_checkpoint(struct trainer *t)
{
    char path[4096], name[64], text[1024], scores[N_KEPT][8192];
    t->at.jsonl = flushed(t->jsonl), t->at.csv = flushed(t->csv);
    t->at.events = t->events ? lbk__events_flush(t->events) : t->at.events;
    position_text(&t->at, text, sizeof text);
    snprintf(name, sizeof name, "%lld-%09lld.safetensors", (long long) t->at.stage,
             (long long) t->at.step);
    snprintf(path, sizeof path, "%s/checkpoints/%s", t->dir, name);
    for (int i = 0; i < N_KEPT; i++)
        scores_text(kept_scores(t, i), scores[i], sizeof scores[i]);
    const char *const meta[1 + N_KEPT][2] = { { "limbeck.position", text },
                                              { kept_names[0], scores[0] },
                                              { kept_names[1], scores[1] },
                                              { kept_names[2], scores[2] } };
    lbk_status st = lbk_ckpt_save(t->run->store, path, NULL, 1 + N_KEPT, meta);
    if (!st)
        st = lbk__file_write(t->ctx, path_in(t, path, "checkpoints/latest"), name, strlen(name));
    if (st)
        return st;
    if (*t->before && strcmp(t->before, name)) {
        snprintf(path, sizeof path, "%s/checkpoints/%s", t->dir, t->before);
        unlink(path);
    }
    if (strcmp(t->latest, name)) {
        memcpy(t->before, t->latest, sizeof t->before);
        memcpy(t->latest, name, sizeof t->latest);
    }
    t->saved = lbk__now();
    return LBK_OK;
}

static lbk_status cut(struct trainer *t, FILE *f, int64_t n)
{
    if (ftruncate(fileno(f), (off_t) n) || fseek(f, (long) n, SEEK_SET))
        return lbk_fail(t->ctx, LBK_EIO, "%s: cannot cut the metrics back: %s", t->dir,
                        strerror(errno));
    return LBK_OK;
}

lbk_status lbk__save_restore(struct trainer *t)
{
    char path[4096], csv[4096], text[1024], last[8192];
    unsigned char *name = NULL;
    size_t n;
    if (access(path_in(t, path, "checkpoints/latest"), F_OK)) {
        lbk_status st = cut(t, t->jsonl, 0);
        if (!st)
            st = cut(t, t->csv, 0);
        return st ? st : open_events(t);
    }
    lbk_status st = lbk__file_read(t->ctx, path, 63, &name, &n);
    if (st)
        return st;
    snprintf(t->latest, sizeof t->latest, "%s", (const char *) name);
    free(name);
    if (strchr(t->latest, '/'))
        return lbk_fail(t->ctx, LBK_EFORMAT, "%s: expected the name of a checkpoint, found '%s'",
                        path, t->latest);
    snprintf(path, sizeof path, "%s/checkpoints/%s", t->dir, t->latest);
    st = lbk_ckpt_meta(t->ctx, path, "limbeck.position", text, sizeof text);
    if (st == LBK_ENOENT || (!st && !read_position(text, &t->at)))
        return lbk_fail(t->ctx, LBK_EFORMAT, "%s: expected where the run stands, found none", path);
    if (!st)
        st = lbk_ckpt_restore(t->run->store, path, NULL);
    if (!st)
        st = cut(t, t->jsonl, t->at.jsonl);
    if (!st)
        st = cut(t, t->csv, t->at.csv);
    if (!st)
        st = lbk__history_read(t->ctx, path_in(t, csv, "metrics.csv"), -1, &t->history);
    if (!st)
        st = open_events(t);
    for (int i = 0; !st && i < N_KEPT; i++)
        if (!lbk_ckpt_meta(t->ctx, path, kept_names[i], last, sizeof last))
            read_scores(last, kept_scores(t, i));
    if (!st)
        remove_strays(t);
    for (struct role *x = t->run->roles; x; x = x->next)
        x->loaded = true;
    lbk_ctx_log(t->ctx, LBK_LOG_INFO, "going on at stage %lld, step %lld", (long long) t->at.stage,
                (long long) t->at.step);
    return st;
}
