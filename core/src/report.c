/* SPDX-License-Identifier: MIT */
/* What a run tells about itself: metrics, environment, result. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "file.h"
#include "page.h"
#include "sha256.h"
#include "str.h"
#include "trainer.h"

static const char *stage_name(const struct trainer *t)
{
    const lbk_schedule *s = t->run->schedule;
    return t->at.stage < s->n ? s->stage[t->at.stage].d.name : "result";
}

/* ---- metrics ---- */

static void put_row(struct trainer *t, const char *part, int64_t step, int64_t epoch,
                    const char *name, double v, const char *better)
{
    char line[512], value[32];
    if (!ftell(t->csv))
        fputs("stage,part,step,epoch,name,value,better\n", t->csv);
    snprintf(line, sizeof line, "%s,%s,%lld,%lld,%s,%s,%s\n", stage_name(t), part, (long long) step,
             (long long) epoch, name, lbk__number_short(v, value), better);
    fputs(line, t->csv);
    lbk__history_line(&t->history, line);
    if (t->events && strcmp(part, "stage"))
        lbk__events_scalar(t->events, lbk__history_step(&t->history, step), part, name, v);
}

static void begin_line(struct trainer *t, struct json *j, const char *part, int64_t step,
                       int64_t epoch)
{
    lbk__json_begin(j, NULL, '{');
    lbk__json_string(j, "stage", stage_name(t));
    lbk__json_string(j, "part", part);
    lbk__json_int(j, "step", step);
    lbk__json_int(j, "epoch", epoch);
}

static void end_line(struct trainer *t, struct json *j)
{
    lbk__json_end(j, '}');
    if (!j->out.failed)
        fprintf(t->jsonl, "%s\n", j->out.at);
    lbk__json_free(j);
}

void lbk__log_stage(struct trainer *t, int64_t epoch)
{
    if (t->csv)
        put_row(t, "stage", 0, 0, "epoch", (double) epoch, "");
}

void lbk__log_values(struct trainer *t, int64_t step, int64_t epoch, int n,
                     const char *const label[], const float v[], double lr)
{
    struct json j = { 0 };
    if (!t->jsonl || !t->csv)
        return;
    begin_line(t, &j, "train", step, epoch);
    lbk__json_number(&j, "lr", lr);
    for (int i = 0; i < n; i++) {
        lbk__json_number(&j, label[i], (double) v[i]);
        put_row(t, "train", step, epoch, label[i], (double) v[i], "");
    }
    put_row(t, "train", step, epoch, "lr", lr, "");
    end_line(t, &j);
}

void lbk__log_scores(struct trainer *t, const char *part, int64_t step, int64_t epoch,
                     const struct lbk_scores *s)
{
    struct json j = { 0 };
    if (!t->jsonl || !t->csv)
        return;
    begin_line(t, &j, part, step, epoch);
    for (int i = 0; i < s->n; i++) {
        lbk__json_number(&j, s->at[i].name, s->at[i].v);
        put_row(t, part, step, epoch, s->at[i].name, s->at[i].v,
                s->at[i].better == LBK_LOWER ? "lower" : "higher");
    }
    end_line(t, &j);
    if (epoch)
        lbk_ctx_log(t->ctx, LBK_LOG_INFO, "%s: epoch %lld: %s %s %.6g", stage_name(t),
                    (long long) epoch, part, s->n ? s->at[0].name : "", s->n ? s->at[0].v : 0.0);
    else
        lbk_ctx_log(t->ctx, LBK_LOG_INFO, "%s: %s %s %.6g", stage_name(t), part,
                    s->n ? s->at[0].name : "", s->n ? s->at[0].v : 0.0);
}

/* ---- environment ---- */

static void cpu_name(char *buf, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(buf, size, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (!strncmp(line, "model name", 10) && colon) {
            snprintf(buf, size, "%.*s", (int) strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (f)
        fclose(f);
}

static void put_device(const struct trainer *t, struct json *j)
{
    const struct lbk_device *d = t->run->device;
    lbk__json_string(j, "device", d->spec);
    lbk__json_string(j, "device_name", d->info.name);
}

static void put_system(struct json *j)
{
    struct utsname u;
    char text[200];
    if (!uname(&u)) {
        snprintf(text, sizeof text, "%.60s %.60s, %.60s", u.sysname, u.release, u.machine);
        lbk__json_string(j, "system", text);
    }
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        lbk__json_int(j, "memory_bytes", (int64_t) pages * size);
}

/* The modules that the run has used. */
static void put_plugins(struct trainer *t, struct json *j)
{
    const lbk_schedule *s = t->run->schedule;
    const struct module *seen[128];
    int n = 0;
    lbk__json_begin(j, "plugins", '{');
    for (int64_t i = 0; i < s->n_used + 64 && n < 128; i++) {
        const struct module *m = NULL;
        const struct role *x = t->run->roles;
        if (i < s->n_used)
            m = lbk__registry_module(t->ctx, LBK_METHODS, s->used[i].method->name);
        else {
            for (int64_t k = s->n_used; x && k < i; k++)
                x = x->next;
            if (!x)
                break;
            m = x->model ? lbk__registry_module(t->ctx, LBK_MODELS, x->model->name) : NULL;
        }
        bool old = !m;
        for (int k = 0; k < n; k++)
            old = old || seen[k] == m;
        if (old)
            continue;
        seen[n++] = m;
        lbk__json_string(j, m->plugin->name, m->sha256);
    }
    lbk__json_end(j, '}');
}

static lbk_status put_data(struct trainer *t, struct json *j)
{
    lbk_status st = LBK_OK;
    lbk__json_begin(j, "data", '{');
    for (const struct source *s = t->run->sources; !st && s; s = s->next) {
        char hash[65], name[128];
        static const char *const parts[] = { "", ".val", ".test" };
        snprintf(name, sizeof name, "%s%s", s->name, parts[s->split]);
        st = lbk__data_hash(s->data, hash);
        if (!st)
            lbk__json_string(j, name, hash);
    }
    lbk__json_end(j, '}');
    return st;
}

lbk_status lbk__save_json(const struct trainer *t, struct json *j, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", t->dir, name);
    lbk__json_line(j);
    const lbk_status st = j->out.failed ? lbk_fail(t->ctx, LBK_ENOMEM, "%s: out of memory", name)
                                        : lbk__file_write(t->ctx, path, j->out.at, j->out.n);
    lbk__json_free(j);
    return st;
}

lbk_status lbk__save_environment(struct trainer *t);
lbk_status lbk__save_environment(struct trainer *t)
{
    struct json j = { 0 };
    char cpu[200];
    cpu_name(cpu, sizeof cpu);
    lbk__json_begin(&j, NULL, '{');
    lbk__json_string(&j, "schema", "limbeck.env/1");
    lbk__json_string(&j, "version", LBK_VERSION);
    lbk__json_string(&j, "compiler", __VERSION__);
    lbk__json_string(&j, "cpu", cpu);
    lbk__json_int(&j, "threads", t->ctx->params.threads);
    put_device(t, &j);
    put_system(&j);
    put_plugins(t, &j);
    const lbk_status st = put_data(t, &j);
    lbk__json_end(&j, '}');
    if (!st)
        return lbk__save_json(t, &j, "env.json");
    lbk__json_free(&j);
    return st;
}

/* ---- result ---- */

static void put_settings(struct trainer *t, struct json *j)
{
    const struct settings *s = t->run->set;
    struct sha256 h;
    char hex[65];
    lbk__sha256_init(&h);
    lbk__json_begin(j, "settings", '{');
    for (int i = 0; i < s->n; i++) {
        const char *name = s->at[i].name;
        if (!strcmp(name, "method") || !strcmp(name, "plain"))
            continue;
        lbk__json_string(j, name, s->at[i].value);
        lbk__sha256_add(&h, name, strlen(name) + 1);
        lbk__sha256_add(&h, s->at[i].value, strlen(s->at[i].value) + 1);
    }
    lbk__json_end(j, '}');
    lbk__sha256_hex(&h, hex);
    lbk__json_string(j, "recipe_sha256", hex);
}

static void put_scores(struct trainer *t, struct json *j, const struct lbk_scores *test)
{
    lbk__json_string(j, "metric", test->n ? test->at[0].name : NULL);
    for (int i = 0; i < test->n; i++)
        lbk__json_number(j, test->at[i].name, test->at[i].v);
    for (int i = 0; i < t->last_test.n; i++) {
        char name[128];
        snprintf(name, sizeof name, "last_%s", t->last_test.at[i].name);
        lbk__json_number(j, name, t->last_test.at[i].v);
    }
    lbk__json_string(j, "selection", t->at.has_best ? "best score on validation" : "last step");
    if (t->at.has_best) {
        lbk__json_number(j, "validation", t->at.best);
        lbk__json_int(j, "best_epoch", t->at.best_epoch);
    }
}

static void put_known(struct json *j, const char *key, const struct lbk_scores *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->at[i].name, name))
            lbk__json_number(j, key, s->at[i].v);
}

/* Every score of what is delivered, on all parts. */
static void put_all_scores(const struct trainer *t, struct json *j, const struct lbk_scores *test)
{
    lbk__json_begin(j, "scores", '{');
    for (int i = 0; i < test->n; i++) {
        const char *name = test->at[i].name;
        lbk__json_begin(j, name, '{');
        lbk__json_string(j, "better", test->at[i].better == LBK_LOWER ? "lower" : "higher");
        lbk__json_number(j, "test", test->at[i].v);
        put_known(j, "last_test", &t->last_test, name);
        if (t->at.has_best) {
            put_known(j, "validation", &t->val_best, name);
            put_known(j, "last_validation", &t->val_last, name);
        }
        lbk__json_end(j, '}');
    }
    lbk__json_end(j, '}');
}

static void put_names(struct json *j, const char *key, int64_t n, const char *const *names)
{
    lbk__json_begin(j, key, '[');
    for (int64_t i = 0; i < n; i++)
        if (names)
            lbk__json_string(j, NULL, names[i]);
        else
            lbk__json_int(j, NULL, i);
    lbk__json_end(j, ']');
}

static void put_tables(struct json *j, const struct lbk_scores *test)
{
    lbk__json_begin(j, "tables", '{');
    for (int i = 0; i < test->n_table; i++) {
        const struct lbk_table *t = &test->table[i];
        lbk__json_begin(j, t->name, '{');
        put_names(j, "rows", t->rows, t->row);
        put_names(j, "columns", t->columns, t->column);
        lbk__json_begin(j, "values", '[');
        for (int64_t r = 0; r < t->rows; r++) {
            lbk__json_begin(j, NULL, '[');
            for (int64_t c = 0; c < t->columns; c++)
                lbk__json_number(j, NULL, t->v[r * t->columns + c]);
            lbk__json_end(j, ']');
        }
        lbk__json_end(j, ']');
        lbk__json_end(j, '}');
    }
    lbk__json_end(j, '}');
}

static double put_stages(struct trainer *t, struct json *j)
{
    double sum = 0;
    lbk__json_begin(j, "stages", '[');
    for (int64_t i = 0; i < t->run->schedule->n; i++) {
        lbk__json_begin(j, NULL, '{');
        lbk__json_string(j, "name", t->run->schedule->stage[i].d.name);
        lbk__json_number(j, "seconds", t->at.seconds[i]);
        lbk__json_bool(j, "sweep", t->run->schedule->stage[i].d.sweep != NULL);
        lbk__json_end(j, '}');
        sum += t->at.seconds[i];
    }
    lbk__json_end(j, ']');
    return sum;
}

/* Of the run, in seconds. */
static void put_phases(const struct trainer *t, struct json *j)
{
    static const char *const names[PHASES] = { "preparing", "teachers", "validation", "checkpoints",
                                               "drawing",   "test",     "finishing" };
    double training = 0;
    lbk__json_begin(j, "phases", '{');
    for (int64_t i = 0; i < t->run->schedule->n; i++)
        training += t->at.seconds[i];
    for (int i = PHASE_EVALUATE; i < PHASE_FINISH; i++)
        training -= t->at.phase[i];
    lbk__json_number(j, "training", fmax(training, 0));
    for (int i = 0; i < PHASES; i++)
        lbk__json_number(j, names[i], t->at.phase[i]);
    lbk__json_end(j, '}');
}

static void put_networks(const struct trainer *t, struct json *j)
{
    lbk__json_begin(j, "networks", '[');
    for (const struct sized *n = t->nets; n; n = n->next) {
        lbk__json_begin(j, NULL, '{');
        lbk__json_string(j, "role", n->role->name);
        lbk__json_string(j, "model", n->role->model->name);
        lbk__json_string(j, "weights", n->role->weights);
        lbk__json_int(j, "parameters", n->size.parameters);
        lbk__json_int(j, "buffers", n->size.buffers);
        lbk__json_int(j, "bytes", n->size.bytes);
        lbk__json_number(j, "macs", n->size.macs);
        lbk__json_end(j, '}');
    }
    lbk__json_end(j, ']');
}

static void put_warnings(const struct trainer *t, struct json *j)
{
    const struct warnings *w = t->ctx->warnings;
    lbk__json_begin(j, "warnings", '[');
    for (int i = 0; w && i < w->n; i++)
        lbk__json_string(j, NULL, w->text[i]);
    lbk__json_end(j, ']');
}

static double train_seconds(const struct trainer *t)
{
    double sum = 0;
    for (int64_t i = 0; i < t->run->schedule->n; i++)
        sum += t->run->schedule->stage[i].d.sweep ? 0 : t->at.seconds[i];
    return sum;
}

static void put_cache(struct trainer *t, struct json *j)
{
    static const char *const mode[] = { "off", "memory", "disk" };
    const struct teacher_counts *c = &t->cached;
    lbk__json_begin(j, "teacher_cache", '{');
    lbk__json_string(j, "mode", mode[t->run->cfg->teacher_cache]);
    lbk__json_int(j, "hits", c->hits);
    lbk__json_int(j, "misses", c->misses);
    lbk__json_int(j, "read_bytes", (int64_t) c->read);
    lbk__json_int(j, "kept_bytes", (int64_t) c->kept);
    lbk__json_number(j, "seconds_saved", c->saved);
    lbk__json_end(j, '}');
    if (t->run->cfg->teacher_cache)
        lbk_ctx_log(t->ctx, LBK_LOG_INFO,
                    "teacher_cache: %lld samples read, %lld computed; %.1f MB read, %.1f MB kept, "
                    "%.1f s saved",
                    (long long) c->hits, (long long) c->misses, 1e-6 * (double) c->read,
                    1e-6 * (double) c->kept, c->saved);
}

static lbk_status put_hashes(struct trainer *t, struct json *j)
{
    char hash[65], name[160];
    snprintf(name, sizeof name, "%s/", t->run->deliver);
    lbk_status st = lbk__store_hash(t->run->store, name, hash);
    lbk__json_string(j, "weights_sha256", hash);
    lbk__json_begin(j, "teachers", '{');
    for (const struct role *x = t->run->roles; !st && x; x = x->next) {
        if (!x->weights || !strcmp(x->name, t->run->deliver))
            continue;
        st = lbk__store_hash(t->run->store, x->path, hash);
        lbk__json_string(j, x->name, hash);
    }
    lbk__json_end(j, '}');
    return st;
}

/* Of all that there is but result.json, which stays the last. */
static lbk_status write_page(const struct trainer *t, const struct json *j)
{
    if (j->out.failed || fflush(t->csv))
        return lbk_fail(t->ctx, j->out.failed ? LBK_ENOMEM : LBK_EIO, "%s: cannot write", t->dir);
    return lbk__page_write(t->ctx, t->dir, j->out.at);
}

lbk_status lbk__save_result(struct trainer *t, const struct lbk_scores *test)
{
    struct json j = { 0 };
    struct rusage u;
    const double student = lbk__judged_end(t, test); /* which may warn */
    getrusage(RUSAGE_SELF, &u);
    lbk__json_begin(&j, NULL, '{');
    lbk__json_string(&j, "schema", "limbeck.result/1");
    lbk__json_string(&j, "method", t->run->p->method ? t->run->p->method : t->run->cfg->method);
    lbk__json_bool(&j, "plain", t->run->p->plain || t->run->cfg->plain);
    lbk__json_int(&j, "seed", (int64_t) t->ctx->params.seed);
    put_settings(t, &j);
    put_scores(t, &j, test);
    put_all_scores(t, &j, test);
    put_tables(&j, test);
    lbk__json_number(&j, "seconds", put_stages(t, &j));
    put_phases(t, &j);
    put_networks(t, &j);
    put_warnings(t, &j);
    lbk__json_number(&j, "images_per_second", (double) t->at.images / fmax(train_seconds(t), 1e-9));
    lbk__json_int(&j, "peak_bytes", (int64_t) u.ru_maxrss * 1024);
    lbk__json_int(&j, "device_peak_bytes", (int64_t) t->run->device->peak_bytes);
    lbk__json_int(&j, "fallbacks", t->at.fallbacks);
    put_cache(t, &j);
    lbk__judged_put(t, &j, student);
    lbk_status st = put_hashes(t, &j);
    put_plugins(t, &j);
    if (!st)
        st = put_data(t, &j);
    lbk__json_end(&j, '}');
    if (!st)
        st = write_page(t, &j);
    if (!st)
        return lbk__save_json(t, &j, "result.json");
    lbk__json_free(&j);
    return st;
}
