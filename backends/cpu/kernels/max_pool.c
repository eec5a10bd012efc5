/* SPDX-License-Identifier: MIT */
#include "plane.h"

PLANE_KERNEL(max_pool);
