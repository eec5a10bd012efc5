/* SPDX-License-Identifier: MIT */
/* Writes JSON into a buffer that grows. Commas come by themselves. Latches when out of memory. */
#ifndef LBK_SRC_JSON_H
#define LBK_SRC_JSON_H
#include "text.h"

struct json {
    struct text out;
    bool comma;
};

/* Give key NULL in an array and at the top. */
void lbk__json_begin(struct json *j, const char *key, char bracket); /* '{' or '[' */
void lbk__json_end(struct json *j, char bracket);                    /* '}' or ']' */
/* NULL becomes null, bytes that are not UTF-8 become U+FFFD. */
void lbk__json_string(struct json *j, const char *key, const char *v);
/* Nine digits; null when not finite. */
void lbk__json_number(struct json *j, const char *key, double v);
void lbk__json_int(struct json *j, const char *key, int64_t v);
void lbk__json_bool(struct json *j, const char *key, bool v);
void lbk__json_raw(struct json *j, const char *key, const char *v); /* JSON already */
/* Ends a line; the next value starts afresh. */
void lbk__json_line(struct json *j);
void lbk__json_free(struct json *j);

#endif
