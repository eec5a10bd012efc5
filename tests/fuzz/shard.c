/* SPDX-License-Identifier: MIT */
/* The bytes are a file of kept rows: as they are, and with sums that are right, so that what they
 * say is believed. */
#include <string.h>
#include <zlib.h>
#include "file.h"
#include "shard.h"

static void read_all(const uint8_t *data, size_t size)
{
    static unsigned char row[1 << 16];
    struct shard_head h = { .mark = 0 };
    struct shard s;
    char path[64];
    const int fd = fuzz_file(data, size, path);
    if (size >= sizeof h)
        memcpy(&h, data, sizeof h);
    const size_t bytes = h.row % sizeof row;
    if (!lbk__shard_open(path, h.set, bytes, &s)) {
        for (int64_t i = 0; i < s.n && i < 64; i++)
            lbk__shard_read(&s, i, row);
        lbk__shard_close(&s);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shard_head h;
    read_all(data, size);
    uint8_t *copy = size >= sizeof h ? malloc(size) : NULL;
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    memcpy(&h, data, sizeof h);
    const size_t index = h.n < (size - sizeof h) / sizeof(struct shard_entry)
                             ? (size_t) h.n * sizeof(struct shard_entry)
                             : size - sizeof h;
    h.index_crc = (uint32_t) crc32_z(0, copy + sizeof h, index);
    h.crc = (uint32_t) crc32_z(0, (const unsigned char *) &h, offsetof(struct shard_head, crc));
    memcpy(copy, &h, sizeof h);
    read_all(copy, size);
    free(copy);
    return 0;
}
