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

/* The weights of the last run; the runs of a check; where it stops. */
struct trial {
    struct check *c;
    const char *folder, *model;
    const struct lbk_method *m;
    char teacher[512];
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

/* Does it ask for a teacher? */
static bool has_teacher(lbk_ctx *ctx, const char *method)
{
    struct settings *set = NULL;
    lbk_schedule *s = NULL;
    bool found = false;
    if (!lbk__settings_create(ctx, 0, NULL, &set) &&
        !lbk__schedule_create(ctx, set, method, false, &s))
        for (int64_t i = 0; i < s->n_all; i++)
            for (int k = 0; k < s->stage[i].n_roles; k++)
                found = found || !strcmp(s->stage[i].d.roles[k].name, "teacher");
    lbk__schedule_destroy(&s);
    lbk__settings_destroy(&set);
    return found;
}

static lbk_status train(struct trial *t, const char *method, const char *name, bool plain,
                        bool resume)
{
    char out[512];
    const struct lbk_setting s[] = {
        { "data", "synth,count=48,eval_count=16,classes=4" },
        { "model", t->model },
        { "steps", "3" },
        { "batch", "8" },
        { "eval_batch", "8" },
        { "loaders", "0" },
        { "optim", "sgd,momentum=0.9" },
        { "lr", "0.01" },
        { "teacher", t->model },
        { "teacher.weights", t->teacher },
    };
    snprintf(out, sizeof out, "%s/%s", t->folder, name);
    struct lbk_train_params p = { .size = sizeof p,
                                  .method = method,
                                  .device = t->c->device ? t->c->device : "cpu,threads=1",
                                  .out_dir = out,
                                  .plain = plain,
                                  .settings = s,
                                  .n_settings = has_teacher(t->c->ctx, method) ? 10 : 8,
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

static bool fits(const struct lbk_method *m, const char *task)
{
    bool any = !m->tasks || !m->tasks[0];
    for (int i = 0; m->tasks && m->tasks[i]; i++)
        any = any || !strcmp(m->tasks[i], task);
    return any;
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
    struct trial t = { .c = c, .m = m, .folder = folder, .model = "lenet5_bn" };
    if (!fits(m, "classify")) {
        lbk__check_line(c, true, "method %s: not run: no made-up data for its task", m->name);
        return;
    }
    run_all(&t);
    clear(folder);
}
