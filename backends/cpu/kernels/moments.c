/* SPDX-License-Identifier: MIT */
#include "moments.h"
#include "reduce.h"

enum { PIECE = REDUCE_PIECE / CPU_BLOCK }; /* pixels whose sums are floats */

bool moments_fit(const struct lbk_group *g)
{
    return g->out[0].shape.n == 4 && g->out[0].dtype == LBK_F32 && lbk_shape_count(g->acc) > 0;
}

void moments_begin(struct moments *m) { *m = (struct moments){ .n = 0 }; }

void moments_add(const lbk_drv *d, struct moments *m, const float *x, int64_t n)
{
    struct reduce_leaf l = { .w = CPU_BLOCK, .a = m->mean, .b = m->square, .before = m->n };
    for (int64_t at = 0; at < n; at += l.rows, l.before += l.rows) {
        l.x = x + at * CPU_BLOCK;
        l.rows = n - at < PIECE ? n - at : PIECE;
        reduce_loops_at(d)->stats(&l);
    }
    m->n = l.before;
}

static void join(struct moments *m, const struct moments *with)
{
    const double all = (double) (m->n + with->n), part = (double) with->n / all;
    for (int i = 0; with->n && i < CPU_BLOCK; i++) {
        const double d = with->mean[i] - m->mean[i];
        m->square[i] += with->square[i] + d * d * ((double) m->n * part);
        m->mean[i] += d * part;
    }
    m->n += with->n;
}

struct job {
    struct moments *m;
    int64_t slots, blocks, channels;
    float *out;
};

static void store_block(void *arg, int64_t block, int worker)
{
    const struct job *j = arg;
    struct moments *m = &j->m[block];
    for (int64_t s = 1; s < j->slots; s++)
        join(m, &j->m[s * j->blocks + block]);
    for (int64_t i = 0, c = block * CPU_BLOCK; i < CPU_BLOCK && c < j->channels; i++, c++) {
        j->out[c] = (float) m->mean[i];
        j->out[j->channels + c] = (float) (m->square[i] / (double) m->n);
    }
}

void moments_store(lbk_drv *d, const struct lbk_group *g, struct moments *m, int64_t slots,
                   int64_t blocks)
{
    struct job j = { m, slots, blocks, g->out[0].shape.d[1], cpu_f32(&g->out[g->n_out - 1]) };
    if (slots * blocks >= 512)
        cpu_run(d, blocks, store_block, &j);
    else
        for (int64_t b = 0; b < blocks; b++)
            store_block(&j, b, 0);
}
