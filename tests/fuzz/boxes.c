/* SPDX-License-Identifier: MIT */
/* The bytes are annotations of boxes, in JSON as COCO has it and in XML as Pascal VOC has it. */
#include <sys/stat.h>
#include "dataset.h"
#include "file.h"
#include "record.h"

static void read_some(const char *text)
{
    struct data *d;
    lbk_record *r;
    if (lbk__data_open(fuzz_ctx(), text, 0, NULL, DATA_TRAIN, &d))
        return;
    if (!lbk__record_create(fuzz_ctx(), &r)) {
        for (int64_t i = 0; i < d->n && i < 4; i++)
            lbk__data_read(d, i, r);
        lbk__record_destroy(&r);
    }
    lbk__data_close(&d);
}

static void write_file(const char *folder, const char *name, const void *data, size_t n)
{
    char path[96];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        exit(99);
}

/* With an image that cannot be read: what is read is what belongs to it. */
static const char *make_folder(void)
{
    static char folder[] = "/tmp/limbeck-fuzz-XXXXXX";
    static bool made;
    if (!made && !mkdtemp(folder))
        exit(99);
    if (!made)
        write_file(folder, "a.png", "", 0);
    made = true;
    return folder;
}

static void remove_folder(void)
{
    char path[96];
    const char *const names[] = { "a.png", "a.xml", "" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", make_folder(), names[i]);
        remove(path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], text[256];
    static bool asked;
    const char *folder = make_folder();
    const int fd = fuzz_file(data, size, path);
    if (!asked)
        asked = !atexit(remove_folder);
    snprintf(text, sizeof text, "coco,images=%s,labels=%s", folder, path);
    read_some(text);
    close(fd);
    write_file(folder, "a.xml", data, size);
    snprintf(text, sizeof text, "voc,images=%s,labels=%s,list=,classes=[cat,dog]", folder, folder);
    read_some(text);
    return 0;
}
