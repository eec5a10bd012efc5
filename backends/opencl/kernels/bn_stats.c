/* SPDX-License-Identifier: MIT */
#include "reduce.h"

OCL_REDUCTION(bn_stats, OCL_STATS);
