/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <stdio.h>
#include "ctx.h"

struct seen {
    int n[LBK_LOG_TRACE + 1];
    char last[1100];
};

static void see(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct seen *s = ud;
    s->n[lvl]++;
    snprintf(s->last, sizeof s->last, "%s", msg);
}

static lbk_ctx *make(struct seen *s, enum lbk_log_level lvl)
{
    const struct lbk_ctx_params p = {
        .size = sizeof p, .log = see, .log_ud = s, .log_level = lvl, .threads = 3, .plugin_path = ""
    };
    lbk_ctx *ctx = NULL;
    assert_int_equal(lbk_ctx_create(&p, &ctx), LBK_OK);
    return ctx;
}

static void test_levels(void **state)
{
    struct seen s = { { 0 }, "" };
    lbk_ctx *ctx = make(&s, LBK_LOG_WARN);
    lbk_ctx_log(ctx, LBK_LOG_INFO, "quiet");
    lbk_ctx_log(ctx, LBK_LOG_WARN, "loud %d", 5);
    assert_string_equal(s.last, "loud 5");
    assert_int_equal(s.n[LBK_LOG_INFO], 0);
    assert_int_equal(lbk_fail(ctx, LBK_EIO, "%s", "broken"), LBK_EIO);
    assert_int_equal(s.n[LBK_LOG_ERROR], 1);
    char text[4];
    assert_int_equal(lbk_last_error(ctx, text, sizeof text), 6);
    assert_string_equal(text, "bro");
    lbk_ctx_destroy(&ctx);
    assert_null(ctx);
    lbk_ctx_destroy(&ctx);
}

static void test_long_message(void **state)
{
    struct seen s = { { 0 }, "" };
    char text[5000];
    lbk_ctx *ctx = make(&s, LBK_LOG_ERROR);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    lbk_fail(ctx, LBK_EINVAL, "%s", text);
    assert_int_equal(strlen(s.last), 1023);
    lbk_ctx_destroy(&ctx);
}

/* A caller built when the struct was shorter: what it does not know of has its default. */
static void test_short_params(void **state)
{
    struct lbk_ctx_params p;
    memset(&p, 0xff, sizeof p);
    p.size = offsetof(struct lbk_ctx_params, seed);
    p.log = NULL, p.log_level = LBK_LOG_ERROR, p.plugin_path = "/x", p.builtins = NULL;
    lbk_ctx *ctx = NULL;
    assert_int_equal(lbk_ctx_create(&p, &ctx), LBK_OK);
    assert_true(ctx->params.seed == 0);
    assert_true(ctx->params.threads >= 1);
    assert_int_equal(strncmp(ctx->params.plugin_path, "/x:", 3), 0);
    lbk_ctx_destroy(&ctx);
    assert_int_equal(lbk_ctx_create(NULL, &ctx), LBK_OK);
    lbk_ctx_destroy(&ctx);
}

static void test_refuses_threads(void **state)
{
    struct seen s = { { 0 }, "" };
    const struct lbk_ctx_params p = { .size = sizeof p, .log = see, .log_ud = &s, .threads = -1 };
    lbk_ctx *ctx = NULL;
    assert_int_equal(lbk_ctx_create(&p, &ctx), LBK_EINVAL);
    assert_null(ctx);
    assert_string_equal(s.last, "context: expected 0..4096 threads, got -1");
}

static void test_status_names(void **state)
{
    for (int i = LBK_EDIVERGED; i <= 0; i++) {
        assert_string_not_equal(lbk_status_name((lbk_status) i), "unknown status");
        for (int k = LBK_EDIVERGED; k < i; k++)
            assert_string_not_equal(lbk_status_name((lbk_status) i),
                                    lbk_status_name((lbk_status) k));
    }
    assert_string_equal(lbk_status_name((lbk_status) 1), "unknown status");
    assert_string_equal(lbk_status_name((lbk_status) -99), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),       cmocka_unit_test(test_long_message),
        cmocka_unit_test(test_short_params), cmocka_unit_test(test_refuses_threads),
        cmocka_unit_test(test_status_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
