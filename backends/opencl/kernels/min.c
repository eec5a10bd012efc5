/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(min, OCL_MIN);
