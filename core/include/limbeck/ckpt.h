/* SPDX-License-Identifier: MIT */
#ifndef LBK_CKPT_H
#define LBK_CKPT_H
#include <limbeck/graph.h>
LBK_BEGIN

/* safetensors on disk: any Python can read it. Written to a temporary name, then renamed. */
/* prefix: "student/" saves the student and nothing else; NULL = all. */
LBK_API lbk_status lbk_ckpt_save(const lbk_store *s, const char *path, const char *prefix, int n_meta, const char *const meta[][2]);

struct lbk_rename { const char *theirs, *ours; };     /* runs of whole parts; '?' is any one part: {"downsample.0", "short/conv"} */
/* Into "prefix...". Names match with '.' read as '/'; renames (NULL = none) go first, ended by theirs == NULL.
 * strict: every tensor on either side must find its partner, or the call fails naming the nearest. */
LBK_API lbk_status lbk_ckpt_load(lbk_store *s, const char *path, const char *prefix, const struct lbk_rename *renames, bool strict);
LBK_API lbk_status lbk_ckpt_meta(lbk_ctx *ctx, const char *path, const char *key, char *buf, size_t size);

LBK_END
#endif
