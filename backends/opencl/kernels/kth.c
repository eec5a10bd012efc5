/* SPDX-License-Identifier: MIT */
#include <limbeck/ops.h>
#include "ocl.h"

/* Of a task; tasks; work-items of a group that counts in local memory. */
enum { EACH = 16384, MOST = 256, GROUP = 256, BINS = 2048 };

/* Counts of integers do not depend on who counts: the tasks may be cut by the device. */
static int64_t parts_of(const struct lbk_group *g)
{
    const int64_t n = (lbk_shape_count(g->arg[ocl_plain_operand(g, 0)].shape) + EACH - 1) / EACH;
    return n < MOST ? n : MOST;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    o->scratch = sizeof(cl_int) * (size_t) (2 + parts_of(g) * BINS);
    return 1;
}

struct pass {
    int shift;
    uint32_t mask;        /* of the bits found so far */
    int64_t items, parts; /* of a group; groups */
};

static void add_scratch(struct ocl_step *s, const struct pass *p)
{
    ocl_define(s, "ITEMS", "%d", (int) p->items);
    ocl_scratch(s, 0, sizeof(cl_int));
    ocl_scratch(s, 2 * sizeof(cl_int), sizeof(cl_int));
    ocl_int(s, p->shift);
}

static void count(const struct lbk_group *g, lbk_code *c, const struct pass *p)
{
    const int x = ocl_plain_operand(g, 0);
    struct ocl_step *s = ocl_step(c, "kth_count");
    add_scratch(s, p);
    ocl_int(s, (int32_t) p->mask);
    ocl_arg(s, x);
    ocl_int(s, lbk_shape_count(g->arg[x].shape));
    ocl_int(s, p->parts);
    ocl_groups(s, (int64_t[]){ p->parts, 1, 1 }, (int64_t[]){ p->items, 1, 1 });
}

static void find(const struct lbk_group *g, lbk_code *c, const struct pass *p)
{
    struct ocl_step *s = ocl_step(c, "kth_find");
    add_scratch(s, p);
    ocl_int(s, p->parts);
    ocl_int(s, p->mask ? -1 : lbk_shape_count(g->arg[ocl_plain_operand(g, 0)].shape) - 1);
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_out(s, 0);
    ocl_groups(s, (int64_t[]){ 1, 1, 1 }, (int64_t[]){ p->items, 1, 1 });
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    static const int shifts[] = { 21, 10, 0 };
    struct pass p = { .items = ocl_team(d, GROUP), .parts = parts_of(g) };
    for (int i = 0; i < 3; i++) {
        p.shift = shifts[i];
        count(g, c, &p);
        find(g, c, &p);
        p.mask = ~UINT32_C(0) << p.shift;
    }
}

const struct ocl_kernel ocl_kernel_kth = { .op = "kth", OCL_ANY_FAMILY(supports, prepare) };
