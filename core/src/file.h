/* SPDX-License-Identifier: MIT */
/* Whole files. */
#ifndef LBK_SRC_FILE_H
#define LBK_SRC_FILE_H
#include <limbeck/file.h>

/* A regular file of at most `cap` bytes; free(*out), which has a zero after the last byte.
 * LBK_ENOENT, LBK_EIO; LBK_EFORMAT when it is larger. */
lbk_status lbk__file_read(lbk_ctx *ctx, const char *path, size_t cap, unsigned char **out,
                          size_t *n);
/* lbk_file_replace, which says what went wrong. LBK_EIO, LBK_ENOMEM. */
lbk_status lbk__file_write(lbk_ctx *ctx, const char *path, const void *data, size_t n);
/* The same in pieces: give data with lbk__out_add (latches), then lbk__out_end, which must be
 * called. */
struct out_file {
    lbk_ctx *ctx;
    char *path, *temp;
    int fd;
    int err;
    const char *doing;
};
lbk_status lbk__out_begin(lbk_ctx *ctx, const char *path, struct out_file *o);
void lbk__out_add(struct out_file *o, const void *data, size_t n);
/* keep false: throws the temporary file away. */
lbk_status lbk__out_end(struct out_file *o, bool keep);

/* The folder and those above it. LBK_EIO. */
lbk_status lbk__mkdirs(lbk_ctx *ctx, const char *path);
/* 0 or what errno says. */
int lbk__mkdirs_quiet(const char *path);

#endif
