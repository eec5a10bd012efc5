/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <limbeck/ctx.h>
#include "events.h"
#include "file.h"
#include "text.h"

enum { HEAD = 12, FOOT = 4, LARGEST = 1 << 28 };
static const char stem[] = "events.out.tfevents.";

struct events {
    lbk_ctx *ctx;
    char *path;
    FILE *f;
    bool failed;
};

/* ---- checksums ---- */

/* Castagnoli, reflected 0x82f63b78, four bits at a time. */
uint32_t lbk__crc32c(const void *data, size_t n)
{
    static const uint32_t table[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75 };
    const unsigned char *p = data;
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        c = c >> 4 ^ table[c & 15];
        c = c >> 4 ^ table[c & 15];
    }
    return ~c;
}

uint32_t lbk__crc32c_masked(const void *data, size_t n)
{
    const uint32_t c = lbk__crc32c(data, n);
    return (c >> 15 | c << 17) + 0xa282ead8;
}

/* ---- numbers of records and of protocol buffers ---- */

static void put_le(struct text *t, uint64_t v, int bytes)
{
    unsigned char b[8];
    for (int i = 0; i < bytes; i++)
        b[i] = (unsigned char) (v >> 8 * i);
    lbk__text_put(t, b, (size_t) bytes);
}

static uint64_t get_le(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(struct text *t, uint64_t v)
{
    for (; v > 127; v >>= 7)
        put_le(t, v % 128 + 128, 1);
    put_le(t, v, 1);
}

static void put_key(struct text *t, unsigned field, enum wire wire)
{
    put_varint(t, (uint64_t) field << 3 | wire);
}

static void put_int(struct text *t, unsigned field, int64_t v)
{
    put_key(t, field, VARINT);
    put_varint(t, (uint64_t) v);
}

static void put_bytes(struct text *t, unsigned field, const void *data, size_t n)
{
    put_key(t, field, BYTES);
    put_varint(t, n);
    lbk__text_put(t, data, n);
}

/* A message inside another one. Frees it. */
static void put_message(struct text *t, unsigned field, struct text *m)
{
    put_bytes(t, field, m->n ? m->at : "", m->n);
    t->failed = t->failed || m->failed;
    lbk__text_free(m);
}

static void put_float(struct text *t, unsigned field, double v)
{
    const float f = (float) v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    put_key(t, field, FIXED32);
    put_le(t, bits, 4);
}

static void put_time(struct text *t, unsigned field)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const double v = (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(t, field, FIXED64);
    put_le(t, bits, 8);
}

/* ---- records ---- */

/* Frees it. */
static void write_record(struct events *e, struct text *event)
{
    struct text all = { 0 };
    put_le(&all, event->n, 8);
    if (!all.failed)
        put_le(&all, lbk__crc32c_masked(all.at, 8), 4);
    lbk__text_put(&all, event->at, event->n);
    put_le(&all, lbk__crc32c_masked(event->at, event->n), 4);
    e->failed = e->failed || event->failed || all.failed || fwrite(all.at, 1, all.n, e->f) != all.n;
    lbk__text_free(&all);
    lbk__text_free(event);
}

/* Takes the summary, which may be NULL. */
static void write_event(struct events *e, int64_t step, struct text *summary)
{
    enum { WALL_TIME = 1, STEP, FILE_VERSION, SUMMARY = 5 };
    struct text event = { 0 };
    put_time(&event, WALL_TIME);
    if (summary) {
        put_int(&event, STEP, step);
        put_message(&event, SUMMARY, summary);
    } else {
        put_bytes(&event, FILE_VERSION, "brain.Event:2", 13);
    }
    write_record(e, &event);
}

enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4 };

/* An event of one value. Takes it. */
static void write_value(struct events *e, int64_t step, struct text *value)
{
    struct text summary = { 0 };
    put_message(&summary, SUMMARY_VALUE, value);
    write_event(e, step, &summary);
}

void lbk__events_scalar(struct events *e, int64_t step, const char *part, const char *name,
                        double v)
{
    struct text value = { 0 };
    char tag[160];
    snprintf(tag, sizeof tag, "%s/%s", part, name);
    put_bytes(&value, VALUE_TAG, tag, strlen(tag));
    put_float(&value, VALUE_SIMPLE, v);
    write_value(e, step, &value);
}

lbk_status lbk__events_image(struct events *e, int64_t step, const char *tag, const char *path)
{
    enum { HEIGHT = 1, WIDTH, COLOURS, ENCODED };
    static const int colours[] = { 1, 0, 3, 3, 2, 0, 4 }; /* by the colour type of PNG */
    struct text value = { 0 }, image = { 0 };
    unsigned char *p = NULL;
    size_t n;
    const lbk_status st = lbk__file_read(e->ctx, path, LARGEST, &p, &n);
    if (st)
        return st;
    if (n < 33 || memcmp(p, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) || p[25] > 6) {
        free(p);
        return lbk_fail(e->ctx, LBK_EFORMAT, "%s: expected a PNG file", path);
    }
    put_int(&image, HEIGHT, p[20] << 24 | p[21] << 16 | p[22] << 8 | p[23]);
    put_int(&image, WIDTH, p[16] << 24 | p[17] << 16 | p[18] << 8 | p[19]);
    put_int(&image, COLOURS, colours[p[25]]);
    put_bytes(&image, ENCODED, p, n);
    free(p);
    put_bytes(&value, VALUE_TAG, tag, strlen(tag));
    put_message(&value, VALUE_IMAGE, &image);
    write_value(e, step, &value);
    return LBK_OK;
}

/* ---- the file ---- */

/* Is there a whole record at the place where f stands? Goes behind it. */
static bool good_record(FILE *f)
{
    unsigned char head[HEAD], foot[FOOT];
    if (fread(head, 1, HEAD, f) != HEAD || get_le(head + 8, 4) != lbk__crc32c_masked(head, 8))
        return false;
    const uint64_t n = get_le(head, 8);
    unsigned char *p = n <= LARGEST ? malloc(n + 1) : NULL;
    const bool ok = p && fread(p, 1, n, f) == n && fread(foot, 1, FOOT, f) == FOOT &&
                    get_le(foot, 4) == lbk__crc32c_masked(p, n);
    free(p);
    return ok;
}

static int64_t good_bytes(FILE *f, int64_t keep)
{
    int64_t at = 0;
    while (good_record(f) && ftell(f) <= keep)
        at = ftell(f);
    return at;
}

/* The first of those that are there, or "". */
static void find(const char *folder, char name[300])
{
    DIR *d = opendir(folder);
    *name = 0;
    for (struct dirent *x; d && (x = readdir(d));)
        if (!strncmp(x->d_name, stem, sizeof stem - 1) && (!*name || strcmp(x->d_name, name) < 0))
            snprintf(name, 300, "%s", x->d_name);
    if (d)
        closedir(d);
}

static void new_name(char name[300])
{
    char host[200] = "host";
    gethostname(host, sizeof host - 1);
    snprintf(name, 300, "%s%010lld.%s.%ld.0", stem, (long long) time(NULL), host, (long) getpid());
}

static lbk_status open_file(struct events *e, const char *folder, int64_t keep)
{
    char name[300];
    find(folder, name);
    if (!*name)
        new_name(name);
    if (asprintf(&e->path, "%s/%s", folder, name) < 0) {
        e->path = NULL;
        return lbk_fail(e->ctx, LBK_ENOMEM, "%s: out of memory", folder);
    }
    e->f = fopen(e->path, "a+");
    const int64_t good = e->f && !fseek(e->f, 0, SEEK_SET) ? good_bytes(e->f, keep) : 0;
    if (!e->f || ftruncate(fileno(e->f), (off_t) good) || fseek(e->f, 0, SEEK_END))
        return lbk_fail(e->ctx, LBK_EIO, "%s: cannot write: %s", e->path, strerror(errno));
    if (!good)
        write_event(e, 0, NULL);
    return LBK_OK;
}

lbk_status lbk__events_open(lbk_ctx *ctx, const char *folder, int64_t keep, struct events **out)
{
    struct events *e = calloc(1, sizeof *e);
    *out = NULL;
    if (!e)
        return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", folder);
    e->ctx = ctx;
    const lbk_status st = open_file(e, folder, keep);
    if (st)
        lbk__events_close(&e);
    *out = e;
    return st;
}

int64_t lbk__events_flush(struct events *e)
{
    e->failed = e->failed || fflush(e->f);
    return ftell(e->f);
}

lbk_status lbk__events_close(struct events **events)
{
    struct events *e = *events;
    lbk_status st = LBK_OK;
    *events = NULL;
    if (!e)
        return st;
    if (e->f && (fclose(e->f) || e->failed))
        st = lbk_fail(e->ctx, LBK_EIO, "%s: cannot write", e->path);
    free(e->path);
    free(e);
    return st;
}
