/* SPDX-License-Identifier: MIT */
/* What is known about a device, and what is wrong with an installation: as <limbeck/backend.h> says. */
#ifndef LBK_OCL_REPORT_H
#define LBK_OCL_REPORT_H
#include "device.h"

lbk_status ocl_report(lbk_ctx *ctx, int index, const void *cfg,
                      void (*put)(void *ud, const char *key, const char *value), void *ud);
int ocl_diagnose(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend), void *ud);

#endif
