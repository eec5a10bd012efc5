/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "opt.h"

struct cfg {
    bool on;
    int64_t n;
    double x;
    int mode;
    const char *name;
    const char *const *list;
    struct lbk_numbers v;
    struct lbk_span len;
    struct lbk_ramp lr, w;
};
static const char *const modes[] = { "code", "clean", NULL };
static const struct lbk_opt table[] = {
    LBK_BOOL(cfg, on, true, "a switch"),
    LBK_INT(cfg, n, 3, 0, 1000000000, "a count"),
    LBK_FLOAT(cfg, x, 0.1, 0, 100, "a number"),
    LBK_ENUM(cfg, mode, "clean", modes, "a choice"),
    LBK_STRING(cfg, name, NULL, "a text"),
    LBK_LIST(cfg, list, "a,b", "names"),
    LBK_NUMBERS(cfg, v, "1,2.5", "numbers"),
    LBK_SPAN(cfg, len, "10%", "a length"),
    LBK_RAMP(cfg, lr, "0.1 cos 0", "a rate"),
    LBK_WEIGHT(cfg, w, "0 line 1 20e", "a weight"),
    LBK_OPTS_END,
};

static lbk_opts *fresh(void **state)
{
    lbk_opts *o;
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_opts_create(unit_ctx(state), table, sizeof(struct cfg), &o), LBK_OK);
    assert_int_equal(lbk__opts_prefix(o, "rdd"), LBK_OK);
    return o;
}

static void test_defaults(void **state)
{
    lbk_opts *o = fresh(state);
    const struct cfg *c = lbk_opts_cfg(o);
    assert_true(c->on);
    assert_int_equal(c->n, 3);
    assert_true(c->x == 0.1);
    assert_int_equal(c->mode, 1);
    assert_null(c->name);
    assert_string_equal(c->list[0], "a");
    assert_string_equal(c->list[1], "b");
    assert_null(c->list[2]);
    assert_int_equal(c->v.n, 2);
    assert_true(c->v.v[1] == 2.5);
    assert_true(c->len.n == 10 && c->len.unit == LBK_PERCENT);
    assert_false(lbk__opts_weights_off(o));
    assert_int_equal(lbk__opts_plain(o), LBK_OK);
    assert_true(lbk__opts_weights_off(o));
    assert_false(lbk_ramp_off(c->lr));
    lbk_opts_destroy(&o);
    assert_null(o);
}

static const struct {
    const char *name, *text, *message;
    lbk_status st;
} bad[] = {
    { "x", "200", "rdd.x: expected 0..100, got '200'", LBK_EINVAL },
    { "x", "-1e-9", "rdd.x: expected 0..100, got '-1e-9'", LBK_EINVAL },
    { "x", "1,5", "rdd.x: expected a number, got '1,5'", LBK_EINVAL },
    { "x", "nan", "rdd.x: expected a number, got 'nan'", LBK_EINVAL },
    { "x", "inf", "rdd.x: expected a number, got 'inf'", LBK_EINVAL },
    { "x", "0x10", "rdd.x: expected a number, got '0x10'", LBK_EINVAL },
    { "x", "", "rdd.x: expected a number, got ''", LBK_EINVAL },
    { "x", "1e999", "rdd.x: expected a number, got '1e999'", LBK_EINVAL },
    { "n", "3.5", "rdd.n: expected a whole number, got '3.5'", LBK_EINVAL },
    { "n", "99999999999999999999", "rdd.n: expected a whole number, got '99999999999999999999'",
      LBK_EINVAL },
    { "n", "2000000000", "rdd.n: expected 0..1000000000, got '2000000000'", LBK_EINVAL },
    { "on", "maybe", "rdd.on: expected yes or no, got 'maybe'", LBK_EINVAL },
    { "mode", "claen", "rdd.mode: expected one of code|clean, got 'claen'", LBK_EINVAL },
    { "list", "a,,b", "rdd.list: expected no empty name in the list, got 'a,,b'", LBK_EINVAL },
    { "list", "a,'b",
      "rdd.list: expected names between commas, quotes and brackets closed, got 'a,'b'",
      LBK_EINVAL },
    { "v", "1,two", "rdd.v: expected numbers between commas, got '1,two'", LBK_EINVAL },
    { "len", "20x", "rdd.len: expected a span as 4000 (steps), 20e (epochs) or 10%, got '20x'",
      LBK_EINVAL },
    { "lr", "fast", "rdd.lr: expected a number first, got 'fast'", LBK_EINVAL },
    { "lr", "1e39 cos 0", "rdd.lr: expected at most 3.4e38, got '1e39 cos 0'", LBK_EINVAL },
    { "name", "a\nb", "rdd.name: expected text without control characters, got 'a'", LBK_EINVAL },
    { "mdoe", "code", "rdd.mdoe: no such option; did you mean 'mode'?", LBK_ENOENT },
    { "zebra", "1", "rdd.zebra: no such option", LBK_ENOENT },
};

static void test_refusals(void **state)
{
    lbk_opts *o = fresh(state);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(lbk_opts_set(o, bad[i].name, bad[i].text), bad[i].st);
        assert_unit_error(state, bad[i].message);
    }
    const struct cfg *c = lbk_opts_cfg(o);
    assert_true(c->x == 0.1 && c->n == 3 && c->mode == 1);
    lbk_opts_destroy(&o);
}

static void test_text_form(void **state)
{
    lbk_opts *o = fresh(state);
    const struct cfg *c = lbk_opts_cfg(o);
    assert_int_equal(lbk_opts_parse(o, " n=7, x=1e2,mode=code ,on=off,list=[p,q r],v=[1,2,3],"
                                       "name='a, b=c',lr=0.02 poly 0.9"),
                     LBK_OK);
    assert_int_equal(c->n, 7);
    assert_true(c->x == 100 && !c->on && c->mode == 0);
    assert_string_equal(c->list[1], "q r");
    assert_null(c->list[2]);
    assert_true(c->v.n == 3 && c->v.v[2] == 3);
    assert_string_equal(c->name, "a, b=c");
    assert_int_equal(lbk_opts_parse(o, "on,v=104:117:123"), LBK_OK);
    assert_true(c->on && c->v.v[1] == 117);
    assert_int_equal(lbk_opts_parse(o, NULL), LBK_OK);
    assert_int_equal(lbk_opts_parse(o, "  "), LBK_OK);
    assert_int_equal(lbk_opts_parse(o, "n"), LBK_EINVAL);
    assert_unit_error(state, "rdd.n: expected name=value, got 'n'");
    assert_int_equal(lbk_opts_parse(o, "v=[1,2"), LBK_EINVAL);
    assert_unit_error(state, "rdd.options: expected quotes and brackets that close, got 'v=[1,2'");
    lbk_opts_destroy(&o);
}

/* Every line that save writes is taken by set, and saves the same again. */
static void test_save_and_set(void **state)
{
    lbk_opts *a = fresh(state), *b = fresh(state);
    char first[2000], again[2000], *line, *rest = NULL;
    assert_int_equal(lbk_opts_parse(a, "n=9,x=0.3333333333333333,on=no,name='x y',list=[],"
                                       "w=0.5 x0.1 10e 20e warm 5 0.1"),
                     LBK_OK);
    const size_t n = lbk_opts_save(a, first, sizeof first);
    assert_int_equal(n, strlen(first));
    assert_int_equal(lbk_opts_save(a, again, 10), n);
    assert_int_equal(strlen(again), 9);
    char *copy = strdup(first);
    for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *eq = strchr(line, '=');
        assert_non_null(eq);
        *eq = 0;
        assert_int_equal(lbk_opts_set(b, line, eq + 1), LBK_OK);
    }
    lbk_opts_save(b, again, sizeof again);
    assert_string_equal(first, again);
    assert_non_null(strstr(first, "x=0.3333333333333333\n"));
    free(copy);
    lbk_opts_destroy(&a);
    lbk_opts_destroy(&b);
}

static void keep(void *ud, const char *line)
{
    char *all = ud;
    strcat(strcat(all, line), "\n");
}

static void test_help(void **state)
{
    char all[4000] = "";
    lbk_opts_help(table, keep, all);
    assert_non_null(strstr(all, "0..1000000000"));
    assert_non_null(strstr(all, "code|clean"));
    assert_non_null(strstr(all, "0 line 1 20e"));
    assert_non_null(strstr(all, "a choice\n"));
    lbk_opts_help(NULL, keep, all);
}

static void test_broken_tables(void **state)
{
    const struct lbk_opt past[] = { { "a", "", LBK_OPT_FLOAT, 4, 0, 0, 0, NULL, NULL },
                                    LBK_OPTS_END };
    const struct lbk_opt type[] = { { "a", "", (enum lbk_opt_type) 99, 0, 0, 0, 0, NULL, NULL },
                                    LBK_OPTS_END };
    const struct lbk_opt range[] = { { "a", "", LBK_OPT_INT, 0, 5, 0, 4, NULL, NULL },
                                     LBK_OPTS_END };
    lbk_opts *o = NULL;
    assert_int_equal(lbk_opts_create(unit_ctx(state), past, 8, &o), LBK_EINVAL);
    assert_int_equal(lbk_opts_create(unit_ctx(state), type, 8, &o), LBK_EINVAL);
    assert_int_equal(lbk_opts_create(unit_ctx(state), range, 8, &o), LBK_EINVAL);
    assert_null(o);
    assert_int_equal(lbk_opts_create(unit_ctx(state), NULL, 0, &o), LBK_OK);
    assert_int_equal(lbk_opts_set(o, "a", "1"), LBK_ENOENT);
    lbk_opts_destroy(&o);
    lbk_opts_destroy(&o);
}

/* Any text is taken or refused, with one line, and what was taken is saved and read back. */
static void test_any_text(void **state)
{
    static const char letters[] = "0123456789.,:=-+eE%x/ ab[]'\"linepolycoswarmonoffT";
    uint64_t draw = 3;
    for (int i = 0; i < 20000; i++) {
        char text[24] = "", saved[2000], again[2000];
        lbk_opts *o = fresh(state), *b = fresh(state);
        for (int k = 0; k < 5 + i % 19; k++, draw = draw * 6364136223846793005u + 1)
            text[k] = letters[(draw >> 33) % (sizeof letters - 1)];
        const struct lbk_opt *d = &table[i % 10];
        const lbk_status st = i % 3 ? lbk_opts_set(o, d->name, text) : lbk_opts_parse(o, text);
        assert_int_equal(((struct unit *) *state)->errors, st ? 1 : 0);
        lbk_opts_save(o, saved, sizeof saved);
        char *rest = NULL, *copy = strdup(saved);
        for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            char *eq = strchr(line, '=');
            *eq = 0;
            assert_int_equal(lbk_opts_set(b, line, eq + 1), LBK_OK);
        }
        lbk_opts_save(b, again, sizeof again);
        assert_string_equal(saved, again);
        free(copy);
        lbk_opts_destroy(&o);
        lbk_opts_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_text_form), cmocka_unit_test(test_save_and_set),
        cmocka_unit_test(test_help),      cmocka_unit_test(test_broken_tables),
        cmocka_unit_test(test_any_text),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
