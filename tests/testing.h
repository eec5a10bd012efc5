/* SPDX-License-Identifier: MIT */
/* A context with every module loaded, that says on stderr what goes wrong. */
#ifndef LBK_TESTS_TESTING_H
#define LBK_TESTS_TESTING_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/plugin.h>

#ifdef LBK_STATIC_PLUGIN
extern const struct lbk_plugin *const lbk_builtin_plugins[];
#endif

static inline void testing_log(void *ud, enum lbk_log_level lvl, const char *msg)
{
    fprintf(stderr, "%s\n", msg);
}

static inline lbk_ctx *testing_ctx(void)
{
    struct lbk_ctx_params p = {
        .size = sizeof p, .log = testing_log, .log_level = LBK_LOG_WARN, .seed = 1, .threads = 2
    };
    lbk_ctx *ctx = NULL;
#ifdef LBK_STATIC_PLUGIN
    p.builtins = lbk_builtin_plugins;
#endif
    if (lbk_ctx_create(&p, &ctx) || lbk_plugin_load_all(ctx))
        lbk_ctx_destroy(&ctx);
    return ctx;
}

/* What follows --device, or the processor. */
static inline const char *testing_device(int argc, char **argv)
{
    return argc > 2 && !strcmp(argv[1], "--device") ? argv[2] : "cpu";
}

/* A folder with all in it. 0 = done. */
static inline int testing_remove(const char *folder)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

#endif
