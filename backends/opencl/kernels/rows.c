/* SPDX-License-Identifier: MIT */
#include "rows.h"

enum { INT = sizeof(cl_int) };

size_t ocl_chain_scratch(const struct rows *r, bool heads)
{
    return INT * (size_t) (1 + r->count + (heads ? r->s.n : 0));
}

static void add_heads(struct ocl_step *s, const struct rows *r)
{
    ocl_scratch(s, INT * (size_t) r->count, INT);
}

void ocl_chain(lbk_code *c, int index, const struct rows *r, bool heads)
{
    const int64_t all = r->count + (heads ? r->s.n : 0);
    struct ocl_step *s = ocl_step(c, "unlink");
    ocl_scratch(s, 0, INT);
    ocl_int(s, all);
    ocl_grid(s, all, 1, 1);
    s = ocl_step(c, "chain");
    ocl_define(s, "HEADS", "%d", heads);
    ocl_arg(s, index);
    ocl_scratch(s, 0, INT);
    if (heads)
        add_heads(s, r);
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
    struct ocl_step *s = ocl_step(c, "rows");
    ocl_define(s, "MODE", "%d", mode);
    ocl_define(s, "BLOCK", "%d", wide ? OCL_BLOCK : 1);
    ocl_define(s, "T", "%s", type);
    ocl_define(s, "V", "%s%s", type, wide ? "16" : "");
    if (mode == ROWS_ADD)
        add_heads(s, r);
    else
        ocl_arg(s, index);
    if (mode != ROWS_GATHER)
        ocl_scratch(s, 0, INT);
    ocl_arg(s, x);
    ocl_out(s, 0);
    ocl_int(s, r->s.outer);
    ocl_divisor(s, each);
    ocl_divisor(s, inner);
    ocl_int(s, other);
    ocl_grid(s, r->s.outer * each * inner, 1, 1);
}
