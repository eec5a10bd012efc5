/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "ctx.h"
#include "safetensors.h"

static char folder[] = "/tmp/limbeck-safetensors-XXXXXX";
static char path[64];
static int lines;

static void count_line(void *ud, enum lbk_log_level lvl, const char *msg)
{
    assert_null(strchr(msg, '\n'));
    lines++;
}

static struct lbk_ctx ctx = { .params = { .log = count_line }, .lock = PTHREAD_MUTEX_INITIALIZER };

static int make_folder(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    remove(path);
    return rmdir(folder);
}

static void write_file(const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static size_t read_file(unsigned char *p, size_t max)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t n = fread(p, 1, max, f);
    fclose(f);
    return n;
}

static int count_files(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* A file of that header (n of its bytes) and so many bytes of data; opening it gives the status. */
static lbk_status try_bytes(const char *json, size_t n, size_t data)
{
    unsigned char *b = calloc(1, 8 + n + data);
    struct st_file f;
    for (int i = 0; i < 8; i++)
        b[i] = (unsigned char) ((uint64_t) n >> 8 * i);
    memcpy(b + 8, json, n);
    write_file(b, 8 + n + data);
    free(b);
    lines = 0;
    const lbk_status st = lbk__st_open(&ctx, path, &f);
    assert_int_equal(lines, st ? 1 : 0);
    if (!st)
        lbk__st_close(&f);
    return st;
}

static lbk_status try_header(const char *json, size_t data)
{
    return try_bytes(json, strlen(json), data);
}

static void valid_headers(void **state)
{
    static const struct {
        const char *json;
        size_t data;
    } good[] = {
        { "{}", 0 },
        { " \n{}\t ", 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}   ", 16 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[0,0]}}", 0 },
        { "{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},\"a\":{\"dtype\":\"U8\","
          "\"shape\":[0],"
          "\"data_offsets\":[3,3]},\"c\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
          3 },
        { "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":["
          "0,2]}}",
          2 },
        { "{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[4],\"data_offsets\":[0,3]}}", 3 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1 },
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(try_header(good[i].json, good[i].data), LBK_OK);
}

static void broken_headers(void **state)
{
    static const struct {
        const char *json;
        size_t data;
    } bad[] = {
        { "", 0 },
        { "[]", 0 },
        { "1", 0 },
        { "null", 0 },
        { "{", 0 },
        { "{}x", 0 },
        { "{}{}", 0 },
        { "{}", 1 }, /* trailing byte */
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 15 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 17 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,12]}}", 12 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[16,0]}}", 16 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
          8 }, /* hole at the start */
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
          4 }, /* all overlap */
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
          7 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}",
          9 }, /* hole */
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
          1 },
        { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U9\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":8,\"shape\":[1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807,3],\"data_offsets\":[0,1]}}",
          1 },
        { "{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}",
          0 }, /* 2^62 * 64 bits */
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[18446744073709551616],\"data_offsets\":[0,0]}}", 0 },
        { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1 },
        { "{\"a\":[]}", 0 },
        { "{\"a\":null}", 0 },
        { "{\"__metadata__\":[]}", 0 },
        { "{\"__metadata__\":{\"a\":1}}", 0 },
        { "{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0 },
        { "{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (try_header(bad[i].json, bad[i].data) != LBK_EFORMAT)
            fail_msg("accepted: %s", bad[i].json);
}

static void long_name_and_many_tensors(void **state)
{
    char *json = malloc(8 << 20), *p = json;
    p += sprintf(p, "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                 ST_MAX_NAME, 1);
    assert_int_equal(try_header(json, 0), LBK_OK);
    sprintf(json, "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
            ST_MAX_NAME + 1, 1);
    assert_int_equal(try_header(json, 0), LBK_EFORMAT);
    p = json;
    for (int i = 0; i < ST_MAX_TENSORS + 2; i++)
        p += sprintf(p, "%c\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                     i ? ',' : '{', i);
    strcpy(p, "}");
    assert_int_equal(try_header(json, 0), LBK_EFORMAT);
    free(json);
}

static void lying_length(void **state)
{
    static const unsigned char big[16] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{', '}'
    };
    static const unsigned char wrap[16] = {
        0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '{', '}'
    };
    static const unsigned char over[10] = { 3, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    struct st_file f;
    write_file(big, sizeof big);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
    write_file(wrap, sizeof wrap);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
    write_file(over, sizeof over);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
}

static const float numbers[6] = { 1, -2, 3.5f, 0, 1e-40f, 7 };
static const uint8_t bytes[3] = { 1, 2, 255 };
static const struct st_item items[] = {
    { "z", LBK_F32, { 2, { 2, 3 } }, numbers, NULL },
    { "a", LBK_U8, { 1, { 3 } }, bytes, NULL },
    { "b", LBK_F32, { 0, { 0 } }, numbers + 2, NULL },
    { "none", LBK_I32, { 2, { 0, 4 } }, numbers, NULL },
};
static const struct st_meta meta[] = { { "z", "1" }, { "a", "\"quoted\"\n" } };

static void round_trip(void **state)
{
    struct st_file f;
    float z[6], b;
    uint8_t a[3];
    assert_int_equal(lbk__st_save(&ctx, path, 4, items, 2, meta), LBK_OK);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_OK);
    assert_int_equal(f.n, 4);
    assert_int_equal(f.data_at % 8, 0);
    assert_int_equal(f.n_meta, 2);
    assert_string_equal(f.meta[0].key, "a");
    assert_string_equal(f.meta[0].value, meta[1].value);
    assert_int_equal(lbk__st_read(&f, lbk__st_find(&f, "z"), z), LBK_OK);
    assert_int_equal(lbk__st_read(&f, lbk__st_find(&f, "b"), &b), LBK_OK);
    assert_int_equal(lbk__st_read(&f, lbk__st_find(&f, "a"), a), LBK_OK);
    assert_memory_equal(z, numbers, sizeof z);
    assert_memory_equal(a, bytes, sizeof a);
    assert_true(b == 3.5f);
    assert_int_equal(lbk__st_find(&f, "none")->rank, 2);
    assert_null(lbk__st_find(&f, "absent"));
    lbk__st_close(&f);
}

static void same_content_same_bytes(void **state)
{
    const struct st_item turned[] = { items[3], items[2], items[1], items[0] };
    const struct st_meta turned_meta[] = { meta[1], meta[0] };
    unsigned char x[2048], y[2048];
    assert_int_equal(lbk__st_save(&ctx, path, 4, items, 2, meta), LBK_OK);
    const size_t n = read_file(x, sizeof x);
    assert_int_equal(x[8], '{');
    assert_int_equal(lbk__st_save(&ctx, path, 4, turned, 2, turned_meta), LBK_OK);
    assert_int_equal(read_file(y, sizeof y), n);
    assert_memory_equal(x, y, n);
}

static void cut_anywhere(void **state)
{
    unsigned char x[2048];
    struct st_file f;
    assert_int_equal(lbk__st_save(&ctx, path, 4, items, 2, meta), LBK_OK);
    const size_t n = read_file(x, sizeof x);
    for (size_t i = 0; i < n; i++) {
        write_file(x, i);
        assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
    }
    x[n] = 0;
    write_file(x, n + 1);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
}

static void refused_items(void **state)
{
    const struct st_item twice[] = { items[0], items[0] };
    const struct st_item foreign[] = { { "a\xff", LBK_U8, { 1, { 3 } }, bytes, NULL } };
    const struct st_meta same[] = { meta[0], meta[0] };
    assert_int_equal(lbk__st_save(&ctx, path, 2, twice, 0, NULL), LBK_EINVAL);
    assert_int_equal(lbk__st_save(&ctx, path, 1, foreign, 0, NULL), LBK_EINVAL);
    assert_int_equal(lbk__st_save(&ctx, path, 1, items, 2, same), LBK_EINVAL);
}

static void failed_write_keeps_the_old_file(void **state)
{
    static float large[4096];
    const struct st_item big = { "large", LBK_F32, { 1, { 4096 } }, large, NULL };
    unsigned char x[2048], y[2048];
    struct rlimit old, small;
    assert_int_equal(lbk__st_save(&ctx, path, 4, items, 2, meta), LBK_OK);
    const size_t n = read_file(x, sizeof x);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096; /* as a full disk: the write is cut short, then fails */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    lines = 0;
    const lbk_status st = lbk__st_save(&ctx, path, 1, &big, 0, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(st, LBK_EIO);
    assert_int_equal(lines, 1);
    assert_int_equal(read_file(y, sizeof y), n);
    assert_memory_equal(x, y, n);
    assert_int_equal(count_files(), 1);
}

static void no_such_place(void **state)
{
    struct st_file f;
    lines = 0;
    assert_int_equal(lbk__st_save(&ctx, "/nowhere/at/all", 4, items, 0, NULL), LBK_EIO);
    assert_int_equal(lbk__st_open(&ctx, "/nowhere/at/all", &f), LBK_ENOENT);
    assert_int_equal(lbk__st_open(&ctx, folder, &f), LBK_EFORMAT);
    assert_int_equal(lines, 3);
}

static void pipe_is_refused(void **state)
{
    struct st_file f;
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_headers),
        cmocka_unit_test(broken_headers),
        cmocka_unit_test(long_name_and_many_tensors),
        cmocka_unit_test(lying_length),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(same_content_same_bytes),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(refused_items),
        cmocka_unit_test(failed_write_keeps_the_old_file),
        cmocka_unit_test(no_such_place),
        cmocka_unit_test(pipe_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
