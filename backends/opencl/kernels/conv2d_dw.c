/* SPDX-License-Identifier: MIT */
#include "conv_wide.h"
#include "gemm_tile.h"

const struct ocl_kernel ocl_kernel_conv2d_dw = {
    .op = "conv2d_dw",
    .on[OCL_WIDE] = { conv_wide_dw_supports, conv_wide_dw_prepare },
    .on[OCL_TILE] = { conv_tile_supports, conv_tile_prepare },
};
