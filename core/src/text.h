/* SPDX-License-Identifier: MIT */
/* Text that grows. Latches when out of memory. Zero-initialised = empty. [one thread at a time] */
#ifndef LBK_SRC_TEXT_H
#define LBK_SRC_TEXT_H
#include <limbeck/base.h>

struct text {
    char *at; /* NULL while empty; ends in a zero */
    size_t n, cap;
    bool failed; /* out of memory: what is there is not complete */
};

void lbk__text_put(struct text *t, const void *s, size_t n);
void lbk__text_word(struct text *t, const char *s);
/* A line of at most 1000 bytes. Give it no floating-point numbers: their point is the locale's. */
void lbk__text_add(struct text *t, const char *fmt, ...) LBK_PRINTF(2, 3);
/* For the content and the attributes of XML and HTML: & < > " ' are escaped; bytes that are not UTF-8, and characters that
 * XML does not know, become U+FFFD. */
void lbk__text_escaped(struct text *t, const char *s);
void lbk__text_base64(struct text *t, const void *data, size_t n);
void lbk__text_free(struct text *t);

/* Length of the UTF-8 sequence at s (Unicode 15, table 3-7), 0 when there is none. s ends in a zero. */
size_t lbk__utf8_length(const char *s);
/* Characters of s; a byte that is not UTF-8 counts as one. */
size_t lbk__utf8_count(const char *s);

#endif
