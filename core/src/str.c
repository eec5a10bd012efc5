/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctx.h"
#include "str.h"

enum { LONGEST = 63 }; /* of a name that is worth a suggestion */

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }
static bool blank(char c) { return c == ' ' || c == '\t'; }
static int least(int a, int b) { return a < b ? a : b; }

int lbk__distance(const char *a, const char *b, int most)
{
    const size_t na = strlen(a), nb = strlen(b);
    int row[LONGEST + 1];
    if (na > LONGEST || nb > LONGEST)
        return most + 1;
    for (size_t j = 0; j <= nb; j++)
        row[j] = (int) j;
    for (size_t i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = (int) i;
        for (size_t j = 1; j <= nb; j++) {
            const int change = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least(change, 1 + least(row[j], row[j - 1]));
        }
    }
    return least(row[nb], most + 1);
}

int lbk__distance_max(const char *name)
{
    const int n = (int) strnlen(name, LONGEST + 1);
    return n / 3 > 2 ? n / 3 : least(2, n - 1);
}

const char *lbk__nearest(const char *name, const char *const *names)
{
    const char *best = NULL;
    int room = lbk__distance_max(name);
    for (; *names; names++) {
        const int d = lbk__distance(name, *names, room);
        if (d <= room)
            best = *names, room = d - 1;
    }
    return best;
}

bool lbk__is_name(const char *s)
{
    if (*s < 'a' || *s > 'z')
        return false;
    while ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_')
        s++;
    return !*s;
}

bool lbk__parse_number(const char *s, size_t n, double *out)
{
    char text[64], *end;
    if (!n || n >= sizeof text || strspn(s, "0123456789+-.eE") < n)
        return false;
    memcpy(text, s, n);
    text[n] = 0;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
    const double v = c ? strtod_l(text, &end, c) : NAN;
    if (c)
        freelocale(c);
    if (!isfinite(v) || *end)
        return false;
    *out = v;
    return true;
}

bool lbk__parse_int(const char *s, size_t n, int64_t *out)
{
    const bool negative = n && *s == '-';
    const uint64_t most = (uint64_t) INT64_MAX + negative;
    uint64_t v = 0;
    size_t i = n && (*s == '-' || *s == '+');
    if (i == n)
        return false;
    for (; i < n; i++) {
        const uint64_t digit = (uint64_t) s[i] - '0';
        if (s[i] < '0' || s[i] > '9' || v > (most - digit) / 10)
            return false;
        v = 10 * v + digit;
    }
    *out = negative ? (int64_t) (0 - v) : (int64_t) v;
    return true;
}

/* Some locales print a comma. */
static char *with_point(char *buf)
{
    for (char *p = buf; *p; p++)
        if (*p == ',')
            *p = '.';
    return buf;
}

char *lbk__number_short(double v, char buf[32])
{
    snprintf(buf, 32, "%.9g", v);
    return with_point(buf);
}

char *lbk__number_text(double v, char buf[32])
{
    if (v == floor(v) && fabs(v) < 1e15) {
        snprintf(buf, 32, "%.0f", v);
        return buf;
    }
    for (int digits = 6; digits <= 17; digits++) {
        double back;
        snprintf(buf, 32, "%.*g", digits, v);
        if (lbk__parse_number(with_point(buf), strlen(buf), &back) && back == v)
            break;
    }
    return buf;
}

void lbk__trim(const char **s, size_t *n)
{
    while (*n && blank(**s))
        ++*s, --*n;
    while (*n && blank((*s)[*n - 1]))
        --*n;
}

void lbk__unwrap(const char **s, size_t *n)
{
    if (*n < 2)
        return;
    const char a = (*s)[0], b = (*s)[*n - 1];
    if (((a == '"' || a == '\'') && memchr(*s + 1, a, *n - 1) == *s + *n - 1) ||
        (a == '[' && b == ']'))
        ++*s, *n -= 2;
}

/* Length of the quoted or bracketed text at s, or 0 when it is not closed. */
static size_t wrapped(const char *s)
{
    size_t depth = 0;
    const char *p = s;
    do {
        if (*p == '"' || *p == '\'') {
            p = strchr(p + 1, *p);
            if (!p)
                return 0;
        } else if (*p == '[') {
            depth++;
        } else if (*p == ']' && depth) {
            depth--;
        } else if (!*p) {
            return 0;
        }
        p++;
    } while (depth);
    return (size_t) (p - s);
}

bool lbk__next_item(const char **text, const char *separators, const char **item, size_t *n)
{
    const char *p = *text;
    *item = p ? p : "", *n = 0;
    if (!p)
        return false;
    while (*p && !strchr(separators, *p)) {
        const size_t skip = strchr("\"'[", *p) ? wrapped(p) : 1;
        if (!skip) {
            *item = NULL;
            return false;
        }
        p += skip;
    }
    *n = (size_t) (p - *item);
    *text = *p ? p + 1 : NULL;
    lbk__trim(item, n);
    return true;
}
