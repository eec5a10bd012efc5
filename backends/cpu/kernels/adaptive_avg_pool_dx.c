/* SPDX-License-Identifier: MIT */
#include "plane.h"

PLANE_KERNEL(adaptive_avg_pool_dx);
