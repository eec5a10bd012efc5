/* SPDX-License-Identifier: MIT */
#ifndef LBK_CKPT_H
#define LBK_CKPT_H
#include <limbeck/graph.h>
LBK_BEGIN

/* safetensors on disk: any Python can read it. A file is replaced at once and whole, or is left
 * as it was. [owner thread] */

/* prefix NULL: all tensors under their own names, for lbk_ckpt_restore(). "student/": the student and nothing else, as
 * PyTorch names it: without the prefix, '.' for '/'. Names with an '@', what an optimiser keeps, are no part of it. */
LBK_API lbk_status lbk_ckpt_save(const lbk_store *s, const char *path, const char *prefix, int n_meta, const char *const meta[][2]);

/* runs of whole parts; '?' is any one part: {"downsample.0", "short/conv"} */
struct lbk_rename { const char *theirs, *ours; };
/* Into the tensors that the store has as "prefix...". Names match with '.' read as '/'; renames (NULL = none) go first, ended
 * by theirs == NULL. F64, F16 and BF16 become the F32 of the store, I64 its I32. PyTorch's num_batches_tracked is passed over.
 * strict: every tensor on either side must find its partner, or the call fails naming the nearest. Nothing is written
 * before all names and shapes are right. */
LBK_API lbk_status lbk_ckpt_load(lbk_store *s, const char *path, const char *prefix, const struct lbk_rename *renames, bool strict);
/* Every tensor of the file, as prefix and its name there, made or replaced. prefix NULL = "". */
LBK_API lbk_status lbk_ckpt_restore(lbk_store *s, const char *path, const char *prefix);

/* LBK_ENOENT, without a line in the log, when the file has no such key. */
LBK_API lbk_status lbk_ckpt_meta(lbk_ctx *ctx, const char *path, const char *key, char *buf, size_t size);

/* dtype as in the file: "BF16" */
struct lbk_ckpt_tensor { const char *name, *dtype; int rank; uint64_t dim[8], bytes; };
/* What a file holds: tensors in the order of their bytes, then metadata; either function may be
 * NULL. */
struct lbk_ckpt_seen {
    void (*tensor)(void *ud, const struct lbk_ckpt_tensor *t);
    void (*meta)(void *ud, const char *key, const char *value);
    void *ud;
};
LBK_API lbk_status lbk_ckpt_list(lbk_ctx *ctx, const char *path, const struct lbk_ckpt_seen *seen);

LBK_END
#endif
