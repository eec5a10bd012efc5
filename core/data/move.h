/* SPDX-License-Identifier: MIT */
/* How transforms that move pixels treat all of a sample's fields alike. */
#ifndef LBK_DATA_MOVE_H
#define LBK_DATA_MOVE_H
#include <limbeck/rng.h>
#include "record.h"

/* One plane of 4-byte elements; the size of `to` is the new one. */
struct move {
    int64_t h, w, to_h, to_w, plane; /* plane: which of the field's */
    bool smooth;   /* an image: may be interpolated; else elements are copied */
    uint32_t fill; /* of places without a source: 0, or a label map's "ignore" */
    const void *how;
};
typedef lbk_status (*move_plane)(lbk_record *r, const struct move *m, const void *from, void *to);

/* Size of the image; fails when the record has none. */
lbk_status lbk__image_size(const lbk_record *r, int64_t *h, int64_t *w);
/* Every image and map gets that size by `plane`; boxes follow x' = a[0] x + a[1] y + a[2], y' =
 * a[3] x + a[4] y + a[5], are cut to the picture, and dropped, with their rows, when less than a tenth of
 * them is left. A place that would turn fails. */
lbk_status lbk__move(lbk_record *r, int64_t h, int64_t w, move_plane plane, const void *how,
                     const float a[6]);

/* Uniform in 0 .. n - 1, n below 2^32. */
static inline int64_t lbk__pick(uint32_t bits, int64_t n)
{
    return (int64_t) ((uint64_t) bits * (uint64_t) n >> 32);
}

extern const struct lbk_transform lbk__resize_data, lbk__scale_data, lbk__crop, lbk__pad_data, lbk__center_crop,
    lbk__flip, lbk__rotate, lbk__color, lbk__lighting, lbk__normalize;

#endif
