/* SPDX-License-Identifier: MIT */
/* The bytes are a file of images, and a file of labels. */
#include "dataset.h"
#include "file.h"
#include "record.h"

static void read_some(lbk_ctx *ctx, const char *text)
{
    struct data *d;
    lbk_record *r;
    if (lbk__data_open(ctx, text, 0, NULL, DATA_TRAIN, &d))
        return;
    if (!lbk__record_create(ctx, &r)) {
        for (int64_t i = 0; i < d->n && i < 4; i++)
            lbk__data_read(d, i, r);
        lbk__record_destroy(&r);
    }
    lbk__data_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], text[256];
    const int fd = fuzz_file(data, size, path);
    snprintf(text, sizeof text, "idx,images=%s", path);
    read_some(fuzz_ctx(), text);
    snprintf(text, sizeof text, "idx,images=%s,labels=%s", path, path);
    read_some(fuzz_ctx(), text);
    close(fd);
    return 0;
}
