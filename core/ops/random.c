/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include "opdef.h"

static const struct lbk_opt params[] = {
    LBK_INT(lbk_random, key, 0, 0, 0, "which stream of numbers"),
    P_DIMS(lbk_random),
    LBK_OPTS_END,
};

static lbk_status infer(struct lbk_infer *i)
{
    const struct lbk_random *p = i->params;
    if (!lbk__want_type(i, 0, "step", LBK_I32) || !lbk__want_rank(i, 0, "step", 0))
        return LBK_EINVAL;
    i->out.n = (int) p->n;
    for (int k = 0; k < p->n; k++)
        i->out.d[k] = p->d[k];
    i->out_t = LBK_F32;
    return LBK_OK;
}

static lbk_status ref(const struct lbk_ref *r)
{
    const struct lbk_random *p = r->params;
    const uint64_t key = lbk_mix(r->seed, (uint64_t) p->key),
                   step = (uint64_t) * (const int32_t *) r->in[0];
    for (int64_t k = 0, m = lbk_shape_count(r->out_shape); k < m; k++)
        put(r, k, lbk_random_at(key, step, (uint64_t) k));
    return LBK_OK;
}

static const struct lbk_case cases[] = {
    { ":9", "key=1,n=1,d0=7", 0, 0, 0 },
    { ":9", "key=-5,n=4,d0=2,d1=3,d2=5,d3=7", 0, 0, 0 },
    { ":9", "key=77,n=0", 0, 0, 0 },
    { ":1000", "key=9000000000,n=2,d0=16,d1=33", 0, 0, 0 },
    { NULL, NULL, 0, 0, 0 },
};

const struct lbk_op lbk_op_random = {
    OP_HEAD(random, "uniform in [0, 1): a function of seed, key, element and the step it is given",
            1, 1),
    OP_PARAMS(lbk_random),
    .flags = LBK_OP_NONDIFF,
    .infer = infer,
    .ref = ref,
    .cases = cases,
};
BUILD1(random, lbk_random)
