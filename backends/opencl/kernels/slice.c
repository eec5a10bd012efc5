/* SPDX-License-Identifier: MIT */
#include "strided.h"

OCL_MOVES_KERNEL(slice);
