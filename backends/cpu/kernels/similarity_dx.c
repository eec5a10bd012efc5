/* SPDX-License-Identifier: MIT */
#include "similarity.h"

const struct cpu_kernel cpu_kernel_similarity_dx = { .op = "similarity_dx",
                                                     .supports = similarity_supports,
                                                     .prepare = similarity_prepare,
                                                     .launch = similarity_launch,
                                                     .release = similarity_release };
