/* SPDX-License-Identifier: MIT */
/* Which pixels are easy, and which are hard, for whom. */
#include "rdd.h"

static const struct lbk_axis classes = { 1 };
static const struct lbk_reduce over_classes = { 1u << 1, true };

lbk_val *rdd_ease(lbk_graph *g, lbk_val *aux, lbk_val *main, enum rdd_direction direction)
{
    lbk_val *of[] = { lbk_log_softmax(g, lbk_stop_grad(g, aux), classes),
                      lbk_log_softmax(g, lbk_stop_grad(g, main), classes) };
    lbk_val *p = of[direction == RDD_MAIN_AUX], *q = of[direction != RDD_MAIN_AUX];
    lbk_val *kl = lbk_sum(g, lbk_mul(g, lbk_exp(g, p), lbk_sub(g, p, q)), over_classes);
    return lbk_exp(g, lbk_neg(g, kl));
}

/* N x H x W: the largest probability of any class, resampled as the loss is. */
static lbk_val *surest(lbk_graph *g, struct rdd_head h)
{
    const lbk_shape to = lbk_shape_of(h.term->loss), z = lbk_shape_of(h.logits);
    if (!h.logits) {
        lbk_graph_fail(g, LBK_EINVAL, "rdd: confidence=max_prob needs a tap '%s'", h.term->name);
        return NULL;
    }
    if (to.n != 3 || z.n != 4) {
        lbk_graph_fail(g, LBK_EINVAL,
                       "rdd: expected a loss of rank 3 from logits of rank 4, found %d and %d",
                       to.n, z.n);
        return NULL;
    }
    lbk_val *x = lbk_stop_grad(g, h.logits);
    if (z.d[2] != to.d[1] || z.d[3] != to.d[2])
        x = lbk_resize(g, x, (struct lbk_resize){ to.d[1], to.d[2], LBK_CORNERS });
    return lbk_exp(
        g, lbk_max(g, lbk_log_softmax(g, x, classes), (struct lbk_reduce){ 1u << 1, false }));
}

/* The place, from 0, of the last of the first floor(keep * n), of 1 at least. */
static lbk_val *rank(lbk_graph *g, double keep, lbk_val *n)
{
    lbk_val *k = lbk_floor(g, lbk_mul(g, n, lbk_scalar(g, keep)));
    k = lbk_maximum(g, lbk_sub(g, k, lbk_scalar(g, 1)), lbk_scalar(g, 0));
    return lbk_cast(g, k, (struct lbk_cast){ LBK_I32 });
}

struct rdd_mask rdd_hard(lbk_graph *g, const struct rdd *c, struct rdd_head h, lbk_val *valid)
{
    /* A cross-entropy is the logarithm of what the head gives to the truth, upside down. */
    lbk_val *p = c->confidence == RDD_MAX_PROB
                     ? surest(g, h)
                     : lbk_exp(g, lbk_neg(g, lbk_stop_grad(g, h.term->loss)));
    lbk_val *q = lbk_select(g, valid, p, lbk_scalar(g, 1));
    struct rdd_mask m = { .cut = lbk_scalar(g, c->threshold) };
    if (c->keep > 0)
        m.cut = lbk_maximum(g, m.cut,
                            lbk_kth(g, q, rank(g, c->keep, lbk_sum(g, valid, LBK_ALL)), LBK_NONE));
    m.hard = lbk_mul(g, valid, lbk_le(g, q, m.cut));
    return m;
}

lbk_val *rdd_choose(lbk_graph *g, enum rdd_mode mode, lbk_val *student, lbk_val *teacher)
{
    switch (mode) {
    case RDD_OR: return lbk_maximum(g, student, teacher);
    case RDD_AND: return lbk_mul(g, student, teacher);
    case RDD_OHEM: return student;
    case RDD_TNS: return lbk_mul(g, student, lbk_sub(g, lbk_scalar(g, 1), teacher));
    default: return lbk_abs(g, lbk_sub(g, student, teacher));
    }
}
