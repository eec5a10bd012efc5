/* SPDX-License-Identifier: MIT */
/* Checksums of event files, byte for byte; tests/report.py reads whole ones. */
#include "unit.h"
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>
#include "events.h"

/* RFC 3720, B.4, and TensorBoard's own test vector. */
static void checksums(void **state)
{
    static const unsigned char vector[] = "\x1a\x11"
                                          "CRC test, one two";
    const char zero[32] = { 0 };
    unsigned char ones[32], up[32];
    for (int i = 0; i < 32; i++)
        ones[i] = 255, up[i] = (unsigned char) i;
    assert_int_equal(lbk__crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(lbk__crc32c(zero, 32), 0x8a9136aa);
    assert_int_equal(lbk__crc32c(ones, 32), 0x62a8ab43);
    assert_int_equal(lbk__crc32c(up, 32), 0x46dd794e);
    assert_int_equal(lbk__crc32c(NULL, 0), 0);
    assert_int_equal(lbk__crc32c_masked(vector, sizeof vector - 1), 0x5794d08a);
}

static void only_file(const char *folder, char *path, size_t size)
{
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (*e->d_name == '.')
            continue;
        snprintf(path, size, "%s/%s", folder, e->d_name);
        n++;
    }
    closedir(d);
    assert_int_equal(n, 1);
    assert_non_null(strstr(path, "/events.out.tfevents."));
}

static int64_t size_of(const char *path)
{
    FILE *f = fopen(path, "r");
    fseek(f, 0, SEEK_END);
    const int64_t n = ftell(f);
    fclose(f);
    return n;
}

/* What is behind the place that counts, and what is damaged, is cut off; the file is gone on with.
 */
static void goes_on_where_it_was(void **state)
{
    char folder[] = "/tmp/limbeck-events-XXXXXX", path[600];
    struct events *e;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(lbk__events_open(unit_ctx(state), folder, 0, &e), LBK_OK);
    const int64_t begun = lbk__events_flush(e);
    lbk__events_scalar(e, 1, "train", "loss", 0.5);
    const int64_t one = lbk__events_flush(e);
    lbk__events_scalar(e, 2, "train", "loss", 0.25);
    const int64_t two = lbk__events_flush(e);
    assert_int_equal(lbk__events_close(&e), LBK_OK);
    only_file(folder, path, sizeof path);
    assert_true(begun == 12 + 9 + 2 + 13 + 4 && two - one == one - begun);

    const struct {
        int64_t size, keep, want; /* of the file; what counts; what is left */
    } all[] = { { two, two, two },     { two, one, one }, { two, one + 3, one },
                { two - 1, two, one }, { one, two, one }, { two, 0, begun } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(lbk__events_open(unit_ctx(state), folder, 0, &e), LBK_OK);
        lbk__events_scalar(e, 1, "train", "loss", 0.5);
        lbk__events_scalar(e, 2, "train", "loss", 0.25);
        assert_int_equal(lbk__events_close(&e), LBK_OK);
        assert_int_equal(truncate(path, all[i].size), 0);
        assert_int_equal(lbk__events_open(unit_ctx(state), folder, all[i].keep, &e), LBK_OK);
        assert_int_equal(lbk__events_close(&e), LBK_OK);
        assert_int_equal(size_of(path), all[i].want);
    }
    unlink(path);
    rmdir(folder);
}

static void only_png_is_taken(void **state)
{
    char folder[] = "/tmp/limbeck-events-XXXXXX", path[600], text[700];
    struct events *e;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(lbk__events_open(unit_ctx(state), folder, 0, &e), LBK_OK);
    only_file(folder, path, sizeof path);
    assert_int_equal(lbk__events_image(e, 1, "a", path), LBK_EFORMAT);
    snprintf(text, sizeof text, "%s: expected a PNG file", path);
    assert_unit_error(state, text);
    assert_int_equal(lbk__events_close(&e), LBK_OK);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums),
        cmocka_unit_test(goes_on_where_it_was),
        cmocka_unit_test(only_png_is_taken),
    };
    return cmocka_run_group_tests_name("events", tests, unit_start, unit_stop);
}
