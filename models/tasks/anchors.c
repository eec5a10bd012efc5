/* SPDX-License-Identifier: MIT */
/* How many true boxes the anchors can reach at all: those that one overlaps by detect.pos or more.
 * Others are learnt from the anchor nearest to them alone; a low share asks for another detect.base
 * or more anchors. It depends on the data and the options, not on the weights. */
#include <math.h>
#include <stdlib.h>
#include "detect.h"

enum { ALL, SMALL, MEDIUM, LARGE, BOXES, COLUMNS };
static const char *const column[] = { "reached", "small", "medium", "large", "boxes", NULL };

struct reach {
    int64_t classes;
    int64_t (*n)[BOXES], (*reached)[BOXES]; /* of each class */
    const char *const *names;               /* of the data set, which outlives it */
};

static lbk_status make_room(lbk_ctx *ctx, struct reach *c, const lbk_record *r)
{
    const lbk_status st = c->n ? LBK_OK : detect_classes(ctx, r, "anchors", &c->classes, &c->names);
    if (c->n || st)
        return st;
    c->n = calloc((size_t) c->classes, 2 * sizeof *c->n);
    c->reached = c->n ? c->n + c->classes : NULL;
    return c->n ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "anchors: out of memory");
}

static lbk_status add(lbk_ctx *ctx, const void *cfg, void *state, const lbk_record *r)
{
    struct reach *c = state;
    struct lbk_array reached;
    struct truth t;
    lbk_status st = make_room(ctx, c, r);
    if (!st)
        st = detect_truth(r, &t);
    if (!st)
        st = lbk_record_get(r, "boxes_reached", LBK_I32, &reached);
    for (int64_t i = 0; !st && i < t.n; i++) {
        const int64_t k = (int64_t) t.box[i][4];
        const double area = truth_area(&t, i);
        const int size = area < 1024 ? SMALL : area < 9216 ? MEDIUM : LARGE;
        if (truth_is_crowd(&t, i) || k < 0 || k >= c->classes)
            continue;
        c->n[k][ALL]++, c->n[k][size]++;
        c->reached[k][ALL] += ((const int32_t *) reached.data)[i];
        c->reached[k][size] += ((const int32_t *) reached.data)[i];
    }
    return st;
}

static lbk_status put_scores(lbk_ctx *ctx, const struct reach *c, lbk_scores *out)
{
    double *v = calloc((size_t) c->classes, COLUMNS * sizeof *v), all = 0, reached = 0;
    if (!v)
        return lbk_fail(ctx, LBK_ENOMEM, "anchors: out of memory");
    for (int64_t k = 0; k < c->classes; k++) {
        double *to = v + k * COLUMNS;
        for (int i = 0; i < BOXES; i++)
            to[i] = c->n[k][i] ? (double) c->reached[k][i] / (double) c->n[k][i] : NAN;
        to[BOXES] = (double) c->n[k][ALL];
        all += (double) c->n[k][ALL], reached += (double) c->reached[k][ALL];
    }
    if (all > 0)
        lbk_scores_put(out, "reached", LBK_HIGHER, reached / all);
    lbk_scores_table(out,
                     &(struct lbk_table){ "classes", c->classes, COLUMNS, c->names, column, v });
    free(v);
    return LBK_OK;
}

static lbk_status end(lbk_ctx *ctx, const void *cfg, void *state, lbk_scores *out)
{
    struct reach *c = state;
    const lbk_status st = out && c->n ? put_scores(ctx, c, out) : LBK_OK;
    free(c->n);
    return st;
}

lbk_status lbk_models_anchors(lbk_registrar *r);
lbk_status lbk_models_anchors(lbk_registrar *r)
{
    return lbk_register_metric(
        r, LBK_DESC(lbk_metric, .name = "anchors",
                    .doc = "share of the true boxes that an anchor overlaps by detect.pos or more; "
                           "table 'classes', also by size in original pixels",
                    .state_size = sizeof(struct reach), .add = add, .end = end));
}
