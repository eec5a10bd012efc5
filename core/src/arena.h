/* SPDX-License-Identifier: MIT */
/* Memory that is given back all at once. Zeroed, 16-byte aligned. [one thread at a time] */
#ifndef LBK_SRC_ARENA_H
#define LBK_SRC_ARENA_H
#include <limbeck/base.h>

struct arena { struct arena_block *last; };              /* zero-initialised = empty */

void *lbk__arena_get(struct arena *a, size_t bytes);      /* NULL: out of memory */
void *lbk__arena_copy(struct arena *a, const void *p, size_t bytes);
char *lbk__arena_str(struct arena *a, const char *fmt, ...) LBK_PRINTF(2, 3);
void  lbk__arena_finish(struct arena *a);

/* Room for one more of *p in an array kept by malloc; false: out of memory, the array is as it
 * was. */
bool lbk__grow(void *array_of_pointer, int64_t n, int64_t *cap, size_t each);

#endif
