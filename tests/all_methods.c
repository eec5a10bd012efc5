/* SPDX-License-Identifier: MIT */
/* Every registered method and loss stands what `limbeck plugin check` asks of those of a module:
 * all_methods [--device DEVICE] [METHOD ...] */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <limbeck/train.h>
#include "check.h"
#include "testing.h"

static lbk_ctx *ctx;
static const char *device;
static char **named; /* methods; none = all */

static bool is_named(const char *method)
{
    for (char **n = named; *n; n++)
        if (!strcmp(*n, method))
            return true;
    return !*named;
}

static int start(void **state)
{
    ctx = testing_ctx();
    return ctx ? 0 : -1;
}

static int stop(void **state)
{
    lbk_ctx_destroy(&ctx);
    return 0;
}

static void put(void *ud, const char *line) { print_message("%s\n", line); }

static void methods(void **state)
{
    struct check c = { .ctx = ctx, .device = device, .put = put };
    int n = 0;
    for (const struct lbk_method *m = NULL; (m = lbk_registry_next(ctx, LBK_METHODS, m));) {
        if (!is_named(m->name))
            continue;
        n++;
        char folder[] = "/tmp/limbeck-methods-XXXXXX";
        assert_non_null(mkdtemp(folder));
        lbk__check_method(&c, m, folder);
    }
    assert_true(n >= (*named ? 1 : 3));
    assert_int_equal(c.failed, 0);
}

static void losses(void **state)
{
    struct check c = { .ctx = ctx, .put = put };
    int n = 0;
    for (const struct lbk_loss *l = NULL; (l = lbk_registry_next(ctx, LBK_LOSSES, l)); n++)
        lbk__check_loss(&c, l);
    assert_true(n >= 5);
    assert_int_equal(c.failed, 0);
}

static void count(void *ud, const char *line) { ++*(int *) ud; }

static void descriptions(void **state)
{
    for (const struct lbk_method *m = NULL; (m = lbk_registry_next(ctx, LBK_METHODS, m));) {
        int n = 0;
        assert_int_equal(lbk_method_describe(ctx, m->name, 0, NULL, count, &n), LBK_OK);
        assert_true(n >= 1);
    }
}

int main(int argc, char **argv)
{
    device = testing_device(argc, argv);
    named = argv + (argc > 2 && !strcmp(argv[1], "--device") ? 3 : 1);
    const struct CMUnitTest tests[] = { cmocka_unit_test(descriptions), cmocka_unit_test(losses),
                                        cmocka_unit_test(methods) };
    return cmocka_run_group_tests(tests, start, stop);
}
