/* SPDX-License-Identifier: MIT */
/* Settings find their owners; methods find their stages. */
#include "unit.h"
#include <limbeck/plugin.h>
#include "registry.h"
#include "schedule.h"

struct two {
    struct lbk_ramp weight;
    int64_t n;
};
static const struct lbk_opt opts[] = {
    LBK_WEIGHT(two, weight, "1", "of the teacher"),
    LBK_INT(two, n, 3, 0, 10, "a number"),
    LBK_OPTS_END,
};

static void objective(lbk_objective *o, const void *cfg) {}

static lbk_status two(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role table[] = { { "helper", NULL, LBK_TRAINED, 0 }, { 0 } };
    static const struct lbk_role roles[] = { { "student", NULL, LBK_TRAINED, 0 },
                                             { "teacher", NULL, LBK_FROZEN, 0 },
                                             { 0 } };
    lbk_schedule_add(out,
                     LBK_DESC(lbk_stage, .name = "first", .roles = table, .objective = objective));
    lbk_schedule_bind(out, "teacher", "table", "soft");
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "second", .roles = roles, .objective = objective));
}

static lbk_status outer(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    return lbk_schedule_method(out, "two", "n=%d", 7);
}

static lbk_status endless(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    return lbk_schedule_method(out, "endless", NULL);
}

static lbk_status silent(lbk_ctx *ctx, const void *cfg, lbk_schedule *out) { return LBK_EINVAL; }

static lbk_status setup(lbk_registrar *r)
{
    lbk_register_method(r, LBK_DESC(lbk_method, .name = "two", .opts = opts,
                                    .cfg_size = sizeof(struct two), .schedule = two));
    lbk_register_method(r, LBK_DESC(lbk_method, .name = "outer", .schedule = outer));
    lbk_register_method(r, LBK_DESC(lbk_method, .name = "endless", .schedule = endless));
    return lbk_register_method(r, LBK_DESC(lbk_method, .name = "silent", .schedule = silent));
}

static int start(void **state)
{
    return unit_start(state) ? -1 : lbk__register(unit_ctx(state), NULL, setup);
}

static lbk_status make(void **state, const char *method, int n, const struct lbk_setting *at,
                       bool plain, struct settings **set, lbk_schedule **s)
{
    *s = NULL;
    assert_int_equal(lbk__settings_create(unit_ctx(state), n, at, set), LBK_OK);
    return lbk__schedule_create(unit_ctx(state), *set, method, plain, s);
}

static void drop(struct settings **set, lbk_schedule **s)
{
    lbk__schedule_destroy(s);
    lbk__settings_destroy(set);
}

static void stages_and_bindings(void **state)
{
    struct settings *set;
    lbk_schedule *s;
    assert_int_equal(make(state, "two", 0, NULL, false, &set, &s), LBK_OK);
    assert_int_equal(s->n, 2);
    assert_string_equal(lbk__stage_delivers(s), "student");
    assert_false(s->stage[0].delivers);
    assert_true(s->stage[1].delivers);
    assert_string_equal(s->stage[0].d.streams[0].name, "train");
    assert_null(lbk__schedule_binding(s, &s->stage[0], "teacher"));
    assert_string_equal(lbk__schedule_binding(s, &s->stage[1], "teacher")->artifact, "soft");
    drop(&set, &s);
}

static void plain_drops_what_nobody_reads(void **state)
{
    const struct lbk_setting off = { "two.weight", "0" };
    for (int i = 0; i < 2; i++) {
        struct settings *set;
        lbk_schedule *s;
        assert_int_equal(make(state, "two", i, &off, i == 0, &set, &s), LBK_OK);
        assert_int_equal(s->n, 1);
        assert_int_equal(s->n_all, 2);
        assert_string_equal(s->stage[0].d.name, "second");
        assert_true(s->stage[0].off);
        drop(&set, &s);
    }
}

/* The user's own term may look at the teacher, so its role is there, but not in plain training. */
static void a_term_keeps_frozen_roles(void **state)
{
    const struct lbk_setting at[] = { { "two.weight", "0" }, { "term.x.loss", "mse" } };
    for (int plain = 0; plain < 2; plain++) {
        struct settings *set;
        lbk_schedule *s;
        assert_int_equal(make(state, "two", 2, at, plain, &set, &s), LBK_OK);
        assert_int_equal(s->n, plain ? 1 : 2);
        assert_int_equal(s->stage[plain ? 0 : 1].off, plain);
        drop(&set, &s);
    }
}

static void defaults_of_another_method_give_way_to_the_user(void **state)
{
    const struct lbk_setting n = { "two.n", "9" };
    for (int i = 0; i < 2; i++) {
        struct settings *set;
        lbk_schedule *s;
        assert_int_equal(make(state, "outer", i, &n, false, &set, &s), LBK_OK);
        assert_int_equal(((const struct two *) s->stage[1].cfg)->n, i ? 9 : 7);
        assert_int_equal(lbk__settings_done(set), LBK_OK);
        drop(&set, &s);
    }
}

static void errors(void **state)
{
    struct settings *set;
    lbk_schedule *s;
    assert_int_equal(make(state, "endless", 0, NULL, false, &set, &s), LBK_EINVAL);
    assert_unit_error(state,
                      "method: method 'endless': methods that use each other more than 8 deep");
    drop(&set, &s);
    assert_int_equal(make(state, "silent", 0, NULL, false, &set, &s), LBK_EINVAL);
    assert_unit_error(state, "method 'silent': its schedule failed without saying why");
    drop(&set, &s);
    const struct lbk_setting wrong = { "two.n", "11" };
    assert_int_equal(make(state, "two", 1, &wrong, false, &set, &s), LBK_EINVAL);
    assert_unit_error(state, "two.n: expected 0..10, got '11'");
    drop(&set, &s);
    const struct lbk_setting typo = { "two.wieght", "1" };
    assert_int_equal(make(state, "two", 1, &typo, false, &set, &s), LBK_OK);
    assert_int_equal(lbk__settings_done(set), LBK_ENOENT);
    assert_unit_error(state, "two.wieght: no such setting; did you mean 'two.weight'?");
    drop(&set, &s);
}

static void the_last_of_a_name_wins(void **state)
{
    const struct lbk_setting at[] = { { "a", "1" }, { "b.x", "2" }, { "a", "3" } }, *list;
    struct settings *set;
    assert_int_equal(lbk__settings_create(unit_ctx(state), 3, at, &set), LBK_OK);
    assert_string_equal(lbk__setting(set, "a"), "3");
    assert_null(lbk__setting(set, "c"));
    assert_int_equal(lbk__settings_list(set, "b", &list), 1);
    assert_string_equal(list[0].name, "x");
    assert_int_equal(lbk__settings_done(set), LBK_OK);
    lbk__settings_destroy(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stages_and_bindings, start, unit_stop),
        cmocka_unit_test_setup_teardown(plain_drops_what_nobody_reads, start, unit_stop),
        cmocka_unit_test_setup_teardown(a_term_keeps_frozen_roles, start, unit_stop),
        cmocka_unit_test_setup_teardown(defaults_of_another_method_give_way_to_the_user, start,
                                        unit_stop),
        cmocka_unit_test_setup_teardown(errors, start, unit_stop),
        cmocka_unit_test_setup_teardown(the_last_of_a_name_wins, start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
