/* SPDX-License-Identifier: MIT */
/* A file of rows of one size, each under a key. It is written whole and then given its name, so that no file is ever
 * half made; it is read with suspicion, as it may have been cut or changed since. Bytes, in the order of this machine:
 * struct shard_head, n struct shard_entry, filling up to a multiple of 64, n rows. [one thread at a time] */
#ifndef LBK_SRC_SHARD_H
#define LBK_SRC_SHARD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_key { uint64_t sample, view; };
struct shard_entry { struct row_key key; uint32_t crc, zero; };     /* crc: of the row */
struct shard_head {
    uint64_t mark;                   /* also tells the order of bytes */
    char set[32];                    /* what the rows are of */
    uint64_t row, n;                 /* bytes of a row, rows */
    uint32_t index_crc, crc;         /* crc: of all before it */
};
/* No descriptor: there may be more files than a process can hold open. */
struct shard {
    char *path;
    size_t row;
    int64_t n;                       /* rows that are there in full */
    int64_t lost;                    /* rows that the file was cut by */
    size_t rows_at;
    struct shard_entry *at;
};

/* set: 32 bytes. NULL: open; else why not, and nothing is open. */
const char *lbk__shard_open(const char *path, const char set[32], size_t row, struct shard *out);
void lbk__shard_close(struct shard *s);
/* false: it is damaged, or gone. */
bool lbk__shard_read(const struct shard *s, int64_t i, void *to);
/* row(ud, i): its bytes. 0 or what errno says. *bytes: what was written. */
int lbk__shard_write(const char *path, const char set[32], size_t row, int64_t n, const struct row_key key[],
                     const void *(*at)(const void *ud, int64_t i), const void *ud, size_t *bytes);

#endif
