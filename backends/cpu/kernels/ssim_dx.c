/* SPDX-License-Identifier: MIT */
#include "ssim.h"

const struct cpu_kernel cpu_kernel_ssim_dx = { .op = "ssim_dx",
                                               .supports = ssim_supports,
                                               .prepare = ssim_prepare,
                                               .launch = ssim_launch,
                                               .release = ssim_release };
