/* SPDX-License-Identifier: MIT */
/* Sources that are open, each once for all who ask for it with the same options: the parts held out
 * of training are samples of one source, and a rehearsal reads what its run will. [owner thread] */
#ifndef LBK_SRC_OPENED_H
#define LBK_SRC_OPENED_H
#include <limbeck/data.h>

struct opened {
    const struct lbk_source *source;
    lbk_opts *opts; /* lives as long as what was opened with it */
    char *text;     /* of opts */
    lbk_dataset *set;
    int users;
    struct opened *next;
};
/* Takes opts over, also when it fails. Open files are not looked at again. */
lbk_status lbk__opened_get(lbk_ctx *ctx, const struct lbk_source *source, lbk_opts *opts,
                           struct opened **out);
/* *o may be NULL. */
void lbk__opened_put(lbk_ctx *ctx, struct opened **o);
/* Until as many releases, what has no user stays open for the next. */
void lbk__opened_hold(lbk_ctx *ctx);
void lbk__opened_release(lbk_ctx *ctx);

#endif
