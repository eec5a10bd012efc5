/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctx.h"

static void say(lbk_ctx *ctx, enum lbk_log_level lvl, const char *text)
{
    if (lvl <= ctx->params.log_level && ctx->params.log)
        ctx->params.log(ctx->params.log_ud, lvl, text);
}

void lbk_ctx_log(lbk_ctx *ctx, enum lbk_log_level lvl, const char *fmt, ...)
{
    char text[1024];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    say(ctx, lvl, text);
}

lbk_status lbk_fail(lbk_ctx *ctx, lbk_status st, const char *fmt, ...)
{
    char text[sizeof ctx->error];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    pthread_mutex_lock(&ctx->lock);
    memcpy(ctx->error, text, sizeof text);
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
