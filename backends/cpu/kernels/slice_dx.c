/* SPDX-License-Identifier: MIT */
#include "strided.h"

MOVES_KERNEL(slice_dx);
