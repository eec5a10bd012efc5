/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(bn_sums, OCL_SUMS);
