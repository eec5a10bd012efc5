/* SPDX-License-Identifier: MIT */
/* What everything registered has to stand. Each gives a line per test, "ok ..." or "failed ...",
 * and fails when one did. [owner thread] */
#ifndef LBK_SRC_CHECK_H
#define LBK_SRC_CHECK_H
#include <limbeck/train.h>

struct check {
    lbk_ctx *ctx;
    const char *device; /* that methods train on; NULL: the processor */
    void (*put)(void *ud, const char *line);
    void *ud;
    int failed;
};
void lbk__check_line(struct check *c, bool ok, const char *fmt, ...) LBK_PRINTF(3, 4);

/* Gradient by finite differences; batches of one sample, of one class, with a NaN. */
void lbk__check_loss(struct check *c, const struct lbk_loss *l);
/* In a folder of its own, on made-up data: three steps; every weight off = plain training, bit for
 * bit; stopped and gone on with = uninterrupted. The trainer itself sees to it that teachers stay
 * as they are. */
void lbk__check_method(struct check *c, const struct lbk_method *m, const char *folder);

#endif
