/* SPDX-License-Identifier: MIT */
#include <limbeck/train.h>
lbk_status lbk_plugin_check(lbk_ctx *ctx, const char *path, void (*put)(void *ud, const char *line), void *ud)
{
    (void) path, (void) put, (void) ud;
    return lbk_fail(ctx, LBK_EUNSUPPORTED, "plugin check: not in this build");
}
