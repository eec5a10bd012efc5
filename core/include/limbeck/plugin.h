/* SPDX-License-Identifier: MIT */
#ifndef LBK_PLUGIN_H
#define LBK_PLUGIN_H
#include <limbeck/backend.h>
#include <limbeck/ctx.h>
#include <limbeck/data.h>
#include <limbeck/method.h>
#include <limbeck/ops.h>
#include <limbeck/task.h>
LBK_BEGIN

#define LBK_ABI_MAJOR 2                /* layout or meaning changed: old plugins are refused */
#define LBK_ABI_MINOR 0                /* something was appended: old plugins still load */
#define LBK_ABI       ((uint32_t) LBK_ABI_MAJOR << 16 | LBK_ABI_MINOR)
/* Catches what a version number cannot: another LBK_MAX_DIMS, another pointer width, packed
 * enums. */
#define LBK_ABI_FOLD(h, T) ((h) * 131u + (uint32_t) sizeof(T))
#define LBK_ABI_MARK                                                                                 \
    LBK_ABI_FOLD(LBK_ABI_FOLD(LBK_ABI_FOLD(LBK_ABI_FOLD(LBK_ABI_FOLD(LBK_ABI_FOLD(LBK_ABI_FOLD(        \
        0u, void *), lbk_shape), enum lbk_opt_type), struct lbk_opt), struct lbk_ramp),                \
        struct lbk_term), struct lbk_stream)

/* Latches: after a failure every call returns it, so setup() may look at the last one only. */
typedef struct lbk_registrar lbk_registrar;
LBK_API lbk_ctx   *lbk_reg_ctx(lbk_registrar *r);
LBK_API lbk_status lbk_register_op     (lbk_registrar *r, const struct lbk_op *d);
LBK_API lbk_status lbk_register_backend(lbk_registrar *r, const struct lbk_backend *d);
LBK_API lbk_status lbk_register_model  (lbk_registrar *r, const struct lbk_model *d);
LBK_API lbk_status lbk_register_loss   (lbk_registrar *r, const struct lbk_loss *d);
LBK_API lbk_status lbk_register_method (lbk_registrar *r, const struct lbk_method *d);
LBK_API lbk_status lbk_register_source (lbk_registrar *r, const struct lbk_source *d);
LBK_API lbk_status lbk_register_transform(lbk_registrar *r, const struct lbk_transform *d);
LBK_API lbk_status lbk_register_task   (lbk_registrar *r, const struct lbk_task *d);
LBK_API lbk_status lbk_register_metric (lbk_registrar *r, const struct lbk_metric *d);

struct lbk_plugin {
    uint32_t abi, mark, size;         /* read before anything else is trusted; never moved */
    const char *name, *version, *license, *url;
    /* [loader thread] register things, nothing else */
    lbk_status (*setup)(lbk_registrar *r);
};

#ifdef LBK_STATIC_PLUGIN
# define LBK_PLUGIN_SYMBOL(id) lbk_plugin_##id
#else
# define LBK_PLUGIN_SYMBOL(id) lbk_plugin
#endif
#ifdef _WIN32
# define LBK_EXPORT __declspec(dllexport)
#else
# define LBK_EXPORT __attribute__((visibility("default")))
#endif
#define LBK_PLUGIN(id, ver, lic, web, fn)                                                            \
    LBK_EXPORT extern const struct lbk_plugin LBK_PLUGIN_SYMBOL(id);                                   \
    const struct lbk_plugin LBK_PLUGIN_SYMBOL(id) = {                                                 \
        LBK_ABI, LBK_ABI_MARK, sizeof(struct lbk_plugin), #id, ver, lic, web, fn }

/* Application side. */
/* idempotent; never unloaded */
LBK_API lbk_status lbk_plugin_load(lbk_ctx *ctx, const char *name_or_path);
LBK_API lbk_status lbk_plugin_load_all(lbk_ctx *ctx);
/* As lbk_backend_diagnose, of the plugin path: directories that cannot be read, and plugins that do not load. The others are
 * loaded. */
LBK_API int        lbk_plugin_diagnose(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend), void *ud);
/* What is registered, in order of name: of LBK_METHODS a const struct lbk_method *, and so on.
 * prev NULL = the first. */
enum lbk_registry {
    LBK_OPS, LBK_BACKENDS, LBK_MODELS, LBK_LOSSES, LBK_METHODS, LBK_SOURCES, LBK_TRANSFORMS, LBK_TASKS, LBK_METRICS
};
LBK_API const void *lbk_registry_next(const lbk_ctx *ctx, enum lbk_registry which, const void *prev);
LBK_API const void *lbk_registry_find(const lbk_ctx *ctx, enum lbk_registry which, const char *name);

LBK_END
#endif
