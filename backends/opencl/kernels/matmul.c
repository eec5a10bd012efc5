/* SPDX-License-Identifier: MIT */
#include "gemm_tile.h"

const struct ocl_kernel ocl_kernel_matmul = {
    .op = "matmul",
    .on[OCL_TILE] = { matmul_tile_supports, matmul_tile_prepare },
};
