/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin.h"
#include "registry.h"

static void say(lbk_ctx *ctx, enum lbk_log_level lvl, const char *text)
{
    if (lvl <= ctx->params.log_level && ctx->params.log)
        ctx->params.log(ctx->params.log_ud, lvl, text);
}

static void keep_warning(lbk_ctx *ctx, const char *text)
{
    pthread_mutex_lock(&ctx->lock);
    struct warnings *w = ctx->warnings;
    int i = 0;
    while (w && i < w->n && strncmp(w->text[i], text, sizeof w->text[i] - 1))
        i++;
    if (w && i == WARNINGS)
        w->more++;
    else if (w && i == w->n)
        snprintf(w->text[w->n++], sizeof w->text[0], "%.399s", text);
    pthread_mutex_unlock(&ctx->lock);
}

void lbk_ctx_log(lbk_ctx *ctx, enum lbk_log_level lvl, const char *fmt, ...)
{
    char text[1024];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    if (lvl == LBK_LOG_WARN)
        keep_warning(ctx, text);
    say(ctx, lvl, text);
}

static const char *exchange(const char **at, const char *now)
{
    const char *before = *at;
    *at = now;
    return before;
}

const char *lbk__about(lbk_ctx *ctx, const char *s) { return exchange(&ctx->about, s); }
const char *lbk__about_memory(lbk_ctx *ctx, const char *s)
{
    return exchange(&ctx->about_memory, s);
}

/* Puts the setting that it is about in front; text: as large as an error may be. */
static void name_setting(const lbk_ctx *ctx, lbk_status st, char *text)
{
    const bool memory = st == LBK_ENOMEM && ctx->about_memory;
    const char *name = memory ? ctx->about_memory : ctx->about;
    const size_t n = name ? strlen(name) : 0, most = sizeof ctx->error;
    if (!n || n + 3 > most || (!strncmp(text, name, n) && strchr(":.", text[n])))
        return;
    memmove(text + n + 2, text, most - n - 2);
    memcpy(text, name, n);
    memcpy(text + n, ": ", 2);
    text[most - 1] = 0;
}

lbk_status lbk_fail(lbk_ctx *ctx, lbk_status st, const char *fmt, ...)
{
    char text[sizeof ctx->error];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    name_setting(ctx, st, text);
    pthread_mutex_lock(&ctx->lock);
    memcpy(ctx->error, text, sizeof text);
    ctx->errors++;
    pthread_mutex_unlock(&ctx->lock);
    say(ctx, LBK_LOG_ERROR, text);
    return st;
}

size_t lbk_last_error(lbk_ctx *ctx, char *buf, size_t size)
{
    pthread_mutex_lock(&ctx->lock);
    const int n = snprintf(buf, size, "%s", ctx->error);
    pthread_mutex_unlock(&ctx->lock);
    return (size_t) n;
}

const char *lbk_status_name(lbk_status s)
{
    static const char *const names[] = { "ok",           "invalid",     "out of memory",
                                         "not found",    "i/o error",   "malformed",
                                         "incompatible", "unsupported", "device failure",
                                         "cancelled",    "diverged" };
    return s <= 0 && s >= LBK_EDIVERGED ? names[-s] : "unknown status";
}

static int cores(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

static lbk_status fill_params(lbk_ctx *ctx, const struct lbk_ctx_params *p)
{
    if (p)
        memcpy(&ctx->params, p, p->size < sizeof *p ? p->size : sizeof *p);
    ctx->params.size = sizeof *p;
    if (ctx->params.threads < 0 || ctx->params.threads > 4096)
        return lbk_fail(ctx, LBK_EINVAL, "context: expected 0..4096 threads, got %d",
                        ctx->params.threads);
    if (!ctx->params.threads)
        ctx->params.threads = cores();
    const char *more = ctx->params.plugin_path;
    if (!more)
        more = secure_getenv("LIMBECK_PLUGIN_PATH");
    ctx->params.plugin_path = lbk__arena_str(&ctx->arena, "%s%s%s", more ? more : "",
                                             more && *more ? ":" : "", LBK_PLUGIN_DIR);
    return ctx->params.plugin_path ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "context: out of memory");
}

static lbk_status register_all(lbk_ctx *ctx)
{
    lbk_status st = lbk__register(ctx, NULL, lbk__register_builtins);
    for (const struct lbk_plugin *const *b = ctx->params.builtins; !st && b && *b; b++)
        st = lbk__plugin_builtin(ctx, *b);
    return st;
}

static bool make_locks(lbk_ctx *ctx)
{
    pthread_mutexattr_t a;
    if (pthread_mutexattr_init(&a))
        return false;
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    const bool ok = !pthread_mutex_init(&ctx->lock, NULL) && !pthread_mutex_init(&ctx->loading, &a);
    pthread_mutexattr_destroy(&a);
    return ok;
}

lbk_status lbk_ctx_create(const struct lbk_ctx_params *p, lbk_ctx **out)
{
    lbk_ctx *ctx = calloc(1, sizeof *ctx);
    *out = NULL;
    if (!ctx || !make_locks(ctx)) {
        free(ctx);
        return LBK_ENOMEM; /* the one failure that nobody is there to log */
    }
    lbk_status st = fill_params(ctx, p);
    if (!st)
        st = register_all(ctx);
    if (st)
        lbk_ctx_destroy(&ctx);
    *out = ctx;
    return st;
}

void lbk_ctx_destroy(lbk_ctx **c)
{
    lbk_ctx *ctx = *c;
    if (!ctx)
        return;
    for (int i = 0; i <= LBK_METRICS; i++)
        free(ctx->registry[i].at);
    lbk__arena_finish(&ctx->arena);
    pthread_mutex_destroy(&ctx->loading);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
    *c = NULL;
}
