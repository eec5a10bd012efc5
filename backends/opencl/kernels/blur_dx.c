/* SPDX-License-Identifier: MIT */
#include "plane.h"

OCL_PLANE_KERNEL(blur_dx);
