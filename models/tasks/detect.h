/* SPDX-License-Identifier: MIT */
/* What the parts of task detect share. A network has taps "cls/<n>" (N x anchors * classes x H x W logits) and "box/<n>"
 * (N x anchors * 4 x H x W deltas) for each level n, which has a cell for 2^n x 2^n pixels. Anchors of a cell, whose middle is
 * theirs: sizes base * 2^n * 2^(i / sizes), slowest, then ratios of height to width at the same area. Deltas of a box: (middle -
 * middle of the anchor) / size of the anchor and log(size / size of the anchor), x before y (Girshick et al., "Rich feature
 * hierarchies", 2014, appendix C). Boxes are x0 y0 x1 y1 in pixels of the picture that the network is given. */
#ifndef LBK_MODELS_DETECT_H
#define LBK_MODELS_DETECT_H
#include <limbeck/plugin.h>

struct detect {
    double base, pos, neg, alpha, gamma, score, nms, draw;
    int64_t octaves, candidates, top;
    struct lbk_numbers ratios;
};

enum { DETECT_LEVELS = 12 };
struct heads {
    int n;
    int64_t anchors, classes, sizes; /* of a cell; of a box; anchors / ratios */
    struct level {
        int number;
        int64_t h, w;
    } at[DETECT_LEVELS];
};
typedef lbk_shape (*detect_shape)(void *ud, const char *tap);
/* Finds the heads of a network by the shapes of its taps (rank 0: absent). false: the options or the taps do not fit each
 * other, `why` says it. */
bool detect_heads(const struct detect *c, detect_shape shape, void *ud, struct heads *out, char why[256]);

struct box {
    double x0, y0, x1, y1;
};
/* Side of anchor `kind` of a cell of that level. */
void detect_anchor(const struct detect *c, const struct heads *h, int number, int64_t kind, double *wide, double *high);
/* Intersection over union; 0 of boxes without an area. */
double detect_overlap(struct box a, struct box b);

/* Truth of a sample. area: in pixels of the original picture, as annotated; crowd: 0 or 1; either NULL = not known.
 * to_original: sx sy tx ty, original = s * x + t; w h, the size of the original, 0 = not known. */
struct truth {
    int64_t n;
    const float (*box)[5]; /* x0 y0 x1 y1 class */
    const float *area;
    const int32_t *crowd;
    double to_original[6];
};
lbk_status detect_truth(const lbk_record *r, struct truth *out);
double truth_area(const struct truth *t, int64_t i);
/* Of the data set, which outlives them; fails, in the metric's name, where there are none. */
lbk_status detect_classes(lbk_ctx *ctx, const lbk_record *r, const char *metric, int64_t *classes, const char *const **names);
static inline bool truth_is_crowd(const struct truth *t, int64_t i) { return t->crowd && t->crowd[i]; }

/* lbk_task.encode: "boxes" -> of each level n "anchor_class/n" I32 anchors x H x W, the class of a hit, -1 of background, -2 of
 * what does not count; "anchor_box/n" F32 anchors x 4 x H x W, the deltas of hits. A hit overlaps a box by pos or more (the one
 * it overlaps most) or overlaps it as much as any anchor does; background overlaps none by neg. Crowds and boxes without an area
 * have no part in it. [any thread] */
lbk_status detect_encode(lbk_record *r, detect_shape shape, void *ud, const void *cfg);
/* "boxes_reached" I32 n: which boxes an anchor overlaps by pos or more. */
lbk_status detect_reach(lbk_record *r, const struct detect *c, const struct heads *h);
/* "scores", "deltas" and "levels" of detect.c -> "found" F32 n x 6: x0 y0 x1 y1 score class, best first, cut to the picture, not to
 * what a transform put around it where that is known. [any thread] */
lbk_status detect_find(lbk_record *r, const struct detect *c, const struct heads *h);

#endif
