/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(mean, OCL_MEAN);
