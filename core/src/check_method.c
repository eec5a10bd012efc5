/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "check.h"
#include "file.h"
#include "opt.h"
#include "trainer.h"

enum { STREAMS = 4 };
/* The weights of the last run; the runs of a check; where it stops. */
struct trial {
    struct check *c;
    const char *folder, *model;
    const struct lbk_method *m;
    char data[128], teacher[512], stream[STREAMS][64];
    bool narrow; /* the model can be */
    int64_t stop, steps;
};

static void clear(const char *folder)
{
    char path[4096];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (unlink(path))
            clear(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static bool progress(void *ud, const struct lbk_progress *p)
{
    struct trial *t = ud;
    (void) p;
    return ++t->steps != t->stop;
}

static bool has(int n, const struct lbk_setting s[], const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(s[i].name, name))
            return true;
    return false;
}

/* What a stage wants beside a student and the training data; returns the new number of settings. */
static int add_wants(struct trial *t, const struct stage *g, int n, struct lbk_setting s[])
{
    for (int k = 0; k < g->n_roles; k++)
        if (!strcmp(g->d.roles[k].name, "teacher") && !has(n, s, "teacher")) {
            s[n++] = (struct lbk_setting){ "teacher", t->model };
            s[n++] = (struct lbk_setting){ "teacher.weights", t->teacher };
            if (t->narrow)
                s[n++] = (struct lbk_setting){ "teacher.width", "0.125" };
        }
    for (int k = 0, own = 0; k < g->n_streams; k++) {
        const struct lbk_stream *d = &g->d.streams[k];
        if (!strcmp(d->name, "train") || d->of || has(n, s, d->name))
            continue;
        while (own < STREAMS && *t->stream[own] && strcmp(t->stream[own], d->name))
            own++;
        if (own == STREAMS)
            break;
        snprintf(t->stream[own], sizeof t->stream[own], "%s", d->name);
        s[n++] = (struct lbk_setting){ t->stream[own], t->data };
    }
    return n;
}

static int add_wanted(struct trial *t, const char *method, int n, struct lbk_setting s[], int max)
{
    struct settings *set = NULL;
    lbk_schedule *sc = NULL;
    if (!lbk__settings_create(t->c->ctx, 0, NULL, &set) &&
        !lbk__schedule_create(t->c->ctx, set, method, false, &sc))
        for (int64_t i = 0; i < sc->n_all && n + 3 + STREAMS <= max; i++)
            n = add_wants(t, &sc->stage[i], n, s);
    lbk__schedule_destroy(&sc);
    lbk__settings_destroy(&set);
    return n;
}

static lbk_status train(struct trial *t, const char *method, const char *name, bool plain,
                        bool resume)
{
    char out[512];
    struct lbk_setting s[32] = {
        { "data", t->data },
        { "model", t->model },
        { "steps", "3" },
        { "batch", "8" },
        { "eval_batch", "8" },
        { "loaders", "0" },
        { "optim", "sgd,momentum=0.9" },
        { "lr", "0.01" },
    };
    int n = 8;
    if (t->narrow)
        s[n++] = (struct lbk_setting){ "model.width", "0.125" };
    snprintf(out, sizeof out, "%s/%s", t->folder, name);
    struct lbk_train_params p = { .size = sizeof p,
                                  .method = method,
                                  .device = t->c->device ? t->c->device : "cpu,threads=1",
                                  .out_dir = out,
                                  .plain = plain,
                                  .settings = s,
                                  .n_settings = add_wanted(t, method, n, s, 32),
                                  .progress = progress,
                                  .ud = t };
    t->steps = 0;
    if (resume)
        p.resume = out, p.settings = NULL, p.n_settings = 0;
    return lbk_train(t->c->ctx, &p);
}

/* What the student of a run is, byte for byte. */
static bool same(struct trial *t, const char *a, const char *b)
{
    char path[2][600];
    unsigned char *text[2] = { NULL };
    size_t n[2] = { 0 };
    const char *const name[] = { a, b };
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s/student.safetensors", t->folder, name[i]);
        ok = !lbk_file_slurp(path[i], (size_t) 1 << 30, &text[i], &n[i]) && ok;
    }
    ok = ok && n[0] == n[1] && !memcmp(text[0], text[1], n[0]);
    free(text[0]);
    free(text[1]);
    return ok;
}

static bool has_weights(const struct lbk_opt *o)
{
    for (; o && o->type != LBK_OPT_END; o++)
        if (o->type == LBK_OPT_WEIGHT)
            return true;
    return false;
}

struct looks {
    bool aux;
    int64_t parameters;
};

static void see(void *ud, const char *name, lbk_shape shape)
{
    struct looks *l = ud;
    l->aux = l->aux || !strcmp(name, "aux");
}

static struct looks look(lbk_ctx *ctx, const struct lbk_model *m, int64_t side)
{
    struct looks l = { false, 0 };
    struct lbk_model_info info = { .size = sizeof info, .tap = see, .ud = &l };
    if (!lbk_model_describe(ctx, m->name, LBK_SHAPE(3, side, side), 0, NULL, &info))
        l.parameters = info.parameters;
    return l;
}

/* The smallest of that task that takes such images, of those with an auxiliary head if there are
 * any: a method may ask for it. */
static const struct lbk_model *find_model(lbk_ctx *ctx, const char *task, int64_t side)
{
    const struct lbk_model *found = NULL;
    struct looks best = { false, 0 };
    for (const struct lbk_model *m = NULL; (m = lbk_registry_next(ctx, LBK_MODELS, m));) {
        if (!m->task || strcmp(m->task, task) || m->reads)
            continue;
        const struct looks l = look(ctx, m, side);
        if (!l.parameters)
            continue;
        const bool better = l.aux == best.aux ? l.parameters < best.parameters : l.aux;
        if (!found || better)
            found = m, best = l;
    }
    return found;
}

static bool has_option(const struct lbk_model *m, const char *name)
{
    for (const struct lbk_opt *o = m->opts; o && o->type != LBK_OPT_END; o++)
        if (!strcmp(o->name, name))
            return true;
    return false;
}

static bool made_up(lbk_ctx *ctx, const char *task)
{
    const struct lbk_source *s = lbk_registry_find(ctx, LBK_SOURCES, "synth");
    for (const struct lbk_opt *o = s ? s->opts : NULL; o && o->type != LBK_OPT_END; o++)
        for (int i = 0; !strcmp(o->name, "of") && o->names[i]; i++)
            if (!strcmp(o->names[i], task))
                return true;
    return false;
}

/* Made-up data and a model for the first task that it is for, of any plugin if no other is loaded;
 * false: there are none. */
static bool choose(struct trial *t)
{
    static const int64_t sides[] = { 32, 128 };
    const char *task = t->m->tasks && t->m->tasks[0] ? t->m->tasks[0] : "classify";
    const struct lbk_model *m = NULL;
    for (int i = 0; !m && i < 4 && made_up(t->c->ctx, task); i++) {
        const long long side = sides[i % 2];
        if (i == 2 && lbk_plugin_load_all(t->c->ctx))
            break;
        m = find_model(t->c->ctx, task, side);
        snprintf(t->data, sizeof t->data,
                 "synth,of=%s,count=48,eval_count=16,classes=4,h=%lld,w=%lld", task, side, side);
    }
    t->model = m ? m->name : NULL;
    t->narrow = m && has_option(m, "width");
    return m != NULL;
}

static void run_all(struct trial *t)
{
    struct check *c = t->c;
    const char *name = t->m->name;
    if (train(t, "none", "plain", false, false)) {
        lbk__check_line(c, false, "method %s: plain training, which it is compared with, failed",
                        name);
        return;
    }
    snprintf(t->teacher, sizeof t->teacher, "%s/plain/student.safetensors", t->folder);
    const bool ok = !train(t, name, "full", false, false);
    const int64_t steps = t->steps;
    lbk__check_line(c, ok, "method %s: dry run, three steps, teacher as it was", name);
    if (has_weights(t->m->opts))
        lbk__check_line(c, !train(t, name, "off", true, false) && same(t, "off", "plain"),
                        "method %s: every weight off is plain training, bit for bit", name);
    if (!ok)
        return;
    t->stop = steps - 1;
    const lbk_status stopped = train(t, name, "again", false, false);
    t->stop = 0;
    lbk__check_line(c,
                    stopped == LBK_ECANCELLED && !train(t, name, "again", false, true) &&
                        same(t, "again", "full"),
                    "method %s: stopped and resumed is uninterrupted, bit for bit", name);
}

void lbk__check_method(struct check *c, const struct lbk_method *m, const char *folder)
{
    struct trial t = { .c = c, .m = m, .folder = folder };
    if (!choose(&t)) {
        lbk__check_line(c, true, "method %s: not run: no model, or no made-up data, of its task",
                        m->name);
        return;
    }
    run_all(&t);
    clear(folder);
}
