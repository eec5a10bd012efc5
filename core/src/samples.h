/* SPDX-License-Identifier: MIT */
/* samples/ in the folder of a run: what networks make of the same few validation samples, epoch by epoch. Nothing of it is part of
 * training: the weights end in the same bits without it. [owner thread] */
#ifndef LBK_SRC_SAMPLES_H
#define LBK_SRC_SAMPLES_H
#include "trainer.h"

struct samples;
/* For a stage whose roles are loaded. *out NULL: none are wanted, the task shows nothing, or there is no PNG. Frozen roles of
 * the same task are teachers: they are asked once. */
lbk_status lbk__samples_open(struct trainer *t, const struct stage *s, struct role *student, struct samples **out);
/* Asks the student as it is now. Writes <stage>_epoch_0004.png and latest.png. x may be NULL. */
lbk_status lbk__samples_write(struct samples *x, int64_t epoch);
/* accepts a pointer to NULL */
void lbk__samples_close(struct samples **x);

#endif
