/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(sum, OCL_SUM);
