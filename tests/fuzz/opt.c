/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "file.h"

struct all {
    bool b;
    int64_t i;
    double f;
    int e;
    const char *s;
    const char *const *list;
    struct lbk_numbers numbers;
    struct lbk_span span;
    struct lbk_ramp ramp, weight;
};
static const char *const choices[] = { "one", "two", NULL };
static const struct lbk_opt table[] = {
    LBK_BOOL(all, b, false, "b"),
    LBK_INT(all, i, 1, -5, 1000, "i"),
    LBK_FLOAT(all, f, 1, 0, 10, "f"),
    LBK_ENUM(all, e, "one", choices, "e"),
    LBK_STRING(all, s, "x", "s"),
    LBK_LIST(all, list, "a,b", "list"),
    LBK_NUMBERS(all, numbers, "1,2", "numbers"),
    LBK_SPAN(all, span, "20e", "span"),
    LBK_RAMP(all, ramp, "0.1 cos 0", "ramp"),
    LBK_WEIGHT(all, weight, "0.5", "weight"),
    LBK_OPTS_END,
};

/* A line is name=value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lbk_opts *o;
    char text[4096], saved[8192], *rest = text;
    if (size >= sizeof text || lbk_opts_create(fuzz_ctx(), table, sizeof(struct all), &o))
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *eq = strchr(line, '=');
        if (!eq)
            continue;
        *eq = 0;
        lbk_opts_set(o, line, eq + 1);
    }
    lbk_opts_save(o, saved, sizeof saved);
    lbk_opts_destroy(&o);
    return 0;
}
