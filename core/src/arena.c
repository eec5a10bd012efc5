/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arena.h"

enum { BLOCK = 16384 };
struct arena_block {
    struct arena_block *before;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *lbk__arena_get(struct arena *a, size_t bytes)
{
    struct arena_block *b = a->last;
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + 15) & ~(size_t) 15;
    if (!b || b->size - b->used < bytes) {
        const size_t size = bytes > BLOCK ? bytes : BLOCK;
        b = calloc(1, sizeof *b + size);
        if (!b)
            return NULL;
        b->before = a->last, b->size = size;
        a->last = b;
    }
    void *p = b->data + b->used;
    b->used += bytes;
    return p;
}

void *lbk__arena_copy(struct arena *a, const void *p, size_t bytes)
{
    void *q = lbk__arena_get(a, bytes ? bytes : 1);
    return q && bytes ? memcpy(q, p, bytes) : q;
}

char *lbk__arena_str(struct arena *a, const char *fmt, ...)
{
    va_list v;
    va_start(v, fmt);
    const int n = vsnprintf(NULL, 0, fmt, v);
    va_end(v);
    char *s = n < 0 ? NULL : lbk__arena_get(a, (size_t) n + 1);
    if (!s)
        return NULL;
    va_start(v, fmt);
    vsnprintf(s, (size_t) n + 1, fmt, v);
    va_end(v);
    return s;
}

void lbk__arena_finish(struct arena *a)
{
    for (struct arena_block *b = a->last, *before; b; b = before)
        before = b->before, free(b);
    a->last = NULL;
}

bool lbk__grow(void *array_of_pointer, int64_t n, int64_t *cap, size_t each)
{
    void **array = array_of_pointer;
    if (n < *cap)
        return true;
    const int64_t more = *cap ? 2 * *cap : 16;
    void *p = (uint64_t) more > SIZE_MAX / each ? NULL : realloc(*array, (size_t) more * each);
    if (!p)
        return false;
    *array = p, *cap = more;
    return true;
}
