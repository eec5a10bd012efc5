/* SPDX-License-Identifier: MIT */
/* softmax, log_softmax and cross entropy along one axis. */
#ifndef LBK_CPU_SOFT_H
#define LBK_CPU_SOFT_H
#include "cpu.h"

enum soft_kind { SOFT_MAX, SOFT_LOG, SOFT_LOSS, SOFT_LOSS_DX };
enum { SOFT_TILE = 64 };
/* `width` strips of n elements, `step` apart; the strips lie next to each other, and step 1 means
 * one strip. y as x, but of SOFT_LOSS one number per strip. label, dy: per strip, of the losses. y
 * may be x. */
struct soft_job {
    enum soft_kind kind;
    const float *x, *dy;
    const int32_t *label;
    float *y;
    int64_t n, step, ignore;
    int width;
};
struct soft_loops {
    void (*run)(const struct soft_job *j);
};

int soft_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
lbk_status soft_launch(lbk_drv *d, const struct lbk_group *g, enum soft_kind kind, int64_t axis,
                       int64_t ignore);

#endif
