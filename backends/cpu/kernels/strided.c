/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "strided.h"

enum { TASK = 16384, BAND = 64 }; /* elements; rows of a transposition */

typedef int32_t v4 __attribute__((vector_size(16)));
typedef int32_t v4_any __attribute__((vector_size(16), aligned(4), may_alias));

static inline void transpose_4(float *y, int64_t ystep, const float *x, int64_t xstep)
{
    const v4 a = *(const v4_any *) x, b = *(const v4_any *) (x + xstep);
    const v4 c = *(const v4_any *) (x + 2 * xstep), d = *(const v4_any *) (x + 3 * xstep);
    const v4 p = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             q = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const v4 r = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             s = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(v4_any *) y = __builtin_shufflevector(p, r, 0, 1, 4, 5);
    *(v4_any *) (y + ystep) = __builtin_shufflevector(p, r, 2, 3, 6, 7);
    *(v4_any *) (y + 2 * ystep) = __builtin_shufflevector(q, s, 0, 1, 4, 5);
    *(v4_any *) (y + 3 * ystep) = __builtin_shufflevector(q, s, 2, 3, 6, 7);
}

/* Moves bits: a float that is no number, or an integer, stays as it is. */
static inline void move(float *y, const float *x) { memcpy(y, x, sizeof *y); }

void strided_transpose(float *y, int64_t ystep, const float *x, int64_t xstep, int64_t rows,
                       int64_t columns)
{
    const int64_t r4 = rows / 4 * 4, c4 = columns / 4 * 4;
    for (int64_t j0 = 0; j0 < c4; j0 += 16) /* whole lines of y while x is in L1 */
        for (int64_t i = 0; i < r4; i += 4)
            for (int64_t j = j0; j < j0 + 16 && j < c4; j += 4)
                transpose_4(y + i * ystep + j, ystep, x + j * xstep + i, xstep);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < r4 ? c4 : 0; j < columns; j++)
            move(y + i * ystep + j, x + j * xstep + i);
}

struct job {
    char *to;
    const char *from;
    size_t size;
    int n;                                         /* outer axes */
    struct strided_axis a[STRIDED_MAX], band, row; /* band: n = 1 unless transposed */
    bool transposed;
    int64_t outer, bands, cuts, units, per_task;
};

static void copy_row(char *to, const char *from, int64_t n, int64_t step_to, int64_t step,
                     size_t size)
{
    if (step == 1 && step_to == 1) {
        memcpy(to, from, size * (size_t) n);
    } else if (size == 4) {
        float *y = (float *) to;
        const float *x = (const float *) from;
        for (int64_t i = 0; i < n; i++)
            move(y + i * step_to, x + i * step);
    } else {
        for (int64_t i = 0; i < n; i++)
            memcpy(to + (size_t) (i * step_to) * size, from + (size_t) (i * step) * size, size);
    }
}

static void unit(const struct job *j, int64_t u)
{
    const int64_t cut = u % j->cuts, band = u / j->cuts % j->bands;
    int64_t o = u / j->cuts / j->bands, to = 0, from = 0;
    for (int k = j->n - 1; k >= 0; k--) {
        const int64_t i = o % j->a[k].n;
        o /= j->a[k].n;
        to += i * j->a[k].to;
        from += i * j->a[k].from;
    }
    if (j->transposed) {
        const int64_t i = band * BAND, left = j->band.n - i;
        to += i * j->band.to, from += i * j->band.from;
        strided_transpose((float *) j->to + to, j->band.to, (const float *) j->from + from,
                          j->row.from, left < BAND ? left : BAND, j->row.n);
        return;
    }
    const int64_t i = cpu_part(j->row.n, j->cuts, cut),
                  n = cpu_part(j->row.n, j->cuts, cut + 1) - i;
    to += i * j->row.to, from += i * j->row.from;
    copy_row(j->to + (size_t) to * j->size, j->from + (size_t) from * j->size, n, j->row.to,
             j->row.from, j->size);
}

static void task(void *arg, int64_t i, int worker)
{
    const struct job *j = arg;
    const int64_t stop = (i + 1) * j->per_task < j->units ? (i + 1) * j->per_task : j->units;
    for (int64_t u = i * j->per_task; u < stop; u++)
        unit(j, u);
}

void strided_copy(lbk_drv *d, void *to, const void *from, int n, const struct strided_axis a[],
                  size_t size)
{
    struct job j = {
        .to = to, .from = from, .size = size, .row = { 1, 1, 1 }, .band = { 1, 0, 0 }
    };
    j.n = strided_merge(j.a, n, a);
    if (j.n)
        j.row = j.a[--j.n];
    for (int k = j.n - 1; k >= 0 && size == 4 && j.row.to == 1 && j.row.from > 1 && !j.transposed;
         k--) {
        if (j.a[k].from != 1)
            continue;
        j.band = j.a[k];
        j.transposed = true;
        memmove(&j.a[k], &j.a[k + 1], sizeof j.a[0] * (size_t) (j.n-- - k - 1));
    }
    j.outer = 1;
    for (int k = 0; k < j.n; k++)
        j.outer *= j.a[k].n;
    j.bands = j.transposed ? (j.band.n + BAND - 1) / BAND : 1;
    j.cuts = j.transposed || j.row.n < 2 * TASK ? 1 : j.row.n / TASK;
    j.units = j.row.n ? j.outer * j.bands * j.cuts : 0;
    const int64_t each = j.transposed ? BAND * j.row.n : j.row.n / j.cuts;
    j.per_task = 1 + TASK / (each + 1);
    cpu_run(d, (j.units + j.per_task - 1) / j.per_task, task, &j);
}

int moves_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o,
                   const struct moves_kind *k)
{
    if (!cpu_plain_operands(g) || !cpu_plain_epi(g))
        return 0;
    if (k->in_blocks && k->in_blocks(g, CPU_BLOCK)) {
        o->want_out[0] = CPU_ANY;
        for (int i = 0; i < g->n_arg; i++)
            o->want_arg[i] = CPU_ANY;
    }
    return 1;
}

void moves_launch(lbk_drv *d, const struct lbk_group *g, const struct moves_kind *k)
{
    static const float zero = 0;
    const size_t size = strided_size(g->out[0].dtype);
    struct move m[MOVES_MAX];
    const int n = k->moves(g, m);
    for (int i = 0; i < n; i++) {
        const char *x = m[i].arg < 0 ? (const char *) &zero : cpu_ptr(&g->arg[m[i].arg]);
        strided_copy(d, (char *) cpu_ptr(&g->out[0]) + (size_t) m[i].to * size,
                     x + (size_t) m[i].from * size, m[i].n, m[i].a, size);
    }
}
