/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file.h"

static char dir[] = "/tmp/limbeck-file-XXXXXX";

static const char *in_dir(const char *name)
{
    static _Thread_local char text[2][512];
    static _Thread_local int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s", dir, name);
    return text[turn];
}

static int entries(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void expect(void **state, const char *path, const char *content)
{
    unsigned char *data = NULL;
    size_t n;
    assert_int_equal(lbk__file_read(unit_ctx(state), path, 1000, &data, &n), LBK_OK);
    assert_int_equal(n, strlen(content));
    assert_string_equal((char *) data, content);
    free(data);
}

static void test_write_and_read(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    struct stat s;
    assert_int_equal(lbk__file_write(ctx, in_dir("a"), "old", 3), LBK_OK);
    assert_int_equal(lbk__file_write(ctx, in_dir("a"), "newer", 5), LBK_OK);
    expect(state, in_dir("a"), "newer");
    const mode_t mask = umask(022);
    assert_int_equal(lbk__file_write(ctx, in_dir("b"), "", 0), LBK_OK);
    umask(mask);
    assert_int_equal(stat(in_dir("b"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0644);
    expect(state, in_dir("b"), "");
    assert_int_equal(entries(), 2);
}

static void test_thrown_away(void **state)
{
    struct out_file o;
    assert_int_equal(lbk__out_begin(unit_ctx(state), in_dir("a"), &o), LBK_OK);
    lbk__out_add(&o, "half", 4);
    assert_int_equal(entries(), 3);
    assert_int_equal(lbk__out_end(&o, false), LBK_OK);
    assert_int_equal(entries(), 2);
    expect(state, in_dir("a"), "newer");
}

/* No room: what was there stays, nothing else is left behind, one line says so. */
static void test_no_room(void **state)
{
    const struct rlimit small = { 1000, RLIM_INFINITY };
    struct rlimit was;
    char data[5000] = { 0 }, text[512];
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const lbk_status st = lbk__file_write(unit_ctx(state), in_dir("a"), data, sizeof data);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(st, LBK_EIO);
    snprintf(text, sizeof text, "%s: cannot write: File too large", in_dir("a"));
    assert_unit_error(state, text);
    expect(state, in_dir("a"), "newer");
    assert_int_equal(entries(), 2);
}

static void test_refusals(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    unsigned char *data;
    size_t n;
    assert_int_equal(lbk__file_read(ctx, in_dir("none"), 10, &data, &n), LBK_ENOENT);
    assert_null(data);
    assert_int_equal(lbk__file_read(ctx, in_dir("a"), 4, &data, &n), LBK_EFORMAT);
    assert_int_equal(lbk__file_read(ctx, dir, 10, &data, &n), LBK_EIO);
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_int_equal(lbk__file_read(ctx, in_dir("pipe"), 10, &data, &n), LBK_EIO);
    assert_int_equal(lbk__file_write(ctx, in_dir("none/a"), "x", 1), LBK_EIO);
    assert_int_equal(lbk__file_write(ctx, dir, "x", 1), LBK_EIO);
    assert_int_equal(unlink(in_dir("pipe")), 0);
    assert_int_equal(entries(), 2);
}

/* What modules call: errno, and not a word. */
static void test_silent(void **state)
{
    ((struct unit *) *state)->errors = 0;
    assert_int_equal(lbk_file_replace(in_dir("a"), "other", 5), 0);
    expect(state, in_dir("a"), "other");
    assert_int_equal(lbk_file_replace(in_dir("none/a"), "x", 1), ENOENT);
    assert_int_not_equal(lbk_file_replace(dir, "x", 1), 0);
    assert_int_equal(entries(), 2);
    assert_int_equal(((struct unit *) *state)->errors, 0);
}

static void test_mkdirs(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    struct stat s;
    assert_int_equal(lbk__mkdirs(ctx, in_dir("p/q/r")), LBK_OK);
    assert_int_equal(lbk__mkdirs(ctx, in_dir("p/q/r/")), LBK_OK);
    assert_int_equal(stat(in_dir("p/q/r"), &s), 0);
    assert_int_equal(lbk__mkdirs(ctx, in_dir("a/x")), LBK_EIO);
    assert_int_equal(lbk__mkdirs(ctx, in_dir("a")), LBK_EIO);
    rmdir(in_dir("p/q/r"));
    rmdir(in_dir("p/q"));
    rmdir(in_dir("p"));
}

static int start(void **state) { return mkdtemp(dir) ? unit_start(state) : -1; }

static int stop(void **state)
{
    unlink(in_dir("a"));
    unlink(in_dir("b"));
    return rmdir(dir) | unit_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read), cmocka_unit_test(test_thrown_away),
        cmocka_unit_test(test_no_room),        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_mkdirs),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
