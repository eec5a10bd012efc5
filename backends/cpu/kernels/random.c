/* SPDX-License-Identifier: MIT */
#include <limbeck/rng.h>
#include <string.h>
#include "cpu.h"
#include "random.h"

enum { EACH = 4 * RANDOM_LANES, TASK = 128 * EACH };
CPU_LOOPS(random_loops);

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    return cpu_plain_operands(g) && cpu_plain_epi(g);
}

struct job {
    float *y;
    int64_t n;
    uint64_t key, step;
    const struct random_loops *loops;
};

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * TASK < j->n ? (i + 1) * TASK : j->n;
    for (int64_t k = i * TASK; k < stop; k += EACH) {
        float last[EACH];
        const bool whole = k + EACH <= j->n;
        j->loops->fill(whole ? j->y + k : last, j->key, j->step, (uint64_t) k / 4);
        if (!whole)
            memcpy(j->y + k, last, sizeof *last * (size_t) (j->n - k));
    }
}

static lbk_status launch(lbk_drv *d, const struct lbk_group *g, const void *own)
{
    struct job j = { cpu_f32(&g->out[0]), lbk_shape_count(g->out[0].shape),
                     lbk_mix(g->seed, (uint64_t) ((const struct lbk_random *) g->params)->key),
                     (uint64_t) * (const int32_t *) cpu_ptr(&g->arg[0]), random_loops_of[d->isa] };
    cpu_run(d, (j.n + TASK - 1) / TASK, task, &j);
    return LBK_OK;
}

const struct cpu_kernel cpu_kernel_random = { .op = "random",
                                              .supports = supports,
                                              .launch = launch };
