/* SPDX-License-Identifier: MIT */
#include "plane.h"

PLANE_KERNEL(avg_pool_dx);
