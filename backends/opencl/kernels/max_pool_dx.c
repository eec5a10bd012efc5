/* SPDX-License-Identifier: MIT */
#include "plane.h"

static struct ocl_step *start(const struct lbk_group *g, lbk_code *c, const char *text)
{
    struct ocl_step *s = ocl_step(c, text);
    ocl_define(s, "BLOCK", "%d", ocl_block(&g->out[0]));
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_arg(s, ocl_plain_operand(g, 1));
    ocl_out(s, 0);
    ocl_int(s, ((const struct lbk_pool *) g->params)->kernel);
    return s;
}

static void add_size(struct ocl_step *s, const struct lbk_arg *a)
{
    ocl_int(s, a->shape.d[2]);
    ocl_int(s, a->shape.d[3]);
}

static int64_t stride(const struct lbk_pool *p) { return p->stride ? p->stride : p->kernel; }

static void prepare_wide(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct lbk_pool *p = g->params;
    const struct lbk_arg *dx = &g->out[0];
    const int64_t plane = dx->shape.d[2] * dx->shape.d[3];
    struct ocl_step *s = start(g, c, "max_pool_dx_wide");
    ocl_int(s, stride(p));
    ocl_int(s, p->pad);
    add_size(s, dx);
    add_size(s, &g->arg[ocl_plain_operand(g, 1)]);
    ocl_groups(s, (int64_t[]){ plane ? ocl_pixels(dx) / plane : 0, 1, 1 }, (int64_t[]){ 1, 1, 1 });
}

static void prepare_tile(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct lbk_pool *p = g->params;
    const struct lbk_arg *dx = &g->out[0];
    struct ocl_step *s = start(g, c, "max_pool_dx");
    ocl_divisor(s, stride(p));
    ocl_int(s, p->pad);
    ocl_divisor(s, dx->shape.d[2]);
    ocl_divisor(s, dx->shape.d[3]);
    add_size(s, &g->arg[ocl_plain_operand(g, 1)]);
    ocl_int(s, ocl_pixels(dx));
    ocl_grid(s, ocl_pixels(dx), 1, 1);
}

const struct ocl_kernel ocl_kernel_max_pool_dx = {
    .op = "max_pool_dx",
    .on = { { ocl_plane_supports, prepare_wide }, { ocl_plane_supports, prepare_tile } }
};
