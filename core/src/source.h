/* SPDX-License-Identifier: MIT */
/* What the built-in sources share. */
#ifndef LBK_SRC_SOURCE_H
#define LBK_SRC_SOURCE_H
#include <limbeck/data.h>
#include <limbeck/plugin.h>
#include "image.h"
#include "sha256.h"

enum { SOURCE_SIDE_MAX = 16384 }; /* of an image */
#define SOURCE_PIXELS_MAX ((int64_t) 1 << 27)

extern const struct lbk_source lbk__idx, lbk__pairs, lbk__coco, lbk__voc, lbk__synth, lbk__join;

/* root/name, or name when it is absolute or there is no root; free() it. */
lbk_status lbk__source_path(lbk_ctx *ctx, const char *root, const char *name, char **out);
/* The record's "image" of 1 or 3 channels. LBK_ENOMEM. */
lbk_status lbk__source_image(lbk_record *r, const struct image *m, int64_t channels);
/* Of a sample that is known by a name. */
uint64_t lbk__source_id(const char *name);
/* Adds a file's bytes. */
lbk_status lbk__source_hash_file(lbk_ctx *ctx, const char *path, struct sha256 *s);

#endif
