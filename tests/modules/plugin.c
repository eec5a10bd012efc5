/* SPDX-License-Identifier: MIT */
/* One source, many modules: what is wrong with each is chosen by -D. */
#include <limbeck/plugin.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef ABI
# define ABI LBK_ABI
#endif
#ifndef MARK
# define MARK LBK_ABI_MARK
#endif
#ifndef SIZE
# define SIZE sizeof(struct lbk_plugin)
#endif
#ifndef NAME
# define NAME "good"
#endif
#ifndef METHOD
# define METHOD NAME
#endif
#ifndef LOSS
# define LOSS NAME ".loss"
#endif
#ifndef DESC_SIZE
# define DESC_SIZE sizeof(struct lbk_method)
#endif

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out) { return LBK_OK; }
static lbk_val *build(lbk_scope *s, lbk_val *const in[], const void *cfg) { return in[0]; }

static const char *const inputs[] = { "x", NULL };
static const struct lbk_method method = {
    .size = DESC_SIZE, .name = METHOD, .doc = "nothing", .schedule = schedule
};
static const struct lbk_loss loss = {
    .size = sizeof loss, .name = LOSS, .doc = "nothing", .inputs = inputs, .build = build
};

static lbk_status setup(lbk_registrar *r)
{
#ifdef IN_SETUP
    IN_SETUP;
#endif
    lbk_register_method(r, &method);
    return lbk_register_loss(r, &loss);
}

#ifdef IN_CONSTRUCTOR
__attribute__((constructor)) static void early(void) { IN_CONSTRUCTOR; }
#endif

#ifdef NO_SYMBOL
# define SYMBOL other_symbol
#else
# define SYMBOL lbk_plugin
#endif
LBK_EXPORT extern const struct lbk_plugin SYMBOL;
const struct lbk_plugin SYMBOL = { ABI, MARK, SIZE, NAME, "0.1", "MIT", NULL, setup };
