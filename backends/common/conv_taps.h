/* SPDX-License-Identifier: MIT */
/* Convolution as every backend sees it: a gather, whichever pass it is.
 *
 * out(i * os + h0, j * os + w0) = sum over taps t and channels c of in(i * is + dh_t - top, j * is + dw_t - left) * w
 *
 * conv2d has is = stride and one phase (h0, w0); conv2d_dx has os = stride and stride^2 of them, each with its own taps, so that
 * nothing is multiplied with the zeros between pixels; conv2d_dw is conv2d's gather, with x for in and dy for out. */
#ifndef LBK_CONV_TAPS_H
#define LBK_CONV_TAPS_H
#include <limbeck/backend.h>

/* Coordinates that begin `top` rows and `left` columns before the image; at: kh * kernel width + kw. */
struct conv_tap { int64_t dh, dw, at; };
/* Its rows and columns of out, and its taps tap .. tap + n_tap - 1: row by row of the kernel, `across` in each. */
struct conv_phase { int64_t h0, w0, rows, cols, tap, n_tap, across; };

struct conv_taps {
    int64_t n, ic, ih, iw, oc, oh, ow, groups;      /* in and out of the gather */
    int64_t is, os, top, left;
    /* The weight of channel o of out and i of in, both counted within their group, for tap t lies at
     * group * w_group + o * w_oc + i * w_ic + t.at. */
    int64_t w_group, w_oc, w_ic;
    struct conv_tap *tap;
    struct conv_phase *phase;
    int64_t n_tap;
    int n_phase;
    int64_t rows, cols;                             /* of a phase, at most */
    int64_t more_h, more_w;                         /* most of dh / is and of dw / is */
    bool *uses_h, *uses_w;                          /* [is]: does a tap have this remainder */
};

/* Of a conv2d, conv2d_dx or conv2d_dw whose operands have shapes a and b. false: out of memory, and t is empty. [any thread] */
bool conv_taps_init(struct conv_taps *t, const struct lbk_group *g, lbk_shape a, lbk_shape b);
void conv_taps_free(struct conv_taps *t);

#endif
