/* SPDX-License-Identifier: MIT */
#include "gemm_tile.h"

const struct ocl_kernel ocl_kernel_conv2d_dw = {
    .op = "conv2d_dw",
    .on[OCL_TILE] = { conv_tile_supports, conv_tile_prepare },
};
