/* SPDX-License-Identifier: MIT */
#include "clblast.h"
#include "gemm_tile.h"
#include "matmul_wide.h"

static const struct ocl_variant own[OCL_FAMILIES] = {
    [OCL_WIDE] = { matmul_wide_supports, matmul_wide_prepare },
    [OCL_TILE] = { matmul_tile_supports, matmul_tile_prepare },
};

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return matmul_clblast_takes(d, g) ? 1 : own[d->family].supports(d, g, o);
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    (matmul_clblast_takes(d, g) ? matmul_clblast_prepare : own[d->family].prepare)(d, g, c);
}

const struct ocl_kernel ocl_kernel_matmul = { .op = "matmul", OCL_ANY_FAMILY(supports, prepare) };
