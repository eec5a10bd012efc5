/* SPDX-License-Identifier: MIT */
/* A model by itself, on an input that is only described: no run, no data. [owner thread] */
#ifndef LBK_SRC_LOOSE_H
#define LBK_SRC_LOOSE_H
#include "objective.h"

enum { LOOSE_FIELDS = 12 }; /* the image, what a task wants and what it makes of that */

struct loose {
    lbk_ctx *ctx;
    struct role role, teacher;         /* teacher.model NULL: none */
    struct batch layout;
    struct batch_field field[LOOSE_FIELDS];
    struct lbk_field spec[LOOSE_FIELDS + 1];
    lbk_record *record;       /* of one sample: what its task encodes, and of what; or NULL */
    struct encoder *encoder;
    lbk_objective *o;
    lbk_pass *pass;
};
/* options beside those of `not`, which ends at NULL; classes 0 = 10. input: of one sample. */
lbk_status lbk__loose_open(lbk_ctx *ctx, const char *model, lbk_shape input, int64_t batch,
                           int64_t classes, enum lbk_mode mode, int n,
                           const struct lbk_setting *options, const char *const * not,
                           struct loose *out);
/* Adds the fields that the task encodes of made-up boxes, the same for every sample; nothing for tasks that do not. Comes before
 * their terms. */
lbk_status lbk__loose_encode(struct loose *l);
/* That model beside the first, frozen and on the same image; with as many classes. NULL: the graph of l->o failed. */
lbk_pass *lbk__loose_teacher(struct loose *l, const char *model, int64_t classes, int n,
                             const struct lbk_setting *options);
/* What the input of that name is for each sample, where it is not made up freely: what a task encodes; else NULL. */
const void *lbk__loose_row(const struct loose *l, const char *input);
void lbk__loose_close(struct loose *l);

#endif
