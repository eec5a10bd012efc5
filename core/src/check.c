/* SPDX-License-Identifier: MIT */
/* A module under test, in a process of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "ctx.h"
#include "isolate.h"

enum { ROOM = 1 << 16 };
static const double load_seconds = 10, run_seconds = 180;

/* What the child has to say, in memory that both see. */
struct talk {
    const char *path;
    char *text;
    bool load_only;
};

void lbk__check_line(struct check *c, bool ok, const char *fmt, ...)
{
    char text[512];
    va_list v;
    va_start(v, fmt);
    const int n = snprintf(text, sizeof text, ok ? "ok      " : "failed  ");
    vsnprintf(text + n, sizeof text - (size_t) n, fmt, v);
    va_end(v);
    c->failed += !ok;
    c->put(c->ud, text);
}

static void say(void *ud, const char *line)
{
    char *text = ud;
    const size_t n = strlen(text);
    if (n + strlen(line) + 2 < ROOM)
        snprintf(text + n, ROOM - n, "%s\n", line);
}

static bool from(const struct module *m, const char *path)
{
    char a[4096], b[4096];
    return m && realpath(m->file, a) && realpath(path, b) && !strcmp(a, b);
}

static void check_models(struct check *c, const char *path)
{
    for (const struct lbk_model *m = NULL; (m = lbk_registry_next(c->ctx, LBK_MODELS, m));) {
        struct lbk_model_info info = { .size = sizeof info };
        if (from(lbk__registry_module(c->ctx, LBK_MODELS, m->name), path))
            lbk__check_line(
                c, !lbk_model_describe(c->ctx, m->name, LBK_SHAPE(3, 32, 32), 0, NULL, &info),
                "model %s: %lld parameters", m->name, (long long) info.parameters);
    }
}

static void check_all(struct check *c, const char *path)
{
    char folder[] = "/tmp/limbeck-check-XXXXXX";
    for (const struct lbk_loss *l = NULL; (l = lbk_registry_next(c->ctx, LBK_LOSSES, l));)
        if (from(lbk__registry_module(c->ctx, LBK_LOSSES, l->name), path))
            lbk__check_loss(c, l);
    check_models(c, path);
    for (const struct lbk_method *m = NULL; (m = lbk_registry_next(c->ctx, LBK_METHODS, m));) {
        if (!from(lbk__registry_module(c->ctx, LBK_METHODS, m->name), path))
            continue;
        snprintf(folder, sizeof folder, "/tmp/limbeck-check-XXXXXX");
        if (mkdtemp(folder))
            lbk__check_method(c, m, folder);
        else
            lbk__check_line(c, false, "method %s: no folder to work in", m->name);
    }
}

static lbk_status in_child(lbk_ctx *ctx, void *arg)
{
    struct talk *t = arg;
    struct check c = { .ctx = ctx, .put = say, .ud = t->text };
    lbk_status st = lbk_plugin_load(ctx, t->path);
    if (st || t->load_only)
        return st;
    lbk__check_line(&c, true, "it loads: ABI, names and options");
    check_all(&c, t->path);
    return c.failed ? lbk_fail(ctx, LBK_EINVAL, "%d tests failed", c.failed) : LBK_OK;
}

static lbk_status judge(lbk_ctx *ctx, struct talk *t, double seconds)
{
    struct isolated r;
    const lbk_status st = lbk__isolated(ctx, in_child, t, seconds, &r);
    if (st || r.end == ISOLATE_DONE)
        return st;
    return lbk_fail(ctx, t->load_only && r.status != LBK_ENOENT ? LBK_EABI : r.status,
                    "plugin '%s': %s%s", t->path, r.end == ISOLATE_HUNG ? "timed out: it " : "",
                    r.text);
}

lbk_status lbk_plugin_check(lbk_ctx *ctx, const char *path, void (*put)(void *ud, const char *line),
                            void *ud)
{
    struct talk t = { .path = path, .load_only = true };
    lbk_status st = judge(ctx, &t, load_seconds);
    if (st)
        return st;
    t.text = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t.text == MAP_FAILED)
        return lbk_fail(ctx, LBK_ENOMEM, "plugin '%s': out of memory", path);
    t.load_only = false;
    st = judge(ctx, &t, run_seconds);
    for (char *line = t.text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = 0;
        put(ud, line);
    }
    munmap(t.text, ROOM);
    return st;
}
