/* SPDX-License-Identifier: MIT */
/* What a device does, found by trying. Results are facts (facts.h), found once per device and driver. Silent, but for
 * what says otherwise. [owner thread] */
#ifndef LBK_OCL_PROBE_H
#define LBK_OCL_PROBE_H
#include "facts.h"

/* ---- probe.c ---- */

/* Is it worth keeping the binaries of programs? Not where the driver builds a text that it knows about as fast, where asking
 * for a binary takes long (PoCL then compiles every kernel once more), or where the binary is text that the driver
 * compiles again (PTX). Fact "binaries": yes, or no and why. Builds a small program or two when that is not known. */
bool ocl_probe_binaries(lbk_drv *d);
/* Milliseconds of a clock that only goes on. */
double ocl_now(void);
/* A small program with a kernel called probe; false: it does not build here. */
struct ocl_try { cl_program program; cl_kernel kernel; };
bool ocl_try_open(lbk_drv *d, const char *options, const char *text, struct ocl_try *t);
void ocl_try_close(lbk_drv *d, struct ocl_try *t);

/* ---- features.c ---- */

/* Does a work-item end when its loops do, however long they are? Kernels of OCL_WIDE rely on it. Fact "long loops". */
bool ocl_probe_long_loops(lbk_drv *d);
/* Do groups run that are larger than the driver says of a kernel, up to the limit of the device? Fact "groups of a kernel". */
bool ocl_probe_larger_groups(lbk_drv *d);
/* Facts: half, sub-groups, ptx, usable local memory, fill, long loops, groups of a kernel. */
void ocl_probe_features(lbk_drv *d);
/* Bytes of __local that kernels may use: what the device claims, or less where it is known that so many do not work. */
size_t ocl_known_local(const lbk_drv *d);
extern const char *const ocl_feature_names[]; /* up to a NULL */

/* ---- rates.c ---- */

/* What the device reaches, measured now, in some tenths of a second. 0: it could not be. */
/* Is fma() a function of many instructions? On a processor without the instruction, or in a compiler that does not use it.
 * Fact "fma". */
bool ocl_probe_slow_fma(lbk_drv *d);
/* Of a processor: are its vectors those of one work-item (PoCL), and not made of the work-items of a group (llvmpipe, whose
 * limits are those of a GPU too)? Fact "vectors". */
bool ocl_probe_wide(lbk_drv *d);
double ocl_fma_rate(lbk_drv *d);       /* floating-point operations per second, an fma being two */
double ocl_copy_rate(lbk_drv *d);      /* bytes read and written per second by a kernel that copies */

#endif
