/* SPDX-License-Identifier: MIT */
/* Light of another colour (Krizhevsky et al., 2012, section 4.1): along each principal component of
 * the colours of photographs, a random multiple of its variance is added. Components and variances
 * are ImageNet's, of values in 0..1. */
#include <math.h>
#include <limbeck/ctx.h>
#include "move.h"
#include "scope.h"

struct lighting {
    double sd;
};
static const struct lbk_opt opts[] = {
    LBK_FLOAT(lighting, sd, 0.1, 0, 10, "standard deviation of the multiples"), LBK_OPTS_END
};

static lbk_status lighting(lbk_record *r, uint64_t rng, const void *cfg)
{
    static const double variance[3] = { 0.2175, 0.0188, 0.0045 };
    static const double component[3][3] = { { -0.5675, -0.5808, -0.5836 },
                                            { 0.7192, -0.0045, -0.6948 },
                                            { 0.4009, -0.8140, 0.4203 } };
    const struct lighting *c = cfg;
    const struct lbk_philox a = lbk_philox(rng, 0, 0), b = lbk_philox(rng, 0, 1);
    const float u[6] = { lbk_unit(a.v[0]), lbk_unit(a.v[1]), lbk_unit(a.v[2]),
                         lbk_unit(a.v[3]), lbk_unit(b.v[0]), lbk_unit(b.v[1]) };
    struct lbk_array image;
    const lbk_status st = lbk_record_get(r, "image", LBK_F32, &image);
    if (st)
        return st;
    if (image.shape.n != 3 || image.shape.d[0] != 3)
        return lbk_fail(r->ctx, LBK_EINVAL, "lighting: expected an image of 3 channels");
    const int64_t n = image.shape.d[1] * image.shape.d[2];
    for (int k = 0; k < 3; k++) {
        double add = 0;
        for (int i = 0; i < 3; i++)
            add += component[i][k] * variance[i] * c->sd * (double) lbk__normal(u + 2 * i);
        float *p = (float *) image.data + k * n;
        for (int64_t i = 0; i < n; i++)
            p[i] = fminf(fmaxf(p[i] + (float) add, 0), 1);
    }
    return LBK_OK;
}

const struct lbk_transform lbk__lighting = {
    .size = sizeof(struct lbk_transform),
    .name = "lighting",
    .doc = "random light along the principal components of the colours of photographs",
    .opts = opts,
    .cfg_size = sizeof(struct lighting),
    .apply = lighting,
};
