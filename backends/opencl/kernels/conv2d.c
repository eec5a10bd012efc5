/* SPDX-License-Identifier: MIT */
#include "gemm_tile.h"

const struct ocl_kernel ocl_kernel_conv2d = {
    .op = "conv2d",
    .on[OCL_TILE] = { conv_tile_supports, conv_tile_prepare },
};
