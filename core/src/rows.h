/* SPDX-License-Identifier: MIT */
/* Rows of one size under keys, kept in memory or in the files of a folder, within a number of bytes. What is in it never
 * changes: of two rows under one key the first counts. Runs may share a folder: each adds files of its own, and sees what
 * was there when it began. [owner thread] */
#ifndef LBK_SRC_ROWS_H
#define LBK_SRC_ROWS_H
#include <limbeck/ctx.h>
#include "shard.h"

struct rows_budget { size_t most, used; bool told; };       /* shared by several; told: that it is used up */
struct rows_params {
    char set[65];                    /* hexadecimal: what the rows are of */
    size_t row;                      /* bytes of each */
    const char *folder;              /* of files of this set alone, made when needed; NULL = memory */
    size_t file;                     /* bytes of rows in a file; 0 = 64 MiB */
    struct rows_budget *budget;      /* outlives it */
};
struct rows;

/* Files that are damaged or of something else are warned of and left alone. LBK_ENOMEM. */
lbk_status lbk__rows_open(lbk_ctx *ctx, const struct rows_params *p, struct rows **out);
/* Flushes. */
void lbk__rows_close(struct rows **r);
/* false: it is not there, or damaged, which is warned of once. to: one row. */
bool lbk__rows_get(struct rows *r, struct row_key key, void *to);
/* Nothing happens when it is there, or the bytes are used up. */
void lbk__rows_put(struct rows *r, struct row_key key, const void *row);
/* Writes what is not in a file yet. When that fails it warns, and keeps nothing from then on. */
void lbk__rows_flush(struct rows *r);
/* Bytes of all files below a folder and in the folders in it. */
size_t lbk__rows_used(const char *folder);

#endif
