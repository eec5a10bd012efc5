/* SPDX-License-Identifier: MIT */
/* The memory that is left, by a proc/ and sys/ made for it. */
#include "unit.h"
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host.h"

static const char *const folders[] = { "proc", "sys", "sys/fs", "sys/fs/cgroup",
                                       "sys/fs/cgroup/memory" };
static const char *const files[] = { "proc/meminfo",
                                     "sys/fs/cgroup/memory.max",
                                     "sys/fs/cgroup/memory.current",
                                     "sys/fs/cgroup/memory.stat",
                                     "sys/fs/cgroup/memory/memory.limit_in_bytes",
                                     "sys/fs/cgroup/memory/memory.usage_in_bytes",
                                     "sys/fs/cgroup/memory/memory.stat" };
enum { FOLDERS = 5, FILES = 7 };

static void make(const char *root)
{
    char path[PATH_MAX];
    for (int i = 0; i < FOLDERS; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
}

static void say(const char *root, int file, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, files[file]);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void clean(const char *root)
{
    char path[PATH_MAX];
    for (int i = 0; i < FILES + FOLDERS; i++) {
        snprintf(path, sizeof path, "%s/%s", root,
                 i < FILES ? files[i] : folders[FOLDERS - 1 - (i - FILES)]);
        remove(path);
    }
    assert_int_equal(rmdir(root), 0);
}

static void what_is_left(void **state)
{
    char root[] = "/tmp/limbeck-host-XXXXXX";
    assert_non_null(mkdtemp(root));
    make(root);
    assert_int_equal(lbk__host_memory(root), 0);
    say(root, 0, "MemTotal:  9000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\n");
    assert_int_equal(lbk__host_memory(root), 4000 << 10);
    say(root, 1, "max\n"), say(root, 2, "100000\n");
    assert_int_equal(lbk__host_memory(root), 4000 << 10);
    say(root, 1, "1000000\n");
    assert_int_equal(lbk__host_memory(root), 900000);
    say(root, 3, "active_file 7\ninactive_file 40000\n");
    assert_int_equal(lbk__host_memory(root), 940000);
    say(root, 4, "9223372036854771712\n"), say(root, 5, "300000\n");
    assert_int_equal(lbk__host_memory(root), 940000);
    say(root, 4, "500000\n"), say(root, 6, "inactive_file 1\ntotal_inactive_file 1000\n");
    assert_int_equal(lbk__host_memory(root), 201000);
    say(root, 4, "200000\n");
    assert_int_equal(lbk__host_memory(root), 1);
    clean(root);
}

static void of_this_machine(void **state) { assert_true(lbk__host_memory("") > 1 << 20); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left),
        cmocka_unit_test(of_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
