/* SPDX-License-Identifier: MIT */
#include "similarity.h"

const struct ocl_kernel ocl_kernel_similarity_dx = {
    .op = "similarity_dx", OCL_ANY_FAMILY(ocl_similarity_supports, ocl_similarity_prepare)
};
