/* SPDX-License-Identifier: MIT */
/* Many short rounds, of which the fastest counts: in a long one some thread is always disturbed. */
#include <time.h>
#include "cpu.h"
#include "kernels/rates.h"

CPU_LOOPS(rate_loops);

enum { ROUNDS_LEAST = 32, SINK_STEP = 16 };
#define ROUND_NS   5e5 /* long enough for every thread to have come */
#define BUDGET_NS  8e7
#define CHAINS_MOST ((int64_t) 1 << 40)
/* Bytes of each of two buffers: so many, or for each thread, as caches grow with cores. */
#define BYTES_LEAST  ((uint64_t) 64 << 20)
#define BYTES_THREAD ((uint64_t) 16 << 20)
/* Elements that a thread does in a round. */
#define PART ((int64_t) 1 << 19)

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double) t.tv_sec + (double) t.tv_nsec;
}

struct job {
    const struct rate_loops *loops;
    int64_t times; /* of the chains */
    float *sink;   /* of each thread, in lines of their own */
    float *x, *y;
    int64_t at; /* where the round begins */
};

static double timed(lbk_drv *d, cpu_task *fn, struct job *j)
{
    const double from = now_ns();
    cpu_run(d, d->threads, fn, j);
    return now_ns() - from;
}

static void run_chains(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    j->sink[i * SINK_STEP] = j->loops->chains(j->times);
}

static double fma_gflops(lbk_drv *d, struct job *j)
{
    double best = 0;
    for (j->times = 256; best < ROUND_NS && j->times < CHAINS_MOST; j->times *= 2)
        best = timed(d, run_chains, j);
    j->times /= 2;
    const double begun = now_ns();
    for (int i = 0; i < ROUNDS_LEAST || now_ns() - begun < BUDGET_NS; i++) {
        const double ns = timed(d, run_chains, j);
        best = ns < best ? ns : best;
    }
    return (double) j->loops->flops * (double) j->times * d->threads / best;
}

static void run_scale(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t at = j->at + i * PART;
    j->loops->scale(j->y + at, j->x + at, 0.5f, PART);
}

/* Pages that were only read would all be the one of zeros. */
static void run_touch(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t at = j->at + i * PART;
    j->loops->scale(j->x + at, j->x + at, 0.5f, PART);
    j->loops->scale(j->y + at, j->y + at, 0.5f, PART);
}

/* The rounds go on through the buffers: when one comes back, its part has left the caches. */
static double bandwidth_gbs(lbk_drv *d, struct job *j, int64_t rounds)
{
    double best = 0;
    for (int64_t i = 0; i < rounds; i++) {
        j->at = i * d->threads * PART;
        timed(d, run_touch, j);
    }
    const double begun = now_ns();
    for (int64_t i = 0; i < ROUNDS_LEAST || now_ns() - begun < BUDGET_NS; i++) {
        j->at = i % rounds * d->threads * PART;
        const double ns = timed(d, run_scale, j);
        best = i == 0 || ns < best ? ns : best;
    }
    return 2.0 * (double) (d->threads * PART) * sizeof(float) / best;
}

/* That the buffers have parts for, one of each thread to a round. */
static int64_t count_rounds(const lbk_drv *d)
{
    const uint64_t want = BYTES_THREAD * (uint64_t) d->threads, most = cpu_memory() / 32;
    const uint64_t bytes = want > BYTES_LEAST ? want : BYTES_LEAST;
    const uint64_t round = (uint64_t) d->threads * PART * sizeof(float);
    const uint64_t rounds = (most && bytes > most ? most : bytes) / round;
    return rounds ? (int64_t) rounds : 1;
}

lbk_status cpu_rates(lbk_drv *d, double *gflops, double *gbs)
{
    const int64_t rounds = count_rounds(d), n = rounds * d->threads * PART;
    lbk_mem *sink, *m;
    lbk_status st = cpu_alloc(d, (size_t) d->threads * SINK_STEP * sizeof(float), &sink);
    if (st)
        return st;
    st = cpu_alloc(d, 2 * (size_t) n * sizeof(float), &m);
    if (!st) {
        struct job j = { .loops = rate_loops_of[d->isa], .sink = (float *) sink->at };
        j.y = (float *) m->at, j.x = j.y + n;
        *gflops = fma_gflops(d, &j);
        *gbs = bandwidth_gbs(d, &j, rounds);
        cpu_free(d, m);
    }
    cpu_free(d, sink);
    return st;
}
