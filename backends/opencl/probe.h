/* SPDX-License-Identifier: MIT */
/* What a device does, found by trying. Each probe keeps its result as a fact, and is silent. [owner thread] */
#ifndef LBK_OCL_PROBE_H
#define LBK_OCL_PROBE_H
#include "facts.h"

/* Is it worth keeping the binaries of programs? Not where the driver builds a text that it knows about as fast, where asking
 * for a binary takes long (PoCL then compiles every kernel once more), or where the binary is text that the driver
 * compiles again (PTX). Fact "binaries": yes, or no and why. Builds a small program or two when that is not known. */
bool ocl_probe_binaries(lbk_drv *d);
/* Milliseconds of a clock that only goes on. */
double ocl_now(void);

#endif
