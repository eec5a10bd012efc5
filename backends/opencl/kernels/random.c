/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include "ocl.h"

enum { EACH = 1024 }; /* blocks of a task of a processor */

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return ocl_plain_operands(g) && ocl_plain_epi(g);
}

static struct ocl_step *start(const struct lbk_group *g, lbk_code *c, const char *text)
{
    struct ocl_step *s = ocl_step(c, text);
    ocl_arg(s, ocl_plain_operand(g, 0));
    ocl_out(s, 0);
    ocl_ulong(s, lbk_mix(g->seed, (uint64_t) ((const struct lbk_random *) g->params)->key));
    ocl_int(s, lbk_shape_count(g->out[0].shape));
    return s;
}

static int64_t blocks_of(const struct lbk_group *g)
{
    return (lbk_shape_count(g->out[0].shape) + 3) / 4;
}

static void prepare_wide(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    struct ocl_step *s = start(g, c, "random_wide");
    ocl_int(s, EACH);
    ocl_groups(s, (int64_t[]){ (blocks_of(g) + EACH - 1) / EACH, 1, 1 }, (int64_t[]){ 1, 1, 1 });
}

static void prepare_tile(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    ocl_grid(start(g, c, "random"), blocks_of(g), 1, 1);
}

const struct ocl_kernel ocl_kernel_random = {
    .op = "random",
    .on = { { supports, prepare_wide }, { supports, prepare_tile } },
};
