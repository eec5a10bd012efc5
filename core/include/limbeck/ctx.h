/* SPDX-License-Identifier: MIT */
#ifndef LBK_CTX_H
#define LBK_CTX_H
#include <limbeck/base.h>
LBK_BEGIN

enum lbk_log_level { LBK_LOG_ERROR, LBK_LOG_WARN, LBK_LOG_INFO, LBK_LOG_DEBUG, LBK_LOG_TRACE };

struct lbk_ctx_params {
    uint32_t size;
    void (*log)(void *ud, enum lbk_log_level lvl, const char *msg);  /* whole lines, no newline; any thread */
    void *log_ud;
    enum lbk_log_level log_level;
    const char *plugin_path;                        /* extra directories, ':' separated; NULL = $LIMBECK_PLUGIN_PATH, then libdir */
    const struct lbk_plugin *const *builtins;        /* NULL-terminated; static builds pass lbk_builtin_plugins */
    uint64_t seed;
    int threads;                                    /* 0 = one per core */
};

LBK_API lbk_status lbk_ctx_create(const struct lbk_ctx_params *p, lbk_ctx **out);
LBK_API void      lbk_ctx_destroy(lbk_ctx **ctx);      /* accepts a pointer to NULL; leaves NULL behind */

/* The one way to fail: formats, logs at ERROR, remembers the text, returns `st`. */
LBK_API lbk_status lbk_fail(lbk_ctx *ctx, lbk_status st, const char *fmt, ...) LBK_PRINTF(3, 4);
LBK_API void      lbk_ctx_log(lbk_ctx *ctx, enum lbk_log_level lvl, const char *fmt, ...) LBK_PRINTF(3, 4);
LBK_API size_t    lbk_last_error(lbk_ctx *ctx, char *buf, size_t size);

LBK_END
#endif
