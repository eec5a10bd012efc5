/* SPDX-License-Identifier: MIT */
#include "gemm_tile.h"
#include "matmul_wide.h"

const struct ocl_kernel ocl_kernel_matmul = {
    .op = "matmul",
    .on[OCL_WIDE] = { matmul_wide_supports, matmul_wide_prepare },
    .on[OCL_TILE] = { matmul_tile_supports, matmul_tile_prepare },
};
