/* SPDX-License-Identifier: MIT */
#include "sort.h"

enum { PAIR = sizeof(cl_int2), INT = sizeof(cl_int), GROUP = 256 };

/* Digits are sorted by from the lowest on. A part is what one work-item walks through: on a GPU it
 * is short, as there are many of them and each step waits for memory. */
struct radix { int bits; int64_t each, parts; int passes; };

static struct radix radix_of(const lbk_drv *d, int64_t count, int64_t n)
{
    const bool wide = d->family == OCL_WIDE;
    const int64_t least = wide ? 1024 : 64, most = wide ? 256 : 4096;
    struct radix r = { .bits = wide ? 8 : 4, .each = (count + most - 1) / most };
    r.each = r.each < least ? least : r.each;
    r.parts = (count + r.each - 1) / r.each;
    do
        r.passes++;
    while (n >> (r.bits * r.passes));
    return r;
}

static size_t table_at(const struct radix *r, int64_t count)
{
    return PAIR * (size_t) count * (r->passes > 1 ? 2 : 1);
}

size_t ocl_sort_scratch(const lbk_drv *d, int64_t count, int64_t n)
{
    const struct radix r = radix_of(d, count, n);
    return table_at(&r, count) + ((size_t) INT << r.bits) * (size_t) r.parts;
}

/* Where a pass writes: the last one to the beginning, those before it in turn. */
static size_t pairs_at(const struct radix *r, int64_t count, int pass)
{
    return (r->passes - 1 - pass) % 2 ? PAIR * (size_t) count : 0;
}

struct job { int index; int64_t count, n; struct radix r; };

/* Counts the digits of each part, or puts the pairs where they belong. */
static void walk(lbk_drv *d, lbk_code *c, const struct job *j, int pass, bool place)
{
    struct ocl_step *s = ocl_step(c, "sort_digit");
    ocl_define(s, "PLACE", "%d", place);
    ocl_define(s, "BITS", "%d", j->r.bits);
    ocl_arg(s, j->index);
    ocl_scratch(s, pairs_at(&j->r, j->count, pass - 1), PAIR);
    ocl_scratch(s, table_at(&j->r, j->count), INT);
    if (place)
        ocl_scratch(s, pairs_at(&j->r, j->count, pass), PAIR);
    ocl_int(s, j->count);
    ocl_int(s, j->n);
    ocl_int(s, j->r.each);
    ocl_int(s, j->r.parts);
    ocl_int(s, pass * j->r.bits);
    if (d->family == OCL_WIDE)
        ocl_groups(s, (int64_t[]){ j->r.parts, 1, 1 }, (int64_t[]){ 1, 1, 1 });
    else
        ocl_grid(s, j->r.parts, 1, 1);
}

static void prefix(lbk_drv *d, lbk_code *c, const struct job *j)
{
    const int64_t items = ocl_team(d, GROUP);
    struct ocl_step *s = ocl_step(c, "sort_prefix");
    ocl_define(s, "ITEMS", "%d", (int) items);
    ocl_scratch(s, table_at(&j->r, j->count), INT);
    ocl_int(s, j->r.parts << j->r.bits);
    ocl_groups(s, (int64_t[]){ 1, 1, 1 }, (int64_t[]){ items, 1, 1 });
}

void ocl_sort(lbk_drv *d, lbk_code *c, int index, int64_t count, int64_t n)
{
    const struct job j = { index, count, n, radix_of(d, count, n) };
    for (int pass = 0; pass < j.r.passes; pass++) {
        walk(d, c, &j, pass, false);
        prefix(d, c, &j);
        walk(d, c, &j, pass, true);
    }
}
