/* SPDX-License-Identifier: MIT */
/* What is kept of built programs and of facts: used when it is whole, made anew whatever else lies
 * there. */
#include "fake_cl.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <limbeck/file.h>
#include "probe.h"

static char home[] = "/tmp/limbeck-opencl-XXXXXX";
static const char mark[] = "BIN\1";

static const char *in_home(const char *name)
{
    static _Thread_local char text[2][OCL_PATH_MOST];
    static _Thread_local int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s", home, name);
    return text[turn];
}

/* The files of a suffix: how many, and the path of the last one seen. */
static int files(const char *suffix, char path[OCL_PATH_MOST])
{
    int n = 0;
    DIR *dir = opendir(in_home("limbeck/opencl"));
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        const size_t k = strlen(e->d_name), s = strlen(suffix);
        if (e->d_name[0] == '.' || k < s || strcmp(e->d_name + k - s, suffix) != 0)
            continue;
        n++;
        if (path)
            snprintf(path, OCL_PATH_MOST, "%s/%s", in_home("limbeck/opencl"), e->d_name);
    }
    if (dir)
        closedir(dir);
    return n;
}

static void clear_folder(void)
{
    char path[OCL_PATH_MOST];
    while (files("", path))
        assert_int_equal(remove(path), 0);
}

static void set(const struct fake_cl *to)
{
    fake = *to;
    fake.driver = fake.driver ? fake.driver : "1";
    fake.mark = fake.mark ? fake.mark : mark;
}

/* A run that wants one kernel; returns how often something was built from its text. */
static int run_with(const char *defines, const char *worth)
{
    lbk_drv d;
    cl_kernel k = NULL;
    const int before = fake.sources;
    fake_open(&d, true);
    if (worth)
        ocl_fact_set(&d, "binaries", "%s", worth);
    struct ocl_entry *e = ocl_program_want(&d, "map", defines, "");
    assert_non_null(e);
    assert_int_equal(ocl_program_take(&d, e, &k), LBK_OK);
    assert_non_null(k);
    fake_release_kernel(k);
    fake_close(&d);
    assert_int_equal(fake.live, 0);
    return fake.sources - before;
}

static int run_once(void) { return run_with("#define A 1\n", "yes"); }

static void test_kept(void **state)
{
    char path[OCL_PATH_MOST];
    struct stat s;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    assert_int_equal(files(".program", path), 1);
    assert_int_equal(stat(in_home("limbeck/opencl"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    assert_int_equal(run_once(), 0);
    assert_int_equal(fake.binaries, 1);
    assert_int_equal(run_with("#define A 2\n", "yes"), 1);
    assert_int_equal(files(".program", path), 2);
    assert_int_equal(files(".tmp", NULL), 0);
    clear_folder();
}

/* Another driver, another key. */
static void test_other_driver(void **state)
{
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    fake.driver = "2";
    assert_int_equal(run_once(), 1);
    assert_int_equal(files(".program", NULL), 2);
    fake.driver = "1";
    assert_int_equal(run_once(), 0);
    clear_folder();
}

static void test_not_worth(void **state)
{
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_with("", "no: for a test"), 1);
    assert_int_equal(files(".program", NULL), 0);
    fake.no_binary = true;
    assert_int_equal(run_once(), 1);
    assert_int_equal(files(".program", NULL), 0);
    clear_folder();
}

static void test_not_wanted(void **state)
{
    lbk_drv d;
    cl_kernel k;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    fake_open(&d, false);
    struct ocl_entry *e = ocl_program_want(&d, "map", "#define A 1\n", "");
    assert_int_equal(ocl_program_take(&d, e, &k), LBK_OK);
    fake_release_kernel(k);
    fake_close(&d);
    assert_int_equal(fake.sources, 2);
    clear_folder();
}

/* Damages the one entry, and sees that it is built anew, replaced, and good from then on. */
static void expect_mended(const char *path, const void *data, size_t n)
{
    assert_int_equal(lbk_file_replace(path, data, n), 0);
    assert_int_equal(run_once(), 1);
    assert_int_equal(run_once(), 0);
}

static void test_damaged(void **state)
{
    char path[OCL_PATH_MOST];
    unsigned char *whole;
    size_t n;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    assert_int_equal(files(".program", path), 1);
    assert_int_equal(lbk_file_slurp(path, 1 << 20, &whole, &n), 0);
    for (size_t k = 0; k < n; k += k < 300 ? 29 : 131)
        expect_mended(path, whole, k);
    for (size_t k = 0; k < n; k += k < 256 ? 13 : 97) {
        whole[k] ^= 0x20;
        expect_mended(path, whole, n);
        whole[k] ^= 0x20;
    }
    expect_mended(path, "nothing of ours", 15);
    unsigned char *longer = calloc(1, n + 1);
    memcpy(longer, whole, n);
    expect_mended(path, longer, n + 1);
    free(longer);
    free(whole);
    clear_folder();
}

/* Whole, but of another text. */
static void test_misplaced(void **state)
{
    char one[OCL_PATH_MOST], two[OCL_PATH_MOST];
    unsigned char *other;
    size_t n;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_with("#define A 2\n", "yes"), 1);
    files(".program", two);
    assert_int_equal(lbk_file_slurp(two, 1 << 20, &other, &n), 0);
    assert_int_equal(unlink(two), 0);
    assert_int_equal(run_once(), 1);
    files(".program", one);
    expect_mended(one, other, n);
    free(other);
    clear_folder();
}

/* The file is whole; the driver does not take it. */
static void test_refused(void **state)
{
    bool *const why[] = { &fake.refuse_binary, &fake.refuse_load_build, &fake.lose_kernel };
    for (size_t i = 0; i < sizeof why / sizeof *why; i++) {
        set(&(struct fake_cl){ 0 });
        assert_int_equal(run_once(), 1);
        *why[i] = true;
        assert_int_equal(run_once(), 1);
        *why[i] = false;
        assert_int_equal(run_once(), 0);
        assert_int_equal(files(".program", NULL), 1);
        clear_folder();
    }
}

/* What is no file at all is in the way: said once, and nothing fails. */
static void test_in_the_way(void **state)
{
    char path[OCL_PATH_MOST];
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    files(".program", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(run_once(), 1);
    assert_int_equal(fake.warnings, 1);
    assert_non_null(strstr(fake.warning, "is not kept"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(run_once(), 1);
    assert_int_equal(run_once(), 0);
    clear_folder();
}

static void test_no_room(void **state)
{
    const struct rlimit small = { 100, RLIM_INFINITY };
    struct rlimit was;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const int built = run_once();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(built, 1);
    assert_int_equal(fake.warnings, 1);
    assert_int_equal(files("", NULL), 0);
    clear_folder();
}

/* Used by nobody but its owner, or not at all. */
static void test_unsafe(void **state)
{
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    static const char *const at[] = { "limbeck/opencl", "limbeck" };
    static const mode_t mode[] = { 0720, 0702, 0777 };
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof mode / sizeof *mode; k++) {
            assert_int_equal(chmod(in_home(at[i]), mode[k]), 0);
            fake.warnings = 0;
            assert_int_equal(run_once(), 1);
            assert_int_equal(fake.warnings, 1);
            assert_non_null(strstr(fake.warning, "others may write"));
            assert_int_equal(chmod(in_home(at[i]), 0700), 0);
        }
    if (geteuid() == 0) {
        assert_int_equal(chown(in_home("limbeck"), 12345, (gid_t) -1), 0);
        assert_int_equal(run_once(), 1);
        assert_non_null(strstr(fake.warning, "it belongs to user 12345"));
        assert_int_equal(chown(in_home("limbeck"), 0, (gid_t) -1), 0);
    }
    assert_int_equal(run_once(), 0);
    clear_folder();
}

static void test_no_folder(void **state)
{
    set(&(struct fake_cl){ 0 });
    assert_int_equal(lbk_file_replace(in_home("file"), "x", 1), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", in_home("file"), 1), 0);
    assert_int_equal(run_once(), 1);
    assert_non_null(strstr(fake.warning, "it cannot be made"));
    assert_int_equal(setenv("XDG_CACHE_HOME", "relative", 1), 0);
    assert_int_equal(setenv("HOME", "", 1), 0);
    assert_int_equal(run_once(), 1);
    assert_non_null(strstr(fake.warning, "neither XDG_CACHE_HOME nor HOME"));
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(run_once(), 1);
    assert_int_equal(run_once(), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", in_home(".cache"), 1), 0);
    assert_int_equal(run_once(), 0);
    assert_int_equal(setenv("XDG_CACHE_HOME", home, 1), 0);
    unlink(in_home("file"));
}

/* The one used longest ago goes first; a temporary file goes when it is old. */
static void test_trimmed(void **state)
{
    static const char *const names[] = { "a.x", "b.x", "c.x", "d.y", "old.tmp", "new.tmp" };
    char data[100] = { 0 };
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    for (int i = 0; i < 6; i++) {
        char path[OCL_PATH_MOST];
        const struct timespec at[2] = { { 1000 - i, 0 }, { 1000 - i, 0 } };
        assert_true(ocl_folder_file(in_home("limbeck/opencl"), names[i], "", path));
        assert_int_equal(lbk_file_replace(path, data, sizeof data), 0);
        if (i < 5)
            assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
    }
    ocl_folder_trim(in_home("limbeck/opencl"), ".x", 250);
    assert_int_equal(files(".x", NULL), 2);
    assert_int_equal(access(in_home("limbeck/opencl/c.x"), F_OK), -1);
    assert_int_equal(access(in_home("limbeck/opencl/old.tmp"), F_OK), -1);
    assert_int_equal(access(in_home("limbeck/opencl/new.tmp"), F_OK), 0);
    assert_int_equal(files(".y", NULL), 1);
    assert_int_equal(files(".program", NULL), 1);
    ocl_folder_trim(in_home("limbeck/opencl"), ".x", 0);
    assert_int_equal(files(".x", NULL), 0);
    clear_folder();
}

/* A run that stores also makes room. */
static void test_room(void **state)
{
    lbk_drv d;
    cl_kernel k;
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_with("#define A 2\n", "yes"), 1);
    assert_int_equal(run_once(), 1);
    assert_int_equal(files(".program", NULL), 2);
    fake_open(&d, true);
    ocl_fact_set(&d, "binaries", "yes");
    d.cache->most = 1;
    struct ocl_entry *e = ocl_program_want(&d, "map", "#define A 1\n", "");
    assert_int_equal(ocl_program_take(&d, e, &k), LBK_OK);
    fake_release_kernel(k);
    e = ocl_program_want(&d, "map", "#define A 3\n", "");
    assert_int_equal(files(".program", NULL), 2);
    assert_int_equal(ocl_program_take(&d, e, &k), LBK_OK);
    fake_release_kernel(k);
    fake_close(&d);
    assert_int_equal(files(".program", NULL), 0);
    clear_folder();
}

/* A program that is loaded counts as used. */
static void test_used(void **state)
{
    char path[OCL_PATH_MOST];
    struct stat s;
    const struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
    set(&(struct fake_cl){ 0 });
    assert_int_equal(run_once(), 1);
    files(".program", path);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_int_equal(run_once(), 0);
    assert_int_equal(stat(path, &s), 0);
    assert_true(s.st_mtim.tv_sec > 1000000);
    clear_folder();
}

/* ---- facts ---- */

static void test_facts(void **state)
{
    lbk_drv d, other;
    set(&(struct fake_cl){ 0 });
    fake_open(&d, true);
    fake_open(&other, true);
    assert_null(ocl_fact(&d, "a"));
    ocl_fact_set(&d, "a", "%d of\n%s", 1, "two = 2");
    ocl_fact_set(&d, "empty", "%s", "");
    assert_string_equal(ocl_fact(&d, "a"), "1 of two = 2");
    ocl_facts_save(&d);
    assert_null(ocl_fact(&other, "a"));
    ocl_fact_set(&other, "b", "other");
    ocl_fact_set(&other, "a", "newer");
    ocl_facts_save(&other);
    fake_close(&d);
    fake_close(&other);
    fake_open(&d, true);
    assert_string_equal(ocl_fact(&d, "a"), "newer");
    assert_string_equal(ocl_fact(&d, "b"), "other");
    assert_null(ocl_fact(&d, "empty"));
    fake_close(&d);
    fake.driver = "2";
    fake_open(&d, true);
    assert_null(ocl_fact(&d, "a"));
    fake_close(&d);
    assert_int_equal(fake.warnings, 0);
    clear_folder();
}

static void expect_ignored(const char *path, const void *data, size_t n)
{
    lbk_drv d;
    assert_int_equal(lbk_file_replace(path, data, n), 0);
    fake.warnings = 0;
    fake_open(&d, true);
    assert_int_equal(fake.warnings, 1);
    assert_non_null(strstr(fake.warning, "is damaged and ignored"));
    assert_null(ocl_fact(&d, "a"));
    fake_close(&d);
}

static void test_facts_damaged(void **state)
{
    lbk_drv d;
    char path[OCL_PATH_MOST];
    unsigned char *whole;
    size_t n;
    set(&(struct fake_cl){ 0 });
    fake_open(&d, true);
    ocl_fact_set(&d, "a", "1");
    ocl_facts_save(&d);
    fake_close(&d);
    assert_int_equal(files(".facts", path), 1);
    assert_int_equal(lbk_file_slurp(path, 1 << 20, &whole, &n), 0);
    for (size_t k = 0; k < n; k += 9)
        expect_ignored(path, whole, k);
    for (size_t k = 0; k < n; k += 7) {
        whole[k] ^= 1;
        expect_ignored(path, whole, n);
        whole[k] ^= 1;
    }
    fake_open(&d, true); /* and replaced */
    ocl_fact_set(&d, "b", "2");
    ocl_facts_save(&d);
    fake_close(&d);
    fake.warnings = 0;
    fake_open(&d, true);
    assert_string_equal(ocl_fact(&d, "b"), "2");
    assert_int_equal(fake.warnings, 0);
    fake_close(&d);
    free(whole);
    clear_folder();
}

/* Values that say more than a reader may believe: they are whole, but not ours. */
static void test_facts_odd(void **state)
{
    lbk_drv d;
    char path[OCL_PATH_MOST], text[1024], hex[65], all[1200];
    static const char *const odd[] = { "noequals\n", " = x\n", "a = 1", "a\n" };
    set(&(struct fake_cl){ 0 });
    fake_open(&d, true);
    assert_true(ocl_folder_file(d.cache->folder, d.cache->device, ".facts", path));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        snprintf(text, sizeof text, "limbeck opencl facts 1\n%s\n%s", d.cache->device, odd[i]);
        lbk_sha256(text, strlen(text), hex);
        snprintf(all, sizeof all, "%send %s\n", text, hex);
        expect_ignored(path, all, strlen(all));
    }
    fake_close(&d);
    clear_folder();
}

/* ---- is it worth it? ---- */

static void expect_worth(const struct fake_cl *f, bool yes, const char *why)
{
    lbk_drv d;
    set(f);
    fake_open(&d, true);
    assert_int_equal(ocl_probe_binaries(&d), yes);
    const char *fact = ocl_fact(&d, "binaries");
    if (!fact || !strstr(fact, why))
        fail_msg("expected '%s', got '%s'", why, fact ? fact : "nothing");
    const int sources = fake.sources;
    assert_int_equal(ocl_probe_binaries(&d), yes);
    assert_int_equal(fake.sources, sources);
    fake_close(&d);
    fake_open(&d, true); /* known from now on */
    assert_int_equal(ocl_probe_binaries(&d), yes);
    assert_int_equal(fake.sources, sources);
    fake_close(&d);
    assert_int_equal(fake.live, 0);
    clear_folder();
}

/* Not a fact: asked again in the next run, and once in this one. */
static void expect_unsure(const struct fake_cl *f)
{
    lbk_drv d;
    set(f);
    for (int i = 0; i < 2; i++) {
        fake.sources = 0;
        fake_open(&d, true);
        assert_false(ocl_probe_binaries(&d));
        assert_null(ocl_fact(&d, "binaries"));
        assert_true(fake.sources > 0);
        const int sources = fake.sources;
        assert_false(ocl_probe_binaries(&d));
        assert_int_equal(fake.sources, sources);
        fake_close(&d);
    }
    assert_int_equal(fake.live, 0);
    clear_folder();
}

static void test_worth(void **state)
{
    expect_worth(&(struct fake_cl){ .building = 40000 }, true, "yes: ");
    expect_worth(&(struct fake_cl){ .building = 40000, .asking = 50000 }, false, "asking for one");
    expect_worth(&(struct fake_cl){ .building = 40000, .loading = 50000 }, false, "loading one");
    expect_worth(&(struct fake_cl){ .building = 40000, .mark = "//\n// .version 8" }, false,
                 "is text");
    expect_unsure(&(struct fake_cl){ .building = 1000, .no_binary = true });
    expect_unsure(&(struct fake_cl){ .building = 1000, .refuse_binary = true });
}

static int start(void **state) { return mkdtemp(home) ? setenv("XDG_CACHE_HOME", home, 1) : -1; }

static int stop(void **state)
{
    rmdir(in_home(".cache/limbeck/opencl"));
    clear_folder();
    char path[OCL_PATH_MOST];
    snprintf(path, sizeof path, "rm -r '%s'", home);
    return system(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),      cmocka_unit_test(test_other_driver),
        cmocka_unit_test(test_not_worth), cmocka_unit_test(test_not_wanted),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_in_the_way),
        cmocka_unit_test(test_no_room),   cmocka_unit_test(test_unsafe),
        cmocka_unit_test(test_no_folder), cmocka_unit_test(test_trimmed),
        cmocka_unit_test(test_room),      cmocka_unit_test(test_used),
        cmocka_unit_test(test_facts),     cmocka_unit_test(test_facts_damaged),
        cmocka_unit_test(test_facts_odd), cmocka_unit_test(test_worth),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
