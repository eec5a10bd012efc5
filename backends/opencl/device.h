/* SPDX-License-Identifier: MIT */
/* Which devices there are, and opening one. */
#ifndef LBK_OCL_DEVICE_H
#define LBK_OCL_DEVICE_H
#include "ocl.h"

struct ocl_cfg {
    int family;                        /* 0: by what the device is; else 1 + enum ocl_family */
    int gemm;                          /* enum ocl_gemm */
    int winograd;                      /* 0: where it is faster; 1: never */
    bool cache;                        /* built programs and facts about the device are kept */
};
struct ocl_found { cl_platform_id platform; cl_device_id device; };

/* Every device of every platform, in the order of the loader; returns how many there are. A platform that fails is passed
 * over. */
int ocl_find(const struct cl_api *cl, struct ocl_found *out, int max);
void ocl_read_limits(const struct cl_api *cl, cl_device_id device, struct ocl_limits *out);
/* Text of a device, "" if it has none; ends in 0. */
void ocl_device_text(const struct cl_api *cl, cl_device_id device, cl_device_info what, char *to, size_t size);
void ocl_platform_text(const struct cl_api *cl, cl_platform_id platform, cl_platform_info what, char *to, size_t size);
/* Available, with a compiler, OpenCL 1.2 or later; otherwise why not. */
bool ocl_usable(const struct cl_api *cl, cl_device_id device, char why[256]);
const char *ocl_family_name(enum ocl_family f);
lbk_status ocl_open(lbk_ctx *ctx, int index, const struct ocl_cfg *cfg, lbk_drv **out);

#endif
