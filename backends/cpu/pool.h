/* SPDX-License-Identifier: MIT */
/* Threads that wait for work; the caller is worker 0. */
#ifndef LBK_CPU_POOL_H
#define LBK_CPU_POOL_H
#include <stdbool.h>
#include <stdint.h>

typedef void cpu_task(void *arg, int64_t i, int worker);
struct pool;

/* Cores this process may run on. */
int pool_cores(void);
/* threads counts the caller, which is never pinned: with pin, the others are, each on a core of its
 * own other than the caller's, as far as there are enough. NULL: out of memory or threads. */
struct pool *pool_create(int threads, bool pin);
void pool_destroy(struct pool *p);
/* Each i in [0, n) once. [one caller at a time, not from a task] */
void pool_run(struct pool *p, int64_t n, cpu_task *fn, void *arg);

#endif
