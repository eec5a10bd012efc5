/* SPDX-License-Identifier: MIT */
#include "soft.h"

OCL_SOFT(cross_entropy_dx, OCL_LOSS_DX);
