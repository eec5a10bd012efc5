/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"

void lbk__text_put(struct text *t, const void *s, size_t n)
{
    if (t->failed || n >= SIZE_MAX / 4 - t->n) {
        t->failed = true;
        return;
    }
    if (t->n + n + 1 > t->cap) {
        const size_t cap = 2 * (t->n + n) + 64;
        char *p = realloc(t->at, cap);
        if (!p) {
            t->failed = true;
            return;
        }
        t->at = p, t->cap = cap;
    }
    memcpy(t->at + t->n, s, n);
    t->n += n;
    t->at[t->n] = 0;
}

void lbk__text_word(struct text *t, const char *s) { lbk__text_put(t, s, strlen(s)); }

void lbk__text_add(struct text *t, const char *fmt, ...)
{
    char line[1001];
    va_list v;
    va_start(v, fmt);
    vsnprintf(line, sizeof line, fmt, v);
    va_end(v);
    lbk__text_word(t, line);
}

void lbk__text_free(struct text *t)
{
    free(t->at);
    *t = (struct text){ 0 };
}

/* ---- UTF-8 ---- */

size_t lbk__utf8_length(const char *text)
{
    const unsigned char *s = (const unsigned char *) text;
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

size_t lbk__utf8_count(const char *s)
{
    size_t count = 0;
    for (; *s; count++) {
        const size_t n = lbk__utf8_length(s);
        s += n ? n : 1;
    }
    return count;
}

/* ---- other alphabets ---- */

static const char *entity(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return (unsigned char) c < ' ' && !strchr("\t\n\r", c) ? "\xef\xbf\xbd" : NULL;
    }
}

void lbk__text_escaped(struct text *t, const char *s)
{
    while (*s) {
        const size_t n = lbk__utf8_length(s);
        const char *other = entity(*s);
        const bool noncharacter =
            n == 3 && !memcmp(s, "\xef\xbf", 2) && (unsigned char) s[2] >= 0xbe;
        if (!n || noncharacter)
            other = "\xef\xbf\xbd";
        if (other)
            lbk__text_word(t, other);
        else
            lbk__text_put(t, s, n);
        s += n ? n : 1;
    }
}

void lbk__text_base64(struct text *t, const void *data, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i += 3) {
        const size_t left = n - i;
        const unsigned v = (unsigned) p[i] << 16 | (left > 1 ? (unsigned) p[i + 1] << 8 : 0) |
                           (left > 2 ? p[i + 2] : 0u);
        const char four[4] = { digit[v >> 18], digit[v >> 12 & 63],
                               left > 1 ? digit[v >> 6 & 63] : '=',
                               left > 2 ? digit[v & 63] : '=' };
        lbk__text_put(t, four, 4);
    }
}
