/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "plugin.h"
#include "registry.h"
#include "str.h"

static const char *const kinds[] = {
    [LBK_OPS] = "operator",         [LBK_BACKENDS] = "backend", [LBK_MODELS] = "model",
    [LBK_LOSSES] = "loss",          [LBK_METHODS] = "method",   [LBK_SOURCES] = "source",
    [LBK_TRANSFORMS] = "transform", [LBK_TASKS] = "task",       [LBK_METRICS] = "metric",
};

const char *lbk__registry_kind(enum lbk_registry which) { return kinds[which]; }

/* Where name is, or would be. */
static int place(const struct registry *r, const char *name)
{
    int lo = 0, hi = r->n;
    while (lo < hi) {
        const int mid = (lo + hi) / 2;
        if (strcmp(r->at[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool look_up(const lbk_ctx *ctx, enum lbk_registry which, const char *name,
                    struct registry_entry *out)
{
    pthread_mutex_t *lock = (pthread_mutex_t *) &ctx->lock;
    const struct registry *r = &ctx->registry[which];
    pthread_mutex_lock(lock);
    const int i = place(r, name);
    const bool found = i < r->n && !strcmp(r->at[i].name, name);
    if (found)
        *out = r->at[i];
    pthread_mutex_unlock(lock);
    return found;
}

const void *lbk_registry_find(const lbk_ctx *ctx, enum lbk_registry which, const char *name)
{
    struct registry_entry e;
    return look_up(ctx, which, name, &e) ? e.desc : NULL;
}

const struct module *lbk__registry_module(const lbk_ctx *ctx, enum lbk_registry which,
                                          const char *name)
{
    struct registry_entry e;
    return look_up(ctx, which, name, &e) ? e.from : NULL;
}

const void *lbk_registry_next(const lbk_ctx *ctx, enum lbk_registry which, const void *prev)
{
    pthread_mutex_t *lock = (pthread_mutex_t *) &ctx->lock;
    const struct registry *r = &ctx->registry[which];
    int i = 0;
    pthread_mutex_lock(lock);
    while (prev && i < r->n && r->at[i++].desc != prev)
        ;
    const void *next = i < r->n ? r->at[i].desc : NULL;
    pthread_mutex_unlock(lock);
    return next;
}

const char *lbk__registry_nearest(const lbk_ctx *ctx, enum lbk_registry which, const char *name)
{
    pthread_mutex_t *lock = (pthread_mutex_t *) &ctx->lock;
    const struct registry *r = &ctx->registry[which];
    const char *best = NULL;
    int room = lbk__distance_max(name);
    pthread_mutex_lock(lock);
    for (int i = 0; i < r->n; i++) {
        const int d = lbk__distance(name, r->at[i].name, room);
        if (d <= room)
            best = r->at[i].name, room = d - 1;
    }
    pthread_mutex_unlock(lock);
    return best;
}

/* Room first, so that the inserts cannot fail half way. */
static bool reserve(lbk_registrar *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        struct registry *to = &r->ctx->registry[r->at[i].which];
        while (to->cap < to->n + r->n)
            if (!lbk__grow(&to->at, to->cap, &to->cap, sizeof *to->at))
                return false;
    }
    return true;
}

static lbk_status commit(lbk_registrar *r)
{
    pthread_mutex_lock(&r->ctx->lock);
    const bool room = reserve(r);
    for (int64_t i = 0; room && i < r->n; i++) {
        struct registry *to = &r->ctx->registry[r->at[i].which];
        const int at = place(to, r->at[i].entry.name);
        memmove(&to->at[at + 1], &to->at[at], (size_t) (to->n - at) * sizeof *to->at);
        to->at[at] = r->at[i].entry;
        to->n++;
    }
    pthread_mutex_unlock(&r->ctx->lock);
    return room ? LBK_OK : lbk_fail(r->ctx, LBK_ENOMEM, "registry: out of memory");
}

static unsigned errors(lbk_ctx *ctx)
{
    pthread_mutex_lock(&ctx->lock);
    const unsigned n = ctx->errors;
    pthread_mutex_unlock(&ctx->lock);
    return n;
}

lbk_status lbk__register(lbk_ctx *ctx, const struct module *from,
                         lbk_status (*setup)(lbk_registrar *r))
{
    lbk_registrar r = { ctx, from, LBK_OK, NULL, 0, 0 };
    const unsigned before = errors(ctx);
    lbk_status st = setup(&r);
    if (st && !r.status && errors(ctx) == before)
        lbk_fail(ctx, st, "%s: its setup failed (%s) and did not say why",
                 from ? from->file : "limbeck", lbk_status_name(st));
    if (!st)
        st = r.status ? r.status : commit(&r);
    free(r.at);
    return st;
}

static const char *source_of(const struct module *from)
{
    return from ? from->file : "limbeck itself";
}

static lbk_status refuse_duplicate(lbk_registrar *r, enum lbk_registry which, const char *name)
{
    struct registry_entry e;
    if (look_up(r->ctx, which, name, &e))
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "%s: expected a new %s, found '%s', which %s has registered",
                        source_of(r->from), kinds[which], name, source_of(e.from));
    for (int64_t i = 0; i < r->n; i++)
        if (r->at[i].which == which && !strcmp(r->at[i].entry.name, name))
            return lbk_fail(r->ctx, LBK_EINVAL,
                            "%s: expected a new %s, found '%s' a second time in the same file",
                            source_of(r->from), kinds[which], name);
    return LBK_OK;
}

/* Losses of a module are called module.loss. */
static lbk_status check_name(lbk_registrar *r, enum lbk_registry which, const char *name)
{
    const char *own = name;
    if (name && which == LBK_LOSSES && r->from) {
        const char *module = r->from->plugin->name;
        const size_t n = strlen(module);
        if (strncmp(name, module, n) || name[n] != '.')
            return lbk_fail(r->ctx, LBK_EINVAL,
                            "%s: expected a loss named %s.<name>, found '%.80s'",
                            source_of(r->from), module, name);
        own = name + n + 1;
    }
    if (!name || !lbk__is_name(own))
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "%s: expected a %s named [a-z][a-z0-9_]*, found '%.80s'",
                        source_of(r->from), kinds[which], name ? name : "");
    return LBK_OK;
}

/* desc: the host's full-sized copy, of which the module knew `size` bytes; name is inside of it. */
static lbk_status stage(lbk_registrar *r, enum lbk_registry which, const void *desc,
                        const char *name, const char *lacks)
{
    lbk_status st = check_name(r, which, name);
    if (!st && lacks)
        st = lbk_fail(r->ctx, LBK_EINVAL, "%s: %s '%s' lacks %s", source_of(r->from), kinds[which],
                      name, lacks);
    if (!st)
        st = refuse_duplicate(r, which, name);
    if (!st && !lbk__grow(&r->at, r->n, &r->cap, sizeof *r->at))
        st = lbk_fail(r->ctx, LBK_ENOMEM, "registry: out of memory");
    if (!st)
        r->at[r->n++] = (struct staged){ which, { desc, name, r->from } };
    return r->status = st;
}

static void *copy(lbk_registrar *r, enum lbk_registry which, const void *d, size_t full,
                  size_t least)
{
    uint32_t size;
    if (r->status)
        return NULL;
    memcpy(&size, d, sizeof size);
    if (size < least) {
        r->status = lbk_fail(r->ctx, LBK_EABI,
                             "%s: expected a %s descriptor of at least %zu bytes, found %u",
                             source_of(r->from), kinds[which], least, (unsigned) size);
        return NULL;
    }
    void *own = lbk__arena_get(&r->ctx->arena, full);
    if (!own)
        r->status = lbk_fail(r->ctx, LBK_ENOMEM, "registry: out of memory");
    else
        memcpy(own, d, size < full ? size : full);
    return own;
}

/* What a descriptor must have: the name of the first that it lacks, or NULL. */
#define LACKS(c, member) (!(c)->member ? #member : NULL)
#define FIRST(a, b)      ((a) ? (a) : (b))
#define REGISTER(T, which, lacks)                                                                  \
 lbk_status lbk_register_##T(lbk_registrar *r, const struct lbk_##T *d)                            \
 {                                                                                                 \
  struct lbk_##T *c =                                                                              \
      copy(r, which, d, sizeof *d, offsetof(struct lbk_##T, name) + sizeof d->name);               \
  return c ? stage(r, which, c, c->name, lacks) : r->status;                                       \
 }

REGISTER(op, LBK_OPS, c->ref || c->lower ? NULL : "ref and lower")
REGISTER(backend, LBK_BACKENDS, FIRST(LACKS(c, probe), LACKS(c, open)))
REGISTER(model, LBK_MODELS, LACKS(c, build))
REGISTER(loss, LBK_LOSSES, FIRST(LACKS(c, inputs), LACKS(c, build)))
REGISTER(method, LBK_METHODS, LACKS(c, schedule))
REGISTER(source, LBK_SOURCES,
         FIRST(FIRST(LACKS(c, open), LACKS(c, close)),
               FIRST(LACKS(c, count), FIRST(LACKS(c, fields), LACKS(c, read)))))
REGISTER(transform, LBK_TRANSFORMS, LACKS(c, apply))
REGISTER(task, LBK_TASKS, LACKS(c, terms))
REGISTER(metric, LBK_METRICS, FIRST(LACKS(c, add), LACKS(c, end)))

lbk_ctx *lbk_reg_ctx(lbk_registrar *r) { return r->ctx; }

#define LBK_OP_ENTRY(name) extern const struct lbk_op lbk_op_##name;
#include "ops_list.h"
#undef LBK_OP_ENTRY

static lbk_status register_ops(lbk_registrar *r)
{
    static const struct lbk_op *const ops[] = {
#define LBK_OP_ENTRY(name) &lbk_op_##name,
#include "ops_list.h"
#undef LBK_OP_ENTRY
        NULL,
    };
    lbk_status st = LBK_OK;
    for (int i = 0; ops[i]; i++)
        st = lbk_register_op(r, ops[i]);
    return st;
}

lbk_status lbk__register_builtins(lbk_registrar *r)
{
    register_ops(r);
    lbk__register_losses(r);
    return lbk__register_data(r);
}

/* Module that a name belongs to by convention, "ssim" of the loss "ssim.mssim", or NULL. */
static const char *module_of(const char *name, char buf[64])
{
    const size_t n = strcspn(name, ".");
    if (n >= 64)
        return NULL;
    memcpy(buf, name, n);
    buf[n] = 0;
    return lbk__is_name(buf) ? buf : NULL;
}

lbk_status lbk__registry_need(lbk_ctx *ctx, enum lbk_registry which, const char *name,
                              const void **out)
{
    char buf[64];
    const char *module = module_of(name, buf);
    lbk_status st = LBK_OK;
    *out = lbk_registry_find(ctx, which, name);
    if (!*out && module)
        st = lbk__plugin_try(ctx, module);
    if (!*out && !st)
        *out = lbk_registry_find(ctx, which, name);
    if (!*out && !st)
        st = lbk_plugin_load_all(ctx);
    if (!*out && !st)
        *out = lbk_registry_find(ctx, which, name);
    if (*out || st)
        return st;
    const char *near = lbk__registry_nearest(ctx, which, name);
    if (near)
        return lbk_fail(ctx, LBK_ENOENT, "%s '%.80s' is unknown; did you mean '%s'?", kinds[which],
                        name, near);
    return lbk_fail(ctx, LBK_ENOENT, "%s '%.80s' is unknown", kinds[which], name);
}

