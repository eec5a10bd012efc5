/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "ctx.h"
#include "opened.h"

static char *text_of(const lbk_opts *o)
{
    const size_t n = lbk_opts_save(o, NULL, 0) + 1;
    char *text = malloc(n);
    if (text)
        lbk_opts_save(o, text, n);
    return text;
}

static void finish(struct opened *o)
{
    if (o->set)
        o->source->close(o->set);
    lbk_opts_destroy(&o->opts);
    free(o->text);
    free(o);
}

/* From the start after each: one that is made of others is the last user they had. */
static void sweep(lbk_ctx *ctx)
{
    for (struct opened **at = &ctx->opened, *o; !ctx->held && (o = *at);) {
        if (o->users) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        finish(o);
        at = &ctx->opened;
    }
}

static lbk_status add(lbk_ctx *ctx, const struct lbk_source *source, lbk_opts *opts, char *text,
                      struct opened **out)
{
    struct opened *o = calloc(1, sizeof *o);
    if (!o) {
        lbk_opts_destroy(&opts);
        free(text);
        return lbk_fail(ctx, LBK_ENOMEM, "data set: out of memory");
    }
    *o = (struct opened){ .source = source, .opts = opts, .text = text, .users = 1 };
    const lbk_status st = source->open(ctx, lbk_opts_cfg(opts), &o->set);
    if (st) {
        o->set = NULL;
        finish(o);
        return st;
    }
    o->next = ctx->opened;
    *out = ctx->opened = o;
    return LBK_OK;
}

lbk_status lbk__opened_get(lbk_ctx *ctx, const struct lbk_source *source, lbk_opts *opts,
                           struct opened **out)
{
    char *text = text_of(opts);
    struct opened *o = text ? ctx->opened : NULL;
    *out = NULL;
    while (o && (o->source != source || strcmp(o->text, text)))
        o = o->next;
    if (text && !o)
        return add(ctx, source, opts, text, out);
    lbk_opts_destroy(&opts);
    free(text);
    if (!o)
        return lbk_fail(ctx, LBK_ENOMEM, "data set: out of memory");
    o->users++;
    *out = o;
    return LBK_OK;
}

void lbk__opened_put(lbk_ctx *ctx, struct opened **o)
{
    if (*o)
        (*o)->users--;
    *o = NULL;
    sweep(ctx);
}

void lbk__opened_hold(lbk_ctx *ctx) { ctx->held++; }

void lbk__opened_release(lbk_ctx *ctx)
{
    ctx->held--;
    sweep(ctx);
}
