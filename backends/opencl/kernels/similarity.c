/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>
#include "plane.h"
#include "similarity.h"

/* What a window knows of a pixel: means, squares and product of a and b; what its adjoint spreads.
 */
enum { FIELDS = 5, SLOPES = 3 };

static bool is_dx(const struct lbk_group *g) { return !strcmp(g->op->name, "similarity_dx"); }
static size_t line(const struct lbk_group *g)
{
    return sizeof(float) * (size_t) (FIELDS * OCL_BLOCK * g->acc.d[3]);
}

static bool is_wide(const lbk_drv *d, const struct lbk_group *g)
{
    return d->family == OCL_WIDE && line(g) <= d->limits.local;
}

int ocl_similarity_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    const lbk_shape s = g->acc;
    const bool wide = is_wide(d, g);
    const int64_t floats =
        wide ? s.d[0] * ocl_blocks(s.d[1]) * OCL_BLOCK * s.d[2] * s.d[3] : lbk_shape_count(s);
    if (!ocl_plain_operands(g) || !ocl_plain_epi(g) || (FIELDS + SLOPES) * floats > INT_MAX)
        return 0;
    for (int i = 0; wide && i < g->n_arg; i++)
        o->want_arg[i] = OCL_CBLK;
    if (wide)
        o->want_out[0] = OCL_CBLK;
    o->scratch =
        sizeof(float) * (size_t) (floats * ((wide ? 0 : FIELDS) + (is_dx(g) ? SLOPES : 0)));
    return 1;
}

static void add_windows(struct ocl_step *s, lbk_drv *d, const struct lbk_group *g, lbk_code *c,
                        bool adjoint)
{
    const struct lbk_similarity *p = g->params;
    const struct lbk_blur blur = { p->kernel, p->sigma };
    for (int side = 0; side < 2; side++) {
        const int64_t n = g->acc.d[2 + side];
        ocl_taps(
            s, d, c,
            &(struct ocl_taps){ adjoint ? &plane_blur_dx : &plane_blur, &blur, n, n, side == 1 });
    }
}

static void add_operands(struct ocl_step *s, const struct lbk_group *g)
{
    const struct lbk_similarity *p = g->params;
    for (int i = 0; i < g->n_operand; i++)
        ocl_arg(s, ocl_plain_operand(g, i));
    ocl_out(s, 0);
    ocl_float(s, (float) p->c1);
    ocl_float(s, (float) p->c2);
}

static void prepare_wide(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const lbk_shape a = g->acc;
    const int64_t blocks = ocl_blocks(a.d[1]);
    struct ocl_step *s = ocl_step(c, "similarity_wide");
    ocl_define(s, "ADJOINT", "%d", is_dx(g));
    add_operands(s, g);
    add_windows(s, d, g, c, false);
    if (is_dx(g)) {
        add_windows(s, d, g, c, true);
        ocl_scratch(s, 0, sizeof(float));
    }
    ocl_int(s, a.d[2]);
    ocl_int(s, a.d[3]);
    ocl_int(s, a.d[1]);
    ocl_divisor(s, blocks);
    ocl_local(s, line(g));
    ocl_groups(s, (int64_t[]){ a.d[0] * blocks, 1, 1 }, (int64_t[]){ 1, 1, 1 });
}

enum step { FIELDS_OF_ROWS, VALUES, SLOPES_OF_COLUMNS, SPREAD_OF_ROWS, GRADIENT };

static void add_step(lbk_drv *d, const struct lbk_group *g, lbk_code *c, enum step which)
{
    const int64_t pixels = lbk_shape_count(g->acc);
    struct ocl_step *s = ocl_step(c, "similarity");
    ocl_define(s, "STEP", "%d", which);
    ocl_define(s, "ADJOINT", "%d", is_dx(g));
    add_operands(s, g);
    add_windows(s, d, g, c, which >= SPREAD_OF_ROWS);
    ocl_scratch(s, 0, sizeof(float));
    ocl_divisor(s, g->acc.d[2]);
    ocl_divisor(s, g->acc.d[3]);
    ocl_int(s, pixels);
    ocl_grid(s, pixels, 1, 1);
}

void ocl_similarity_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    if (is_wide(d, g)) {
        prepare_wide(d, g, c);
        return;
    }
    add_step(d, g, c, FIELDS_OF_ROWS);
    for (int i = is_dx(g) ? SLOPES_OF_COLUMNS : VALUES; i <= (is_dx(g) ? GRADIENT : VALUES); i++)
        add_step(d, g, c, i);
}

const struct ocl_kernel ocl_kernel_similarity = {
    .op = "similarity", OCL_ANY_FAMILY(ocl_similarity_supports, ocl_similarity_prepare)
};
