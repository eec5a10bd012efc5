/* SPDX-License-Identifier: MIT */
/* Names and numbers as text, the same in every locale. [any thread] */
#ifndef LBK_SRC_STR_H
#define LBK_SRC_STR_H
#include <limbeck/base.h>

/* Insertions, deletions and substitutions between a and b, letter case ignored; at most most + 1.
 */
int lbk__distance(const char *a, const char *b, int most);
/* How far apart a name and a suggestion for it may be. */
int lbk__distance_max(const char *name);
bool lbk__is_name(const char *s); /* [a-z][a-z0-9_]* */

/* A finite decimal number that fills [s, s + n); no hexadecimal, no inf, no nan. */
bool lbk__parse_number(const char *s, size_t n, double *out);
bool lbk__parse_int(const char *s, size_t n, int64_t *out);
/* The shortest text that reads back as the same double; returns buf. */
char *lbk__number_text(double v, char buf[32]);
/* Nine digits, which hold a float; returns buf. */
char *lbk__number_short(double v, char buf[32]);

/* Cuts the next item off a list: up to one of `separators` outside of quotes and brackets, blanks
 * trimmed. false: nothing is left, or a quote or a bracket is not closed (then *item is NULL). */
bool lbk__next_item(const char **text, const char *separators, const char **item, size_t *n);
/* Takes one enclosing pair of quotes, or of square brackets, off. */
void lbk__unwrap(const char **s, size_t *n);
void lbk__trim(const char **s, size_t *n);

#endif
