/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <jansson.h>
#include <math.h>
#include "json.h"

static void test_writes(void **state)
{
    struct json j = { 0 };
    lbk__json_begin(&j, NULL, '{');
    lbk__json_string(&j, "a", "q\"\\\n\x01\xc3\xa9");
    lbk__json_string(&j, "none", NULL);
    lbk__json_begin(&j, "v", '[');
    lbk__json_number(&j, NULL, 0.1);
    lbk__json_number(&j, NULL, NAN);
    lbk__json_number(&j, NULL, -INFINITY);
    lbk__json_int(&j, NULL, INT64_MIN);
    lbk__json_end(&j, ']');
    lbk__json_begin(&j, "empty", '{');
    lbk__json_end(&j, '}');
    lbk__json_bool(&j, "ok", true);
    lbk__json_end(&j, '}');
    assert_false(j.out.failed);
    assert_int_equal(j.out.n, strlen(j.out.at));
    assert_string_equal(j.out.at, "{\"a\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\",\"none\":null,\"v\":[0.1,"
                                "null,null,-9223372036854775808],"
                                "\"empty\":{},\"ok\":true}");
    lbk__json_free(&j);
}

/* Whatever the bytes of a string, a strict reader takes what was written. */
static void test_any_bytes(void **state)
{
    uint64_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        char text[12] = { 0 };
        for (int k = 0; k < 11; k++, seed = seed * 6364136223846793005u + 1442695040888963407u)
            text[k] = (char) (1 + (seed >> 40) % 255);
        struct json j = { 0 };
        lbk__json_begin(&j, NULL, '{');
        lbk__json_string(&j, text, text);
        lbk__json_end(&j, '}');
        json_error_t e;
        json_t *back = json_loads(j.out.at, JSON_REJECT_DUPLICATES, &e);
        if (!back)
            fail_msg("%s: %s", j.out.at, e.text);
        json_decref(back);
        lbk__json_free(&j);
    }
}

static void test_lines(void **state)
{
    struct json j = { 0 };
    for (int i = 0; i < 2; i++) {
        lbk__json_begin(&j, NULL, '{');
        lbk__json_int(&j, "i", i);
        lbk__json_end(&j, '}');
        lbk__json_line(&j);
    }
    assert_string_equal(j.out.at, "{\"i\":0}\n{\"i\":1}\n");
    lbk__json_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_writes),
                                        cmocka_unit_test(test_any_bytes),
                                        cmocka_unit_test(test_lines) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
