/* SPDX-License-Identifier: MIT */
/* For modules that keep things on disk. All of it is silent: the caller knows whether a failure matters. Any thread. */
#ifndef LBK_FILE_H
#define LBK_FILE_H
#include <limbeck/base.h>
LBK_BEGIN

/* A regular file of at most `cap` bytes; free(*out), which has a zero after the last byte. 0 or errno; EFBIG = larger. */
LBK_API int  lbk_file_slurp(const char *path, size_t cap, unsigned char **out, size_t *n);
/* Leaves the old content or the new, whatever happens meanwhile: a temporary file in the same folder is written, synced and
 * renamed, then the folder synced. Removed on failure. 0 or errno. */
LBK_API int  lbk_file_replace(const char *path, const void *data, size_t n);
/* SHA-256 of n bytes: 64 lower-case hexadecimal digits and a zero. */
LBK_API void lbk_sha256(const void *data, size_t n, char out[65]);

LBK_END
#endif
