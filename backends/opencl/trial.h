/* SPDX-License-Identifier: MIT */
/* One operator alone, on a device that is being opened or tuned. [owner thread] */
#ifndef LBK_OCL_TRIAL_H
#define LBK_OCL_TRIAL_H
#include "device.h"

enum { OCL_TRIAL_IN = 2 };
struct ocl_trial {
    lbk_drv *d;
    struct lbk_group g;
    lbk_mem *mem[OCL_TRIAL_IN + 2];    /* of the args, the result and scratch */
    lbk_code *code;
};
/* Floats in the layouts that the kernel wants, zeroed. LBK_EUNSUPPORTED, without a line: the family does not take it. */
lbk_status ocl_trial_open(lbk_drv *d, const char *op, const void *params, const lbk_shape in[OCL_TRIAL_IN], lbk_shape out,
                          struct ocl_trial *t);
lbk_status ocl_trial_run(struct ocl_trial *t); /* and waits */
/* Milliseconds of the best of some runs; 0: one failed, and said so. */
double ocl_trial_time(struct ocl_trial *t);
void ocl_trial_close(struct ocl_trial *t);

/* A product of whole numbers of these extents, few and small enough that floats are exact. LBK_EUNSUPPORTED: it is wrong,
 * with why. LBK_OK too when the family does not take it. */
lbk_status ocl_trial_product(lbk_drv *d, int m, int n, int k, char why[128]);
/* Does the family of the device compute rightly? A matrix product of whole numbers, whose result is exact in any order.
 * Fact "kernels <family>", valid for the texts that were tried. LBK_EUNSUPPORTED: no, with why; else as it failed. */
lbk_status ocl_selftest(lbk_drv *d, char why[128]);
/* Takes over the speeds of tiles that are facts. */
void ocl_tuning_load(lbk_drv *d);
/* Who is told of what is timed. */
struct ocl_tuner { lbk_drv *d; void (*put)(void *ud, const char *line); void *ud; };
void ocl_say(const struct ocl_tuner *o, const char *fmt, ...) LBK_PRINTF(2, 3);
/* lbk_device_fns.tune: families, tiles, and whose matrix products, by the clock. */
lbk_status ocl_tune(lbk_drv *d, void (*put)(void *ud, const char *line), void *ud);

#endif
