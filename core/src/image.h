/* SPDX-License-Identifier: MIT */
/* PNG and JPEG files. Sizes are looked at before anything is decoded or allocated. [any thread] */
#ifndef LBK_SRC_IMAGE_H
#define LBK_SRC_IMAGE_H
#include <limbeck/base.h>

/* Rows of h x w x channels; of 16 bits as uint16_t of this machine. */
struct image {
    int64_t h, w;
    int channels, bits;
    void *data;
};

/* IMAGE_COLOUR: 8 bits, 1 or 3 channels: palettes expanded, alpha dropped. IMAGE_VALUES: one
 * channel of 8 or 16 bits as it is stored, indices of a palette not expanded; JPEG is refused.
 * Fails with LBK_EFORMAT, LBK_ENOENT, LBK_EIO, LBK_ENOMEM, naming the file; LBK_EUNSUPPORTED in a
 * build without image libraries. free(out->data). */
enum image_kind { IMAGE_COLOUR, IMAGE_VALUES };
lbk_status lbk__image_read(lbk_ctx *ctx, const char *path, enum image_kind kind, struct image *out);
/* Text chunks of a PNG file, ASCII; the table ends at a key of NULL. */
struct image_text {
    const char *key, *value;
};
/* Grown by realloc. */
struct bytes {
    unsigned char *data;
    size_t n;
    size_t cap;
};
/* 8 bits of 1 or 3 channels, or 16 bits of 1, as the bytes of a PNG file. text may be NULL. name: what errors call it.
 * LBK_EINVAL, LBK_ENOMEM, LBK_EUNSUPPORTED. free(out->data). */
lbk_status lbk__image_encode_png(lbk_ctx *ctx, const char *name, const struct image *image, const struct image_text *text,
                                 struct bytes *out);
/* The same to a file, which appears whole or not at all; LBK_EIO too. */
lbk_status lbk__image_write_png(lbk_ctx *ctx, const char *path, const struct image *image, const struct image_text *text);

/* Was this built with PNG and JPEG? */
bool lbk__image_able(void);

#endif
