/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "json.h"
#include "str.h"

static void quoted(struct json *j, const char *s)
{
    lbk__text_put(&j->out, "\"", 1);
    while (*s) {
        const size_t n = lbk__utf8_length(s);
        char code[8];
        snprintf(code, sizeof code, "\\u%04x", (unsigned char) *s);
        if (!n)
            lbk__text_word(&j->out, "\\ufffd");
        else if (*s == '"' || *s == '\\')
            lbk__text_put(&j->out, *s == '"' ? "\\\"" : "\\\\", 2);
        else if (*s == '\n')
            lbk__text_put(&j->out, "\\n", 2);
        else if ((unsigned char) *s < ' ')
            lbk__text_word(&j->out, code);
        else
            lbk__text_put(&j->out, s, n);
        s += n ? n : 1;
    }
    lbk__text_put(&j->out, "\"", 1);
}

static void before(struct json *j, const char *key)
{
    if (j->comma)
        lbk__text_put(&j->out, ",", 1);
    if (key) {
        quoted(j, key);
        lbk__text_put(&j->out, ":", 1);
    }
    j->comma = true;
}

void lbk__json_begin(struct json *j, const char *key, char bracket)
{
    before(j, key);
    lbk__text_put(&j->out, &bracket, 1);
    j->comma = false;
}

void lbk__json_end(struct json *j, char bracket)
{
    lbk__text_put(&j->out, &bracket, 1);
    j->comma = true;
}

void lbk__json_string(struct json *j, const char *key, const char *v)
{
    before(j, key);
    if (v)
        quoted(j, v);
    else
        lbk__text_word(&j->out, "null");
}

void lbk__json_number(struct json *j, const char *key, double v)
{
    char text[32];
    lbk__json_raw(j, key, isfinite(v) ? lbk__number_short(v, text) : "null");
}

void lbk__json_int(struct json *j, const char *key, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long) v);
    lbk__json_raw(j, key, text);
}

void lbk__json_bool(struct json *j, const char *key, bool v)
{
    lbk__json_raw(j, key, v ? "true" : "false");
}

void lbk__json_raw(struct json *j, const char *key, const char *v)
{
    before(j, key);
    lbk__text_word(&j->out, v);
}

void lbk__json_line(struct json *j)
{
    lbk__text_put(&j->out, "\n", 1);
    j->comma = false;
}

void lbk__json_free(struct json *j)
{
    lbk__text_free(&j->out);
    *j = (struct json){ 0 };
}
