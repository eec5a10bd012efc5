/* SPDX-License-Identifier: MIT */
#include "soft.h"

OCL_SOFT(cross_entropy, OCL_LOSS);
