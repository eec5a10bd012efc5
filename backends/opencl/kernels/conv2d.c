/* SPDX-License-Identifier: MIT */
#include "conv_wide.h"
#include "gemm_tile.h"

const struct ocl_kernel ocl_kernel_conv2d = {
    .op = "conv2d",
    .on[OCL_WIDE] = { conv_wide_supports, conv_wide_prepare },
    .on[OCL_TILE] = { conv_tile_supports, conv_tile_prepare },
};
