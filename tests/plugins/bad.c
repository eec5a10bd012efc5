/* SPDX-License-Identifier: MIT */
/* A plugin that is wrong in the one way BAD_... says; tests/cli.py knows what must happen. */
#include <limbeck/plugin.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef BAD_duplicate
static lbk_val *build(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    (void) s, (void) cfg;
    return in[0];
}
#endif

static lbk_status setup(lbk_registrar *r)
{
#if defined(BAD_crash)
    raise(SIGSEGV);
#elif defined(BAD_exit)
    exit(0);
#elif defined(BAD_hang)
    for (;;)
        pause();
#elif defined(BAD_fail)
    return LBK_EINVAL;
#elif defined(BAD_duplicate)
    static const char *const inputs[] = { "x", NULL };
    static const struct lbk_loss loss = {
        .size = sizeof loss, .name = "bad.same", .doc = "twice", .inputs = inputs, .build = build
    };
    lbk_register_loss(r, &loss);
    return lbk_register_loss(r, &loss);
#endif
    (void) r;
    return LBK_OK;
}

#if defined(BAD_abi) || defined(BAD_mark)
LBK_EXPORT extern const struct lbk_plugin lbk_plugin;
const struct lbk_plugin lbk_plugin = {
# if defined(BAD_abi)
    LBK_ABI + 0x10000u, LBK_ABI_MARK,
# else
    LBK_ABI, LBK_ABI_MARK + 1,
# endif
    sizeof(struct lbk_plugin), "bad", "0", "MIT", NULL, setup };
#elif defined(BAD_symbol)
LBK_EXPORT extern lbk_status (*const other)(lbk_registrar *r);
lbk_status (*const other)(lbk_registrar *r) = setup;
#else
LBK_PLUGIN(bad, "0", "MIT", NULL, setup);
#endif
