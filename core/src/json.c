/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"

static void put(struct json *j, const char *s, size_t n)
{
    if (j->failed || n >= SIZE_MAX / 4 - j->n) {
        j->failed = true;
        return;
    }
    if (j->n + n + 1 > j->cap) {
        const size_t cap = 2 * (j->n + n) + 64;
        char *p = realloc(j->text, cap);
        if (!p) {
            j->failed = true;
            return;
        }
        j->text = p, j->cap = cap;
    }
    memcpy(j->text + j->n, s, n);
    j->n += n;
    j->text[j->n] = 0;
}

static void word(struct json *j, const char *s) { put(j, s, strlen(s)); }

/* Length of the UTF-8 sequence at s (Unicode 15, table 3-7), 0 when there is none. */
static size_t sequence(const unsigned char *s)
{
    const size_t n = s[0] < 0x80                   ? 1
                     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                     : (s[0] & 0xf0) == 0xe0       ? 3
                     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                   : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void quoted(struct json *j, const char *s)
{
    put(j, "\"", 1);
    while (*s) {
        const size_t n = sequence((const unsigned char *) s);
        char code[8];
        snprintf(code, sizeof code, "\\u%04x", (unsigned char) *s);
        if (!n)
            word(j, "\\ufffd");
        else if (*s == '"' || *s == '\\')
            put(j, *s == '"' ? "\\\"" : "\\\\", 2);
        else if (*s == '\n')
            put(j, "\\n", 2);
        else if ((unsigned char) *s < ' ')
            word(j, code);
        else
            put(j, s, n);
        s += n ? n : 1;
    }
    put(j, "\"", 1);
}

static void before(struct json *j, const char *key)
{
    if (j->comma)
        put(j, ",", 1);
    if (key) {
        quoted(j, key);
        put(j, ":", 1);
    }
    j->comma = true;
}

void lbk__json_begin(struct json *j, const char *key, char bracket)
{
    before(j, key);
    put(j, &bracket, 1);
    j->comma = false;
}

void lbk__json_end(struct json *j, char bracket)
{
    put(j, &bracket, 1);
    j->comma = true;
}

void lbk__json_string(struct json *j, const char *key, const char *v)
{
    before(j, key);
    if (v)
        quoted(j, v);
    else
        word(j, "null");
}

void lbk__json_number(struct json *j, const char *key, double v)
{
    char text[32] = "null";
    if (isfinite(v))
        snprintf(text, sizeof text, "%.9g", v);
    for (char *p = text; *p; p++)
        if (*p == ',') /* the decimal point of some locales */
            *p = '.';
    lbk__json_raw(j, key, text);
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
    word(j, v);
}

void lbk__json_line(struct json *j)
{
    put(j, "\n", 1);
    j->comma = false;
}

void lbk__json_free(struct json *j)
{
    free(j->text);
    *j = (struct json){ 0 };
}
