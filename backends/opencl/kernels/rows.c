/* SPDX-License-Identifier: MIT */
#include "rows.h"
#include "sort.h"

enum { INT = sizeof(cl_int) };

size_t ocl_rows_scratch(const lbk_drv *d, enum rows_mode mode, const struct rows *r)
{
    return ocl_sort_scratch(d, r->count, r->s.n) + (mode == ROWS_ADD ? INT * (size_t) r->s.n : 0);
}

static void add_first(lbk_drv *d, struct ocl_step *s, const struct rows *r)
{
    ocl_scratch(s, ocl_sort_scratch(d, r->count, r->s.n), INT);
}

static void find_first(lbk_drv *d, lbk_code *c, const struct rows *r)
{
    struct ocl_step *s = ocl_step(c, "sort_clear");
    add_first(d, s, r);
    ocl_int(s, r->s.n);
    ocl_grid(s, r->s.n, 1, 1);
    s = ocl_step(c, "sort_heads");
    ocl_scratch(s, 0, sizeof(cl_int2));
    add_first(d, s, r);
    ocl_int(s, r->count);
    ocl_int(s, r->s.n);
    ocl_grid(s, r->count, 1, 1);
}

void ocl_rows(lbk_drv *d, const struct lbk_group *g, lbk_code *c, enum rows_mode mode, int index,
              int x, const struct rows *r)
{
    const int64_t each = mode == ROWS_ADD ? r->s.n : r->count,
                  other = mode == ROWS_ADD ? r->count : r->s.n;
    const bool wide = d->family == OCL_WIDE && r->s.inner % OCL_BLOCK == 0;
    const int64_t inner = r->s.inner / (wide ? OCL_BLOCK : 1);
    const char *type = mode == ROWS_ADD ? "float" : ocl_bits(g->out[0].dtype);
    if (mode != ROWS_GATHER)
        ocl_sort(d, c, index, r->count, r->s.n);
    if (mode == ROWS_ADD)
        find_first(d, c, r);
    struct ocl_step *s = ocl_step(c, "rows");
    ocl_define(s, "MODE", "%d", mode);
    ocl_define(s, "BLOCK", "%d", wide ? OCL_BLOCK : 1);
    ocl_define(s, "T", "%s", type);
    ocl_define(s, "V", "%s%s", type, wide ? "16" : "");
    if (mode == ROWS_GATHER)
        ocl_arg(s, index);
    if (mode == ROWS_ADD)
        add_first(d, s, r);
    if (mode != ROWS_GATHER)
        ocl_scratch(s, 0, sizeof(cl_int2));
    ocl_arg(s, x);
    ocl_out(s, 0);
    ocl_int(s, r->s.outer);
    ocl_divisor(s, each);
    ocl_divisor(s, inner);
    ocl_int(s, other);
    ocl_grid(s, r->s.outer * each * inner, 1, 1);
}
