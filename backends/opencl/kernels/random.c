/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include "ocl.h"

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g);
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const int64_t n = lbk_shape_count(g->out[0].shape);
    struct ocl_step *s = ocl_step(c, "random");
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_out(s, 0);
    ocl_ulong(s, lbk_mix(g->seed, (uint64_t) ((const struct lbk_random *) g->params)->key));
    ocl_int(s, n);
    ocl_grid(s, (n + 3) / 4, 1, 1);
}

const struct ocl_kernel ocl_kernel_random = { .op = "random", OCL_ANY_FAMILY(supports, prepare) };
