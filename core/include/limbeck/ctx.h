/* SPDX-License-Identifier: MIT */
#ifndef LBK_CTX_H
#define LBK_CTX_H
#include <limbeck/base.h>
LBK_BEGIN

enum lbk_log_level { LBK_LOG_ERROR, LBK_LOG_WARN, LBK_LOG_INFO, LBK_LOG_DEBUG, LBK_LOG_TRACE };

struct lbk_ctx_params {
    uint32_t size;
    /* whole lines, no newline; any thread */
    void (*log)(void *ud, enum lbk_log_level lvl, const char *msg);
    void *log_ud;
    enum lbk_log_level log_level;
    /* extra directories, ':' separated; NULL = $LIMBECK_PLUGIN_PATH, then libdir */
    const char *plugin_path;
    /* NULL-terminated; static builds pass lbk_builtin_plugins */
    const struct lbk_plugin *const *builtins;
    uint64_t seed;
    int threads;                                    /* 0 = one per core */
};

LBK_API lbk_status lbk_ctx_create(const struct lbk_ctx_params *p, lbk_ctx **out);
/* accepts a pointer to NULL; leaves NULL behind */
LBK_API void      lbk_ctx_destroy(lbk_ctx **ctx);

/* The one way to fail: formats, logs at ERROR, remembers the text, returns `st`. */
LBK_API lbk_status lbk_fail(lbk_ctx *ctx, lbk_status st, const char *fmt, ...) LBK_PRINTF(3, 4);
LBK_API void      lbk_ctx_log(lbk_ctx *ctx, enum lbk_log_level lvl, const char *fmt, ...) LBK_PRINTF(3, 4);
LBK_API size_t    lbk_last_error(lbk_ctx *ctx, char *buf, size_t size);

/* Runs fn in a forked child process that reads and prints nothing, and says whether the child lived through it: for calls
 * into drivers, some of which end the program they are in. false: a signal ended it, or it took longer than
 * `seconds`. true also where no child can be made. No other thread of the caller may hold a lock. */
LBK_API bool      lbk_survives(void (*fn)(void *ud), void *ud, double seconds);

LBK_END
#endif
