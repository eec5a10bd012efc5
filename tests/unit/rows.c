/* SPDX-License-Identifier: MIT */
/* Rows in memory, and in files that may be damaged or somebody else's. */
#include "heard.h"
#include <sys/resource.h>

enum { ROW = 40, ROWS = 20, HEAD = 64, INDEX = 24 };
static const char set[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static int start(void **state) { return open_folder(state, NULL); }

static struct rows *open_rows(const char *name, struct rows_budget *b, size_t file)
{
    struct rows *r;
    struct rows_params p = { .row = ROW, .folder = name, .file = file, .budget = b };
    memcpy(p.set, set, sizeof set);
    assert_int_equal(lbk__rows_open(unit.ctx, &p, &r), LBK_OK);
    return r;
}

static void make_row(uint64_t sample, uint64_t view, unsigned char row[ROW])
{
    for (int i = 0; i < ROW; i++)
        row[i] = (unsigned char) (sample * 31 + view * 7 + (uint64_t) i);
}

static void put(struct rows *r, uint64_t sample, uint64_t view)
{
    unsigned char row[ROW];
    make_row(sample, view, row);
    lbk__rows_put(r, (struct row_key){ sample, view }, row);
}

static bool right(struct rows *r, uint64_t sample, uint64_t view)
{
    unsigned char row[ROW], want[ROW];
    if (!lbk__rows_get(r, (struct row_key){ sample, view }, row))
        return false;
    make_row(sample, view, want);
    assert_memory_equal(row, want, ROW);
    return true;
}

static int count_right(struct rows *r, int n)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += right(r, (uint64_t) i, 5);
    return found;
}

static void rows_come_back(void **state)
{
    for (int disk = 0; disk < 2; disk++) {
        const char *name = disk ? in_folder("back") : NULL;
        struct rows_budget b = { 1 << 20, 0 };
        struct rows *r = open_rows(name, &b, 7 * ROW);
        for (uint64_t i = 0; i < 3000; i++)
            put(r, i * 977, i % 3);
        put(r, 977, 1); /* once more */
        for (uint64_t i = 0; i < 3000; i++)
            assert_true(right(r, i * 977, i % 3));
        assert_false(right(r, 977, 2));
        assert_int_equal(b.used, 3000 * (ROW + INDEX));
        lbk__rows_close(&r);
        if (!disk)
            continue;
        r = open_rows(name, &b, 0);
        for (uint64_t i = 0; i < 3000; i++)
            assert_true(right(r, i * 977, i % 3));
        lbk__rows_close(&r);
        clear(name);
    }
    assert_int_equal(warnings, 0);
}

static void bytes_are_kept_within(void **state)
{
    struct rows_budget b = { 10 * (ROW + INDEX) + 5, 0 };
    struct rows *r = open_rows(NULL, &b, 0), *other = open_rows(NULL, &b, 0);
    for (int i = 0; i < ROWS; i++)
        put(i % 2 ? r : other, (uint64_t) i, 5);
    assert_int_equal(count_right(r, ROWS) + count_right(other, ROWS), 10);
    assert_true(b.used <= b.most);
    assert_int_equal(b.used, 10 * (ROW + INDEX));
    assert_true(b.told);
    lbk__rows_close(&r);
    lbk__rows_close(&other);
}

/* Two runs at once: each sees what was there when it began, a third sees all. */
static void runs_share_a_folder(void **state)
{
    const char *name = in_folder("shared");
    struct rows_budget b = { 1 << 20, 0 };
    struct rows *r = open_rows(name, &b, 0), *other = open_rows(name, &b, 0);
    for (int i = 0; i < ROWS; i++)
        put(i % 2 ? r : other, (uint64_t) i, 5);
    put(r, 0, 5); /* both have it */
    lbk__rows_close(&r);
    lbk__rows_close(&other);
    r = open_rows(name, &b, 0);
    assert_int_equal(count_right(r, ROWS), ROWS);
    lbk__rows_close(&r);
    assert_int_equal(warnings, 0);
    assert_true(lbk__rows_used(folder) >= ROWS * ROW);
    clear(name);
}

static void what_cannot_be_written_is_no_error(void **state)
{
    struct rows_budget b = { 1 << 20, 0 };
    struct rows *r = open_rows("/proc/limbeck/none", &b, 0);
    put(r, 1, 5);
    warnings = 0;
    lbk__rows_flush(r);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warning, "cannot write"));
    assert_false(right(r, 1, 5));
    put(r, 2, 5);
    lbk__rows_close(&r);
    assert_int_equal(warnings, 1);
    assert_int_equal(unit.errors, 0);
}

/* ---- damaged files ---- */

static char *only_file(const char *name)
{
    static char path[1024];
    DIR *d = opendir(name);
    *path = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".rows"))
            snprintf(path, sizeof path, "%s/%s", name, e->d_name);
    if (d)
        closedir(d);
    return path;
}

static unsigned char *make_file(const char *name, size_t *n)
{
    unsigned char *bytes;
    struct rows_budget b = { 1 << 20, 0 };
    struct rows *r = open_rows(name, &b, 0);
    for (int i = 0; i < ROWS; i++)
        put(r, (uint64_t) i, 5);
    lbk__rows_close(&r);
    assert_int_equal(lbk_file_slurp(only_file(name), 1 << 20, &bytes, n), 0);
    return bytes;
}

static void damaged_files_are_left_alone(void **state)
{
    const size_t rows_at = (HEAD + ROWS * INDEX + 63) / 64 * 64;
    const struct {
        size_t keep, flip; /* 0 = all, none */
        int left;
        const char *words;
    } table[] = {
        { 1, 0, 0, "its head is cut off" },
        { HEAD - 1, 0, 0, "its head is cut off" },
        { HEAD, 0, 0, "its index is cut off" },
        { HEAD + ROWS * INDEX - 1, 0, 0, "its index is cut off" },
        { rows_at, 0, 0, "cut off: 0 of 20 rows are left" },
        { rows_at + 7 * ROW, 0, 7, "cut off: 7 of 20 rows are left" },
        { rows_at + 8 * ROW - 1, 0, 7, "cut off: 7 of 20 rows are left" },
        { 0, 1, 0, "not a file of rows" },
        { 0, 9, 0, "its head is damaged" },
        { 0, 41, 0, "its head is damaged" },
        { 0, 50, 0, "its head is damaged" },
        { 0, HEAD + 3, 0, "its index is damaged" },
        { 0, rows_at + 3 * ROW + 1, ROWS - 1, "of it damaged: what is lost is made anew" },
    };
    const char *name = in_folder("damaged");
    struct rows_budget b = { 1 << 20, 0 };
    size_t n;
    unsigned char *bytes = make_file(name, &n);
    assert_int_equal(n, rows_at + ROWS * ROW);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const size_t flip = table[i].flip;
        bytes[flip] ^= flip ? 4 : 0;
        assert_int_equal(
            lbk_file_replace(only_file(name), bytes, table[i].keep ? table[i].keep : n), 0);
        bytes[flip] ^= flip ? 4 : 0;
        warnings = 0;
        struct rows *r = open_rows(name, &b, 0);
        assert_int_equal(count_right(r, ROWS), table[i].left);
        assert_int_equal(warnings, 1);
        if (!strstr(warning, table[i].words))
            fail_msg("'%s' instead of '%s'", warning, table[i].words);
        lbk__rows_close(&r);
    }
    assert_int_equal(unit.errors, 0);
    free(bytes);
    clear(name);
}

static void what_is_lost_is_made_anew(void **state)
{
    const char *name = in_folder("anew");
    struct rows_budget b = { 1 << 20, 0 };
    size_t n;
    unsigned char *bytes = make_file(name, &n);
    bytes[n - 1] ^= 1;
    assert_int_equal(lbk_file_replace(only_file(name), bytes, n), 0);
    struct rows *r = open_rows(name, &b, 0);
    assert_false(right(r, ROWS - 1, 5));
    put(r, ROWS - 1, 5);
    assert_int_equal(count_right(r, ROWS), ROWS);
    lbk__rows_close(&r);
    free(bytes);
    clear(name);
}

static void files_may_go_meanwhile(void **state)
{
    const char *name = in_folder("gone");
    struct rows_budget b = { 1 << 20, 0 };
    size_t n;
    free(make_file(name, &n));
    struct rows *r = open_rows(name, &b, 0);
    warnings = 0;
    assert_int_equal(unlink(only_file(name)), 0);
    assert_int_equal(count_right(r, ROWS), 0);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(warning, "a file is gone"));
    put(r, 3, 5);
    assert_int_equal(count_right(r, ROWS), 1);
    lbk__rows_close(&r);
    clear(name);
}

/* More than the process may hold open. */
static void many_files(void **state)
{
    const char *name = in_folder("many");
    struct rows_budget b = { 1 << 20, 0 };
    struct rlimit before, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before, few.rlim_cur = 16;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    warnings = 0;
    for (int turn = 0; turn < 2; turn++) {
        struct rows *r = open_rows(name, &b, ROW);
        for (int i = 0; i < 40; i++)
            put(r, (uint64_t) i, 5);
        assert_int_equal(count_right(r, 40), 40);
        lbk__rows_close(&r);
    }
    assert_int_equal(warnings, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    clear(name);
}

static void others_files_are_left_alone(void **state)
{
    const char *name = in_folder("others");
    char set_of[32] = { 1 };
    struct shard s;
    size_t n;
    unsigned char *bytes = make_file(name, &n);
    assert_string_equal(lbk__shard_open(only_file(name), set_of, ROW, &s),
                        "its rows are of something else");
    assert_string_equal(lbk__shard_open(name, set_of, ROW, &s), "not a regular file");
    assert_int_equal(mkfifo(in_folder("others/pipe.rows"), 0600), 0);
    assert_int_equal(symlink("nowhere", in_folder("others/link.rows")), 0);
    struct rows_budget b = { 1 << 20, 0 };
    warnings = 0;
    struct rows *r = open_rows(name, &b, 0);
    assert_int_equal(warnings, 2);
    assert_int_equal(count_right(r, ROWS), ROWS);
    lbk__rows_close(&r);
    free(bytes);
    clear(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back),
        cmocka_unit_test(bytes_are_kept_within),
        cmocka_unit_test(runs_share_a_folder),
        cmocka_unit_test(what_cannot_be_written_is_no_error),
        cmocka_unit_test(damaged_files_are_left_alone),
        cmocka_unit_test(what_is_lost_is_made_anew),
        cmocka_unit_test(files_may_go_meanwhile),
        cmocka_unit_test(many_files),
        cmocka_unit_test(others_files_are_left_alone),
    };
    return cmocka_run_group_tests(tests, start, close_folder);
}
