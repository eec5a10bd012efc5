/* SPDX-License-Identifier: MIT */
/* The stages of a run, as its method and the settings want them. */
#ifndef LBK_SRC_SCHEDULE_H
#define LBK_SRC_SCHEDULE_H
#include "setting.h"

struct stage {
    struct lbk_stage d; /* a copy, tables too; streams never NULL */
    int n_roles, n_streams;
    const struct lbk_method *method;
    const void *cfg;
    bool off; /* the method has weights, and all of them are off: frozen roles are not looked at */
    bool delivers;     /* trains what the run delivers */
    int64_t n_binding; /* bindings that were made before it */
};
struct binding {
    const char *role, *model, *artifact;
};

struct lbk_schedule {
    lbk_ctx *ctx;
    struct settings *set;
    struct arena arena;
    lbk_status status;
    bool plain, off;
    int depth;
    const struct lbk_method *method; /* whose schedule() runs */
    const void *cfg;
    struct stage *stage;
    int64_t n, cap, n_all; /* past n: dropped, but known */
    struct binding *binding;
    int64_t n_binding, cap_binding;
    struct lbk_opts **opts;
    int64_t n_opts, cap_opts;
    struct used {
        const struct lbk_method *method;
    } * used;
    int64_t n_used, cap_used;
};

/* plain: every LBK_OPT_WEIGHT off. */
lbk_status lbk__schedule_create(lbk_ctx *ctx, struct settings *set, const char *method, bool plain,
                                lbk_schedule **out);
void lbk__schedule_destroy(lbk_schedule **s);
/* As a stage sees it; NULL = the role is not bound. */
const struct binding *lbk__schedule_binding(const lbk_schedule *s, const struct stage *at,
                                            const char *role);
const char *lbk__stage_delivers(const lbk_schedule *s); /* role; never NULL */

#endif
