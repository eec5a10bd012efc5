/* SPDX-License-Identifier: MIT */
/* Small data sets made on the spot, and a context that keeps count of its error lines. */
#ifndef TEST_SMALL_DATA_H
#define TEST_SMALL_DATA_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/ctx.h>
#include "dataset.h"

struct heard {
    int errors;
    char last[1024];
};

static inline void hear(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct heard *h = ud;
    if (lvl != LBK_LOG_ERROR)
        return;
    h->errors++;
    snprintf(h->last, sizeof h->last, "%s", msg);
}

static inline lbk_ctx *quiet_ctx(struct heard *h)
{
    lbk_ctx *ctx = NULL;
    memset(h, 0, sizeof *h);
    const struct lbk_ctx_params p = {
        .size = sizeof p, .log = hear, .log_ud = h, .log_level = LBK_LOG_WARN
    };
    assert_int_equal(lbk_ctx_create(&p, &ctx), LBK_OK);
    return ctx;
}

static inline void assert_ok(const struct heard *h, lbk_status got)
{
    if (got)
        print_error("status %d: %s\n", got, h->last);
    assert_int_equal(got, LBK_OK);
}

/* Failed with that status and one line that has the words in it. */
static inline void assert_refused(struct heard *h, lbk_status got, lbk_status want,
                                  const char *words)
{
    if (got != want || h->errors != 1 || !strstr(h->last, words))
        print_error("status %d for %d, %d lines, '%s' for '%s'\n", got, want, h->errors, h->last,
                    words);
    assert_int_equal(got, want);
    assert_int_equal(h->errors, 1);
    assert_non_null(strstr(h->last, words));
    h->errors = 0;
}

/* A folder that is gone after leave_folder(). */
static inline char *enter_folder(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/limbeck-XXXXXX");
    assert_non_null(mkdtemp(path));
    assert_int_equal(chdir(path), 0);
    return path;
}

static inline void leave_folder(const char *path)
{
    char command[128];
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void write_bytes(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Header of an IDX file; returns its length. */
static inline size_t idx_head(unsigned char *to, int rank, uint32_t n, uint32_t h, uint32_t w)
{
    const uint32_t dim[3] = { n, h, w };
    memcpy(to, (const unsigned char[]){ 0, 0, 8, (unsigned char) rank }, 4);
    for (int i = 0; i < rank; i++)
        for (int k = 0; k < 4; k++)
            to[4 + 4 * i + k] = (unsigned char) (dim[i] >> (24 - 8 * k));
    return 4 + 4 * (size_t) rank;
}

/* n images of h x w whose pixels are (7 n + 3 y + x) mod 256, labelled n mod 10, as files "images"
 * and "labels". */
static inline void write_idx(uint32_t n, uint32_t h, uint32_t w)
{
    unsigned char *p = malloc(16 + (size_t) n * h * w);
    size_t at = idx_head(p, 3, n, h, w);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t y = 0; y < h; y++)
            for (uint32_t x = 0; x < w; x++)
                p[at++] = (unsigned char) (7 * i + 3 * y + x);
    write_bytes("images", p, at);
    at = idx_head(p, 1, n, 0, 0);
    for (uint32_t i = 0; i < n; i++)
        p[at++] = (unsigned char) (i % 10);
    write_bytes("labels", p, at);
    free(p);
}

#endif
