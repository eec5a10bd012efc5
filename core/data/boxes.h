/* SPDX-License-Identifier: MIT */
/* Pictures with boxes, as annotation files describe them: what the sources that read such files share. */
#ifndef LBK_DATA_BOXES_H
#define LBK_DATA_BOXES_H
#include "arena.h"
#include "sha256.h"
#include "source.h"

struct box {
    int64_t image;
    float at[4], area; /* x0 y0 x1 y1 */
    int32_t label, crowd;
};
struct box_image {
    const char *path, *name; /* name: what messages call it */
    uint64_t id;             /* of the name without its ending */
    int64_t h, w;            /* as the annotations have it */
    int64_t first, n;        /* of its boxes */
};
/* Boxes that need a word. */
struct box_tally {
    int64_t n;
    char names[160]; /* of the first few */
};
enum { BOX_FLAT, BOX_OUTSIDE, BOX_CUT, BOX_TALLIES };
struct lbk_dataset {
    lbk_ctx *ctx;
    const char *from; /* file or folder of the annotations */
    int64_t channels, classes;
    const char **names;
    struct arena arena;
    struct box_image *image;
    int64_t n_image, cap_image;
    struct box *box;
    int64_t n_box, cap_box;
    struct box_tally tally[BOX_TALLIES];
    struct lbk_field fields[6];
    struct sha256 annotations; /* their bytes */
};

/* lbk_source.open of what fill() fills by its options: it sets from, classes and names, and ends with lbk__boxes_end(). */
lbk_status lbk__boxes_open(lbk_ctx *ctx, int64_t channels, lbk_status (*fill)(lbk_dataset *d, const void *cfg), const void *cfg,
                           lbk_dataset **out);
/* root/name in the arena. */
lbk_status lbk__boxes_path(lbk_dataset *d, const char *root, const char *name, const char **out);
/* path and name: in the arena. */
lbk_status lbk__boxes_image(lbk_dataset *d, const char *path, const char *name, int64_t h, int64_t w);
/* Of image b->image. Cut to it; one that has no area, or none in the picture, is left out and counted. at: x0 y0 x1 y1, finite;
 * area < 0: that of the box as it is cut. */
lbk_status lbk__boxes_add(lbk_dataset *d, const double at[4], double area, const struct box *b);
/* After all images and boxes: puts the boxes in the order of their images, tells what was counted. empty false: pictures without
 * boxes are left out. */
lbk_status lbk__boxes_end(lbk_dataset *d, bool empty);

/* As lbk_source has them. */
void lbk__boxes_close(lbk_dataset *d);
int64_t lbk__boxes_count(const lbk_dataset *d);
const struct lbk_field *lbk__boxes_fields(const lbk_dataset *d);
uint64_t lbk__boxes_id(const lbk_dataset *d, int64_t i);
lbk_status lbk__boxes_read(const lbk_dataset *d, int64_t i, lbk_record *r);
lbk_status lbk__boxes_hash(const lbk_dataset *d, char out[65]);
const char *lbk__boxes_origin(const lbk_dataset *d, int64_t i);
#define BOXES_FUNCTIONS                                                                                                            \
    .close = lbk__boxes_close, .count = lbk__boxes_count, .fields = lbk__boxes_fields, .id = lbk__boxes_id,                        \
    .read = lbk__boxes_read, .hash = lbk__boxes_hash, .origin = lbk__boxes_origin

#endif
