/* SPDX-License-Identifier: MIT */
#include "strided.h"

MOVES_KERNEL(transpose);
