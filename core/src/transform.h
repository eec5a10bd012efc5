/* SPDX-License-Identifier: MIT */
/* A row of transforms: "resize=32,crop=32:4,flip(p=0.5),rotate=15". Values after "=" are options in
 * the order of the transform's table. Immutable. [any thread] */
#ifndef LBK_SRC_TRANSFORM_H
#define LBK_SRC_TRANSFORM_H
#include <limbeck/data.h>

/* The built-in ones, ended by NULL. */
extern const struct lbk_transform *const lbk__transforms[];

struct step {
    const struct lbk_transform *transform;
    lbk_opts *opts;
};
struct pipeline {
    lbk_ctx *ctx;
    int n, fixed; /* steps; how many of the first do not look at random numbers */
    struct step *at;
    int64_t cap;
};

lbk_status lbk__pipeline_create(lbk_ctx *ctx, const char *text, struct pipeline **out);
void lbk__pipeline_destroy(struct pipeline **p);
/* Steps [from, to); step i draws from lbk_mix(key, i). */
lbk_status lbk__pipeline_run(const struct pipeline *p, int from, int to, lbk_record *r,
                             uint64_t key);

#endif
