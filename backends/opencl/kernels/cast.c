/* SPDX-License-Identifier: MIT */
#include "ocl.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g) && g->arg[0].dtype != LBK_F16 &&
           g->out[0].dtype != LBK_F16;
}

/* Towards zero, to the nearest end of the range; NaN is 0. */
static const char *conversion(lbk_dtype from, lbk_dtype to)
{
    if (from == LBK_F32 && to == LBK_I32)
        return "v > -2147483648.0f ? v < 2147483648.0f ? (int) v : INT_MAX : v != v ? 0 : INT_MIN";
    if (from == LBK_F32 && to == LBK_U8)
        return "v > 0.0f ? v < 255.0f ? (uchar) v : 255 : 0";
    return from == LBK_I32 && to == LBK_U8 ? "clamp(v, 0, 255)" : "v";
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int x = ocl_plain_operand(g, 0);
    const lbk_dtype from = g->arg[x].dtype, to = g->out[0].dtype;
    const int64_t n = lbk_shape_count(g->out[0].shape);
    struct ocl_step *s = ocl_step(c, "cast");
    ocl_define(s, "FROM", "%s", from == to ? ocl_bits(from) : ocl_type(from));
    ocl_define(s, "TO", "%s", from == to ? ocl_bits(to) : ocl_type(to));
    ocl_define(s, "CAST(v)", "%s", conversion(from, to));
    ocl_arg(s, x);
    ocl_out(s, 0);
    ocl_int(s, n);
    ocl_grid(s, n, 1, 1);
}

const struct ocl_kernel ocl_kernel_cast = { .op = "cast", OCL_ANY_FAMILY(supports, prepare) };
