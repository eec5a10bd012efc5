/* SPDX-License-Identifier: MIT */
/* How descriptors get into the registries: staged by a registrar, all or none of them committed. */
#ifndef LBK_SRC_REGISTRY_H
#define LBK_SRC_REGISTRY_H
#include "ctx.h"

struct staged {
    enum lbk_registry which;
    struct registry_entry entry;
};
struct lbk_registrar {
    lbk_ctx *ctx;
    const struct module *from; /* NULL = the library itself */
    lbk_status status;
    struct staged *at;
    int64_t n, cap;
};

/* Runs setup, commits what it registered if it returns LBK_OK. [ctx->loading held] */
lbk_status lbk__register(lbk_ctx *ctx, const struct module *from,
                         lbk_status (*setup)(lbk_registrar *r));
/* What the library brings along. */
lbk_status lbk__register_builtins(lbk_registrar *r);
lbk_status lbk__register_losses(lbk_registrar *r);
lbk_status lbk__register_data(lbk_registrar *r);

/* "method", "loss" */
const char *lbk__registry_kind(enum lbk_registry which);

#endif
