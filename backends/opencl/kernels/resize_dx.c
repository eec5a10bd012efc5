/* SPDX-License-Identifier: MIT */
#include "plane.h"

OCL_PLANE_KERNEL(resize_dx);
