/* SPDX-License-Identifier: MIT */
#include "plane.h"

OCL_PLANE_KERNEL(adaptive_avg_pool);
