/* SPDX-License-Identifier: MIT */
#ifndef LBK_SRC_CTX_H
#define LBK_SRC_CTX_H
#include <pthread.h>
#include <limbeck/ctx.h>
#include <limbeck/plugin.h>
#include "arena.h"

struct registry_entry {
    const void *desc;
    const char *name;
    const struct module *from;
};
/* Sorted by name. */
struct registry {
    struct registry_entry *at;
    int n;
    int64_t cap;
};
struct module {
    const struct lbk_plugin *plugin;
    const char *file;
    char sha256[65];
    struct module *next;
};

enum { WARNINGS = 64 };
/* Those of a run, each once; what does not fit is counted. */
struct warnings {
    int n, more;
    char text[WARNINGS][400];
};

struct lbk_ctx {
    struct lbk_ctx_params params;
    pthread_mutex_t lock; /* registries and the last error */
    /* Recursive; held while a module is loaded: guards the arena and the modules. */
    pthread_mutex_t loading;
    char error[1024];
    unsigned errors;    /* how many were logged */
    const char *about, *about_memory; /* of lbk__about */
    struct arena arena; /* descriptors' copies, module records: live as long as the context */
    struct registry registry[LBK_METRICS + 1];
    struct module *modules;
    struct opened *opened; /* of opened.h */
    int held;              /* of lbk__opened_hold */
    struct warnings *warnings; /* where they are kept too; NULL: nowhere. Guarded by lock */
};

/* Failures from now on come from what the user has set under that name; their messages begin with it, "data.val: ...", unless
 * they begin with something below it. Lack of memory can be put down to another one. Both return what was there before, for the
 * caller to put back; NULL = no setting. The names are not copied. [owner thread] */
const char *lbk__about(lbk_ctx *ctx, const char *setting);
const char *lbk__about_memory(lbk_ctx *ctx, const char *setting);

/* The nearest of the names, ended by NULL, by edit distance; NULL when none is near. */
const char *lbk__nearest(const char *name, const char *const *names);
/* The same over a registry. */
const char *lbk__registry_nearest(const lbk_ctx *ctx, enum lbk_registry which, const char *name);
/* Found, or fails saying what kind of thing is unknown, with the nearest name: "method 'reffkd' is
 * unknown; did you mean 'reffakd'?" Loads the module of that name, then all modules, before it
 * gives up. */
lbk_status lbk__registry_need(lbk_ctx *ctx, enum lbk_registry which, const char *name,
                              const void **out);
/* NULL = registered by the library itself. */
const struct module *lbk__registry_module(const lbk_ctx *ctx, enum lbk_registry which,
                                          const char *name);

#endif
