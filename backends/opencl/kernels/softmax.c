/* SPDX-License-Identifier: MIT */
#include "soft.h"

OCL_SOFT(softmax, OCL_SOFTMAX);
