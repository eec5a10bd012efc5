/* SPDX-License-Identifier: MIT */
/* Names in folders and lists, sorted by stem: the name without its last ending. */
#ifndef LBK_DATA_FILES_H
#define LBK_DATA_FILES_H
#include <limbeck/base.h>
#include "arena.h"

struct file_name {
    const char *name, *stem;
};
struct files {
    struct file_name *at;
    int64_t n;
};
enum files_kind { FILES_IMAGES, FILES_FOLDERS }; /* .png .jpg .jpeg; hidden names are passed over */

/* In the arena. Two images of one stem fail, naming it. */
lbk_status lbk__files_list(lbk_ctx *ctx, struct arena *a, const char *folder, enum files_kind kind,
                           struct files *out);
/* The first word of each line, as it stands, its ending taken off when that is an image's. */
lbk_status lbk__files_lines(lbk_ctx *ctx, struct arena *a, const char *path, struct files *out);
/* Length of the name without an image's ending, or 0: it has none. */
size_t lbk__files_stem(const char *name);
const struct file_name *lbk__files_find(const struct files *f, const char *stem);

#endif
