/* SPDX-License-Identifier: MIT */
/* One sample made ready for a batch, and the memory of what need not be made twice. */
#ifndef LBK_SRC_SAMPLE_H
#define LBK_SRC_SAMPLE_H
#include "ctx.h"
#include "loader.h"

struct cache;
lbk_status lbk__cache_create(lbk_ctx *ctx, int64_t samples, size_t bytes, struct cache **out);
void lbk__cache_destroy(struct cache **c);

/* A context that remembers errors and tells nobody; for lbk_fail and lbk_ctx_log alone. */
struct quiet {
    struct lbk_ctx ctx;
    lbk_ctx *real;
};
bool lbk__quiet_init(struct quiet *q, lbk_ctx *real);
void lbk__quiet_finish(struct quiet *q);

/* Which of its views a sample shows in that epoch; 0 where transforms draw nothing. */
uint64_t lbk__sample_view(const struct loader_params *p, int64_t epoch);
/* Sample i of the data set as epoch `epoch` sees it. [any thread, a record each] */
lbk_status lbk__sample_make(const struct loader_params *p, struct cache *c, int64_t i,
                            int64_t epoch, lbk_record *r);

#endif
