/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

#ifdef LBK_STATIC_PLUGIN
extern const struct lbk_plugin *const lbk_builtin_plugins[];
# define BUILTINS lbk_builtin_plugins
#else
# define BUILTINS NULL
#endif

static enum lbk_log_level log_level(const struct cli *c)
{
    if (c->verbose < 0)
        return LBK_LOG_ERROR;
    if (c->verbose > 0)
        return c->verbose > 1 ? LBK_LOG_TRACE : LBK_LOG_DEBUG;
    return c->command->flags & CMD_RUNS ? LBK_LOG_INFO : LBK_LOG_WARN;
}

static int open_context(struct cli *c)
{
    int64_t seed = 0, threads = 0;
    int bad = cli_take_int(c, "seed", 0, INT64_MAX, &seed);
    if (!bad)
        bad = cli_take_int(c, "threads", 1, 1024, &threads);
    if (bad)
        return bad;
    const struct lbk_ctx_params p = { .size = sizeof p,
                                      .log = cli_log,
                                      .log_ud = c,
                                      .log_level = log_level(c),
                                      .builtins = BUILTINS,
                                      .seed = (uint64_t) seed,
                                      .threads = (int) threads };
    const lbk_status st = lbk_ctx_create(&p, &c->ctx);
    return st ? cli_fail(c, cli_exit_code(st), "cannot start: %s", lbk_status_name(st)) : 0;
}

static int run(struct cli *c)
{
    if (c->command->flags & CMD_RUNS)
        signal(SIGPIPE,
               SIG_IGN); /* a reader that goes away must not end a run before it is saved */
    if (!(c->command->flags & CMD_NO_CTX)) {
        const int bad = open_context(c);
        if (bad)
            return bad;
    }
    return c->command->run(c);
}

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
}

int main(int argc, char **argv)
{
    struct cli c = { .colour = wants_colour() };
    int code = cli_args_parse(&c, argc, argv);
    if (!code && (!c.command || c.help)) {
        cli_help_command(c.command);
        code = c.help ? 0 : EXIT_USAGE;
    } else if (!code) {
        code = run(&c);
    }
    if (code && c.json)
        cli_json_error(&c, code);
    if (cli_flush(&c) && !code)
        code = EXIT_IO;
    lbk_ctx_destroy(&c.ctx);
    cli_free(&c);
    return code;
}
