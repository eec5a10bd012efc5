/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(max, OCL_MAX);
