/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <pool.h>

enum { MOST = 5000 };
struct tally {
    atomic_int seen[MOST];
    atomic_int bad;
    int threads;
};

static void count(void *arg, int64_t i, int worker)
{
    struct tally *t = arg;
    atomic_fetch_add(&t->seen[i], 1);
    if (worker < 0 || worker >= t->threads)
        atomic_fetch_add(&t->bad, 1);
    for (volatile int k = 0; k < (i % 7) * 20; k++)
        ;
}

static void check(struct pool *p, struct tally *t, int64_t n)
{
    for (int64_t i = 0; i < MOST; i++)
        t->seen[i] = 0;
    pool_run(p, n, count, t);
    for (int64_t i = 0; i < MOST; i++)
        if (t->seen[i] != (i < n))
            fail_msg("of %d, task %d ran %d times", (int) n, (int) i, t->seen[i]);
    assert_int_equal(t->bad, 0);
}

static void each_task_runs_once(void **state)
{
    static const int64_t sizes[] = { 0, 1, 2, 3, 5, 64, MOST };
    struct tally *t = calloc(1, sizeof *t);
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *p = pool_create(threads, threads % 2 == 0);
        assert_non_null(p);
        t->threads = threads;
        for (int round = 0; round < 20; round++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                check(p, t, sizes[i]);
        pool_destroy(p);
    }
    free(t);
}

static void add(void *arg, int64_t i, int worker) { atomic_fetch_add((atomic_long *) arg, i + 1); }

/* Short turns one after the other: a late worker must neither miss nor repeat one. */
static void turns_do_not_mix(void **state)
{
    struct pool *p = pool_create(3, true);
    for (int round = 0; round < 5000; round++) {
        atomic_long sum = 0;
        int64_t n = 2 + round % 6;
        pool_run(p, n, add, &sum);
        assert_int_equal(sum, n * (n + 1) / 2);
    }
    pool_destroy(p);
}

static void idle_workers_sleep_and_wake(void **state)
{
    struct pool *p = pool_create(3, true);
    for (int round = 0; round < 5; round++) {
        atomic_long sum = 0;
        struct timespec pause = { 0, 2000000 };
        nanosleep(&pause, NULL);
        pool_run(p, 100, add, &sum);
        assert_int_equal(sum, 5050);
    }
    pool_destroy(p);
    assert_true(pool_cores() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(turns_do_not_mix),
        cmocka_unit_test(idle_workers_sleep_and_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
