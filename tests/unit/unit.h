/* SPDX-License-Identifier: MIT */
/* A context for unit tests, which counts what was logged as an error. */
#ifndef LBK_TESTS_UNIT_H
#define LBK_TESTS_UNIT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limbeck/ctx.h>

struct unit {
    lbk_ctx *ctx;
    int errors, infos;
    char info[256]; /* the last of them */
};

static inline lbk_ctx *unit_ctx(void **state) { return ((struct unit *) *state)->ctx; }

static inline void unit_log(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct unit *u = ud;
    u->errors += lvl == LBK_LOG_ERROR;
    if (lvl == LBK_LOG_INFO) {
        u->infos++;
        strncpy(u->info, msg, sizeof u->info - 1);
    }
    if (getenv("LIMBECK_TEST_LOG"))
        print_message("%s\n", msg);
}

static inline int unit_start(void **state)
{
    struct unit *u = calloc(1, sizeof *u);
    const struct lbk_ctx_params p = { .size = sizeof p, .log = unit_log, .log_ud = u, .seed = 1 };
    *state = u;
    return u ? lbk_ctx_create(&p, &u->ctx) : -1;
}

static inline int unit_stop(void **state)
{
    struct unit *u = *state;
    lbk_ctx_destroy(&u->ctx);
    free(u);
    return 0;
}

/* The one failure since the last call said exactly this. */
static inline void assert_unit_error(void **state, const char *message)
{
    struct unit *u = *state;
    char text[1024];
    lbk_last_error(u->ctx, text, sizeof text);
    assert_string_equal(text, message);
    assert_int_equal(u->errors, 1);
    u->errors = 0;
}

#endif
