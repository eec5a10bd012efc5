/* SPDX-License-Identifier: MIT */
/* Inside of the module loader. */
#ifndef LBK_SRC_PLUGIN_H
#define LBK_SRC_PLUGIN_H
#include "ctx.h"

/* The first members of struct lbk_plugin, which never move. */
struct plugin_head {
    uint32_t abi, mark, size;
};
/* false: text says what was expected and what was found. */
bool lbk__plugin_check_head(const struct plugin_head *h, const char *file, char *text, size_t size);

/* As lbk_plugin_load by name, but LBK_OK when there is no such file. */
lbk_status lbk__plugin_try(lbk_ctx *ctx, const char *name);
lbk_status lbk__plugin_builtin(lbk_ctx *ctx, const struct lbk_plugin *plugin);

#endif
