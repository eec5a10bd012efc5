/* SPDX-License-Identifier: MIT */
#include "plane.h"

PLANE_KERNEL(blur);
