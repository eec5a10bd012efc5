/* SPDX-License-Identifier: MIT */
/* What a task makes of a sample's fields for one network, whose taps have shapes that are known from a first sample. */
#ifndef LBK_SRC_ENCODE_H
#define LBK_SRC_ENCODE_H
#include <limbeck/task.h>
#include "arena.h"
#include "scope.h"

struct role;
struct pipeline;
struct encoder_tap {
    const char *name;
    lbk_shape shape; /* of a batch of 1 */
    bool asked;
};
/* Immutable once made. */
struct encoder {
    const struct role *role;
    int n, n_made;
    struct encoder_tap *tap;
    const char **made; /* names of the arrays that it adds */
    lbk_shape image;   /* of what the model reads */
    struct arena arena;
    const struct pipeline *of; /* of the samples */
    struct encoder *next;
};

/* What the task learns from that is of that kind and dtype, or NULL. */
const struct lbk_field *lbk__task_field(const struct lbk_task *t, enum lbk_kind kind, lbk_dtype dtype);
/* Has it all that the task learns from, and of those kinds? */
bool lbk__task_labelled(const struct lbk_task *t, const lbk_record *r);
/* net: the role's, built for that batch; first: a sample after the transforms, which is encoded. NULL in *out: the task encodes
 * nothing, or the sample lacks what it learns from. */
lbk_status lbk__encoder_create(lbk_ctx *ctx, const struct role *role, const struct net *net, int64_t batch,
                               lbk_record *first, struct encoder **out);
void lbk__encoder_destroy(struct encoder **e);
/* ud: an encoder. A sample whose image is of another size than the first is left as it is. [any thread] */
lbk_status lbk__encoder_run(lbk_record *r, void *ud);
/* Is the array its work? e may be NULL. */
bool lbk__encoder_made(const struct encoder *e, const char *array);
/* A tap that it has asked for and that the other network has not, or of another shape; NULL: none. */
const struct encoder_tap *lbk__encoder_differs(const struct encoder *e, const struct net *other);

#endif
