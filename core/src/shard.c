/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "file.h"
#include "shard.h"

static const uint64_t MARK = 0x4c424b524f575331;
enum { MOST = 1 << 26 }; /* rows of a file: 1.6 GB of index */

static uint32_t crc_of(const void *data, size_t n)
{
    return (uint32_t) crc32_z(crc32_z(0, NULL, 0), data, n);
}

static uint32_t head_crc(const struct shard_head *h)
{
    return crc_of(h, offsetof(struct shard_head, crc));
}

static size_t rows_begin(int64_t n)
{
    const size_t end = sizeof(struct shard_head) + (size_t) n * sizeof(struct shard_entry);
    return (end + 63) / 64 * 64;
}

static bool read_at(int fd, void *to, size_t n, size_t at)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(fd, (char *) to + done, n - done, (off_t) (at + done));
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t) got : 0;
    }
    return true;
}

/* ---- reading ---- */

static const char *check_head(const struct shard_head *h, const char set[32], size_t row)
{
    if (h->mark != MARK)
        return "not a file of rows, or of a machine with another order of bytes";
    if (h->crc != head_crc(h) || h->n < 1 || h->n > MOST)
        return "its head is damaged";
    if (memcmp(h->set, set, 32) || h->row != row)
        return "its rows are of something else";
    return NULL;
}

/* Rows past the end of the file do not count. */
static const char *read_index(struct shard *s, int fd, const struct shard_head *h, size_t size)
{
    const size_t bytes = (size_t) h->n * sizeof *s->at;
    s->rows_at = rows_begin((int64_t) h->n);
    if (size < sizeof *h + bytes)
        return "its index is cut off";
    s->at = malloc(bytes);
    if (!s->at)
        return "no memory for its index";
    if (!read_at(fd, s->at, bytes, sizeof *h))
        return "its index cannot be read";
    if (crc_of(s->at, bytes) != h->index_crc)
        return "its index is damaged";
    const size_t whole = size > s->rows_at ? (size - s->rows_at) / s->row : 0;
    s->n = whole < h->n ? (int64_t) whole : (int64_t) h->n;
    s->lost = (int64_t) h->n - s->n;
    return NULL;
}

static const char *read_start(struct shard *s, int fd, const char set[32])
{
    struct stat st;
    struct shard_head h;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        return "not a regular file";
    if ((size_t) st.st_size < sizeof h || !read_at(fd, &h, sizeof h, 0))
        return "its head is cut off";
    const char *wrong = check_head(&h, set, s->row);
    return wrong ? wrong : read_index(s, fd, &h, (size_t) st.st_size);
}

/* A pipe that nobody writes to must not hang. */
static int open_file(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

const char *lbk__shard_open(const char *path, const char set[32], size_t row, struct shard *s)
{
    *s = (struct shard){ .path = strdup(path), .row = row };
    const int fd = row && s->path ? open_file(path) : -1;
    const char *wrong = !row       ? "rows of no bytes"
                        : !s->path ? "no memory for its name"
                        : fd < 0   ? strerror(errno)
                                   : read_start(s, fd, set);
    if (fd >= 0)
        close(fd);
    if (wrong)
        lbk__shard_close(s);
    return wrong;
}

void lbk__shard_close(struct shard *s)
{
    free(s->path);
    free(s->at);
    *s = (struct shard){ 0 };
}

bool lbk__shard_read(const struct shard *s, int64_t i, void *to)
{
    const int fd = open_file(s->path);
    const bool ok = fd >= 0 && read_at(fd, to, s->row, s->rows_at + (size_t) i * s->row);
    if (fd >= 0)
        close(fd);
    return ok && crc_of(to, s->row) == s->at[i].crc;
}

/* ---- writing ---- */

int lbk__shard_write(const char *path, const char set[32], size_t row, int64_t n,
                     const struct row_key key[], const void *(*at)(const void *ud, int64_t i),
                     const void *ud, size_t *bytes)
{
    struct shard_head h = { .mark = MARK, .row = row, .n = (uint64_t) n };
    const size_t begin = rows_begin(n);
    *bytes = begin + (size_t) n * row;
    unsigned char *image = calloc(1, *bytes);
    if (!image)
        return ENOMEM;
    struct shard_entry *index = (struct shard_entry *) (void *) (image + sizeof h);
    for (int64_t i = 0; i < n; i++) {
        unsigned char *to = image + begin + (size_t) i * row;
        memcpy(to, at(ud, i), row);
        index[i] = (struct shard_entry){ .key = key[i], .crc = crc_of(to, row) };
    }
    memcpy(h.set, set, sizeof h.set);
    h.index_crc = crc_of(index, (size_t) n * sizeof *index);
    h.crc = head_crc(&h);
    memcpy(image, &h, sizeof h);
    const int err = lbk_file_replace(path, image, *bytes);
    free(image);
    return err;
}
