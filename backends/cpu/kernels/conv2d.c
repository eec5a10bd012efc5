/* SPDX-License-Identifier: MIT */
#include "conv.h"

const struct cpu_kernel cpu_kernel_conv2d = {
    .op = "conv2d",
    .supports = conv_supports,
    .prepare = conv_prepare,
    .launch = conv_launch,
    .release = conv_release,
};
