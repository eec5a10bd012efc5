/* SPDX-License-Identifier: MIT */
#ifndef LBK_DATA_H
#define LBK_DATA_H
#include <limbeck/tensor.h>
#include <limbeck/opt.h>
LBK_BEGIN

/* What a field is, so that a transform moves all of a sample's fields together.
 * MAP: per pixel, resampled nearest. BOXES: n x (x0 y0 x1 y1 class), in pixels of the picture; pixel i lies between i and i + 1.
 * OF_BOXES: a row for each of the boxes, in their order, which goes when its box goes. PLACE: where the picture lies in
 * the one that was read. */
enum lbk_kind { LBK_PLAIN, LBK_IMAGE, LBK_MAP, LBK_CLASS, LBK_BOXES, LBK_OF_BOXES, LBK_PLACE };
struct lbk_field {
    const char *name;                 /* "image", "label", "depth", "boxes"; a table ends at NULL */
    enum lbk_kind kind;
    lbk_dtype dtype;
    int64_t classes, ignore;          /* of labels; 0 = not a label */
    const char *const *names;         /* of the classes, as many; NULL = they have none */
};

/* One sample on the host: named arrays of any size. Sources fill it, transforms change it, tasks
 * encode and decode it, metrics and sweeps read it. Arrays live as long as the record.
 * "image" is LBK_F32 C x H x W in 0..1, C 1 or 3 (RGB); of LBK_MAP fields labels are LBK_I32 H x W
 * and measures LBK_F32 1 x H x W; LBK_CLASS is an LBK_I32 scalar; LBK_BOXES is LBK_F32 n x 5, at most one such field;
 * LBK_PLACE is LBK_F32 sx sy tx ty w h: what is at x, y was at sx x + tx, sy y + ty, in a picture of w x h pixels.
 * Sources of boxes also give "boxes_area" (OF_BOXES, LBK_F32 n: as annotated, in pixels of the picture that was read),
 * "boxes_crowd" (OF_BOXES, LBK_I32 n: 1 = a region of many objects, neither learnt nor to be found) and "to_original" (PLACE).
 * Boxes and what belongs to them have another length in each sample: they are no fields of a batch. */
typedef struct lbk_record lbk_record;
struct lbk_array {
    lbk_dtype dtype;
    lbk_shape shape;
    void *data;
};
/* Stable: what lbk_source.id said. */
LBK_API uint64_t lbk_record_id(const lbk_record *r);
/* What messages call it: the file it comes from, or "sample 7" in buf. */
LBK_API const char *lbk_record_called(const lbk_record *r, char buf[32]);
#define LBK_CALLED(r) lbk_record_called(r, (char[32]) { 0 })
/* Absent or of another type: fails, says what there is. */
LBK_API lbk_status lbk_record_get(const lbk_record *r, const char *name, lbk_dtype t,
                                  struct lbk_array *out);
/* Of any type; silent. */
LBK_API bool lbk_record_has(const lbk_record *r, const char *name);
/* Zeroed; NULL: out of memory, said so. What it replaces stays readable until the next put of
 * that name. */
LBK_API void *lbk_record_put(lbk_record *r, const char *name, lbk_dtype t, lbk_shape s);
/* Errors of [any thread] functions go here, so that they are told once and in order. */
LBK_API lbk_ctx *lbk_record_ctx(const lbk_record *r);
/* NULL = not from the source. */
LBK_API const struct lbk_field *lbk_record_field(const lbk_record *r, const char *name);

typedef struct lbk_dataset lbk_dataset;                         /* the source's own struct */
/* An option "split" of train|val|test is set by the host: which part of the data to open. */
struct lbk_source {
    uint32_t size;
    const char *name, *doc;                                   /* "idx", "pairs", "synth" */
    const struct lbk_opt *opts;
    size_t cfg_size;
    lbk_status (*open)(lbk_ctx *ctx, const void *cfg, lbk_dataset **out);
    void (*close)(lbk_dataset *d);
    int64_t (*count)(const lbk_dataset *d);
    const struct lbk_field *(*fields)(const lbk_dataset *d);
    uint64_t (*id)(const lbk_dataset *d, int64_t i);            /* survives reordering; NULL = i */
    lbk_status (*read)(const lbk_dataset *d, int64_t i, lbk_record *r);    /* [any thread] pure */
    /* SHA-256 of all that read() depends on, 64 hexadecimal digits; NULL = not known. */
    lbk_status (*hash)(const lbk_dataset *d, char out[65]);
    /* [any thread] What messages call sample i, a file as a rule; lives as long as d. NULL = "sample" and its id. */
    const char *(*origin)(const lbk_dataset *d, int64_t i);
};

/* A step of the input pipeline. rng is a function of (seed, stream, sample, view), never of
 * threads or order. */
struct lbk_transform {
    uint32_t size;
    const char *name, *doc;                                   /* "crop", "flip", "jitter" */
    const struct lbk_opt *opts;
    size_t cfg_size;
    lbk_status (*apply)(lbk_record *r, uint64_t rng, const void *cfg);     /* [any thread] pure */
    bool fixed;                                               /* does not look at rng */
};

LBK_END
#endif
