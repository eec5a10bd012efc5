/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "pool.h"

enum { SPIN_NS = 50000, LINE = 64, RANGE_MAX = 1 << 30 };

/* What a worker still has to do: end in the high half, begin in the low one. It takes from the
 * front, thieves from the back. fn and arg are read only by who holds an unfinished task, so they
 * belong to it. */
struct worker {
    _Alignas(LINE) _Atomic uint64_t range;
    pthread_t thread;
    struct pool *pool;
    int id;
};
struct pool {
    _Alignas(LINE) _Atomic uint32_t turn;
    _Atomic int sleepers;
    _Atomic bool stop;
    _Alignas(LINE) _Atomic int64_t left;
    _Alignas(LINE) cpu_task *fn;
    void *arg;
    int64_t first;
    int n, started;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct worker *worker;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint64_t pack(int64_t begin, int64_t end) { return (uint64_t) end << 32 | (uint64_t) begin; }

static int64_t take(struct worker *w, bool steal)
{
    uint64_t r = atomic_load_explicit(&w->range, memory_order_acquire);
    for (;;) {
        int64_t begin = (int64_t) (r & 0xffffffffu), end = (int64_t) (r >> 32);
        if (begin >= end)
            return -1;
        uint64_t next = steal ? pack(begin, end - 1) : pack(begin + 1, end);
        if (atomic_compare_exchange_weak_explicit(&w->range, &r, next, memory_order_acq_rel,
                                                  memory_order_acquire))
            return steal ? end - 1 : begin;
    }
}

static void work(struct pool *p, int id)
{
    int64_t done = 0;
    for (int k = 0; k < p->n; k++) {
        struct worker *w = &p->worker[(id + k) % p->n];
        for (int64_t i; (i = take(w, k > 0)) >= 0; done++)
            p->fn(p->arg, p->first + i, id);
    }
    if (done > 0)
        atomic_fetch_sub_explicit(&p->left, done, memory_order_acq_rel);
}

static void sleep_until(struct pool *p, uint32_t seen)
{
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->turn) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *serve(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    uint32_t seen = 0;
    for (;;) {
        int64_t until = now_ns() + SPIN_NS;
        while (atomic_load_explicit(&p->turn, memory_order_acquire) == seen) {
            for (int i = 0; i < 32 && atomic_load_explicit(&p->turn, memory_order_relaxed) == seen;
                 i++)
                relax();
            if (now_ns() > until)
                sleep_until(p, seen);
        }
        seen = atomic_load(&p->turn);
        if (atomic_load(&p->stop))
            return NULL;
        work(p, w->id);
    }
}

static void next_turn(struct pool *p)
{
    atomic_fetch_add(&p->turn, 1);
    if (atomic_load(&p->sleepers) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

static void run_part(struct pool *p, int64_t n)
{
    atomic_store_explicit(&p->left, n, memory_order_relaxed);
    for (int i = 0; i < p->n; i++)
        atomic_store_explicit(&p->worker[i].range, pack(n * i / p->n, n * (i + 1) / p->n),
                              memory_order_release);
    next_turn(p);
    work(p, 0);
    int64_t until = 0;
    while (atomic_load_explicit(&p->left, memory_order_acquire) > 0) {
        for (int i = 0; i < 32 && atomic_load_explicit(&p->left, memory_order_relaxed) > 0; i++)
            relax();
        if (until == 0)
            until = now_ns() + SPIN_NS;
        else if (now_ns() > until)
            sched_yield();
    }
}

void pool_run(struct pool *p, int64_t n, cpu_task *fn, void *arg)
{
    if (p->n == 1 || n == 1) {
        for (int64_t i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    for (p->first = 0; p->first < n; p->first += RANGE_MAX)
        run_part(p, n - p->first < RANGE_MAX ? n - p->first : RANGE_MAX);
}

int pool_cores(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int) n : 1;
}

/* Cores in order, the caller's left out. A core too few: nobody is pinned, the kernel knows better.
 */
static void pin_workers(struct pool *p)
{
#ifdef __linux__
    cpu_set_t set, one;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < p->n)
        return;
    int mine = sched_getcpu(), core = 0;
    for (int i = 1; i < p->n; i++) {
        while (!CPU_ISSET(core, &set) || core == mine)
            core++;
        CPU_ZERO(&one);
        CPU_SET(core++, &one);
        pthread_setaffinity_np(p->worker[i].thread, sizeof one, &one);
    }
#endif
}

struct pool *pool_create(int threads, bool pin)
{
    struct pool *p = aligned_alloc(LINE, sizeof *p);
    if (!p)
        return NULL;
    *p = (struct pool){ .n = threads, .started = 1 };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->worker = aligned_alloc(LINE, (size_t) threads * sizeof *p->worker);
    for (int i = 0; p->worker && i < threads; i++)
        p->worker[i] = (struct worker){ .pool = p, .id = i };
    while (p->worker && p->started < threads) {
        struct worker *w = &p->worker[p->started];
        if (pthread_create(&w->thread, NULL, serve, w) != 0)
            break;
        p->started++;
    }
    if (!p->worker || p->started < threads) {
        pool_destroy(p);
        return NULL;
    }
    if (pin)
        pin_workers(p);
    return p;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    next_turn(p);
    for (int i = 1; i < p->started; i++)
        pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->worker);
    free(p);
}
