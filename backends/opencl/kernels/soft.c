/* SPDX-License-Identifier: MIT */
#include "soft.h"

/* SHORT: rows that one work-item does alone; MANY: strips that fill a GPU without more for each. */
enum { GROUP = 256, TASK = 1024, SHORT = 64, MANY = 4096 };

int ocl_soft_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g))
        return 0;
    const int x = ocl_plain_operand(g, 0);
    if (lbk_shape_count(g->acc) == lbk_shape_count(g->arg[x].shape) && g->acc.n)
        o->inplace = 1u << x;
    return 1;
}

static struct strip axis_of(const struct lbk_group *g, enum ocl_soft kind)
{
    return strip_of(g->arg[ocl_plain_operand(g, 0)].shape,
                    kind >= OCL_LOSS ? ((const struct lbk_labels *) g->params)->axis
                                     : ((const struct lbk_axis *) g->params)->axis);
}

static void add_operands(struct ocl_step *s, const struct lbk_group *g, enum ocl_soft kind)
{
    static const char *const kinds[] = { "KIND_SOFTMAX", "KIND_LOG", "KIND_LOSS", "KIND_LOSS_DX" };
    static const char *const labels[] = { "", "", ", const int ignore, IN(int, label)",
                                          ", const int ignore, IN(int, label), IN(float, dy)" };
    ocl_define(s, kinds[kind], "1");
    ocl_define(s, "LABELS", "%s", labels[kind]);
    ocl_arg(s, ocl_plain_operand(g, 0));
    if (kind >= OCL_LOSS) {
        ocl_int(s, ((const struct lbk_labels *) g->params)->ignore);
        ocl_arg(s, ocl_plain_operand(g, 1));
    }
    if (kind == OCL_LOSS_DX)
        ocl_arg(s, ocl_plain_operand(g, 2));
    ocl_out(s, 0);
}

/* Lanes lie along the axis, or 16 strips lie side by side. */
static void wide_step(struct ocl_step *s, const struct strip *t)
{
    const bool along = t->inner == 1;
    const int64_t tiles = ocl_blocks(t->inner), units = t->outer * tiles,
                  per = 1 + TASK / (t->n * (along ? 1 : OCL_BLOCK) + 1);
    ocl_int(s, units);
    ocl_int(s, per);
    ocl_divisor(s, tiles);
    ocl_int(s, t->n);
    ocl_int(s, t->inner);
    ocl_groups(s, (int64_t[3]){ (units + per - 1) / per, 1, 1 }, (int64_t[3]){ 1, 1, 1 });
}

static void tile_step(struct ocl_step *s, const struct strip *t, int64_t most)
{
    const int64_t strips = t->outer * t->inner;
    int64_t all = GROUP, log = 0;
    while (all > most)
        all /= 2;
    while (t->n >= SHORT && (t->inner == 1 || strips < MANY) && INT64_C(2) << log <= t->n / 4 &&
           INT64_C(2) << log <= all)
        log++;
    const int64_t deep = all >> log;
    ocl_int(s, strips);
    ocl_int(s, log);
    ocl_int(s, t->n);
    ocl_divisor(s, t->inner);
    ocl_local(s, sizeof(float) * (size_t) all);
    ocl_groups(s, (int64_t[3]){ (strips + deep - 1) / deep, 1, 1 }, (int64_t[3]){ all, 1, 1 });
}

void ocl_soft_prepare(lbk_drv *d, const struct lbk_group *g, enum ocl_soft kind, lbk_code *c)
{
    const bool wide = d->family == OCL_WIDE;
    const struct strip t = axis_of(g, kind);
    struct ocl_step *s = ocl_step(c, wide ? "soft_wide" : "soft_tile");
    if (wide)
        wide_step(s, &t);
    else
        tile_step(s, &t, (int64_t) d->limits.group);
    add_operands(s, g, kind);
}
