/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include "gemm_tile.h"
#include "sizes.h"

enum { PHASE_WORDS = 11, TERM_WORDS = 4, PARTS_MOST = 256, TERMS_LEAST = 32, SUMS_MOST = 16 << 20 };
enum { PART_WHOLE, PART_OF_SUM, PART_SUM };

/* speed: multiplications per second of a busy device, relative. */
static const struct {
    struct gemm_tile tile;
    double speed;
} tiles[] = {
    { { 128, 128, 8, 8, 8 }, 1.00 }, { { 128, 64, 16, 8, 4 }, 0.85 },
    { { 64, 64, 16, 4, 4 }, 0.70 },  { { 64, 64, 8, 8, 8 }, 0.75 },
    { { 32, 128, 16, 4, 4 }, 0.65 }, { { 16, 128, 8, 4, 4 }, 0.55 },
    { { 32, 32, 16, 4, 4 }, 0.40 },  { { 16, 16, 16, 2, 2 }, 0.20 },
};

_Static_assert(sizeof tiles / sizeof *tiles <= OCL_TILES_MOST, "more tiles than can be tuned");

int gemm_tiles(void) { return (int) (sizeof tiles / sizeof *tiles); }
const struct gemm_tile *gemm_tile_at(int i) { return &tiles[i].tile; }

static int64_t over(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t work_items(const struct gemm_tile *t) { return t->m / t->rm * (t->n / t->rn); }

static size_t local_bytes(const struct gemm_tile *t)
{
    return (size_t) (2 * t->k * (t->m + t->n + 8)) * sizeof(float);
}

/* So many that there are two groups for each unit, and each has terms enough. A turn for each term,
 * and for each step of them: no more than the device has. */
static int64_t choose_parts(const lbk_drv *d, int64_t groups, int64_t k, int64_t sums)
{
    int64_t parts = 1;
    while (parts < PARTS_MOST && groups * parts < 2 * d->limits.units &&
           k >= 2 * parts * TERMS_LEAST && 2 * parts * sums <= SUMS_MOST)
        parts *= 2;
    while (!ocl_turns(d, over(k, parts)))
        parts *= 2;
    return parts;
}

/* Groups run in waves of two per unit; of a tile at the edge all is computed. */
static double estimate(const lbk_drv *d, int i, int64_t groups, int64_t k, int64_t parts)
{
    const struct gemm_tile *t = &tiles[i].tile;
    const double speed = d->tuning.tiles ? d->tuning.speed[i] : tiles[i].speed;
    const double share = (double) (t->m * t->n) * (double) over(k, parts) / speed;
    return (double) over(groups * parts, 2 * d->limits.units) * (share + (parts > 1 ? 8 : 0));
}

bool gemm_tile_fits(const lbk_drv *d, int i)
{
    const struct gemm_tile *t = &tiles[i].tile;
    return work_items(t) <= (int64_t) d->limits.group && local_bytes(t) <= d->limits.local &&
           !d->tuning.wrong[i];
}

struct gemm_choice tile_choose(const lbk_drv *d, int64_t m, int64_t n, int64_t k, int64_t z)
{
    struct gemm_choice best = { NULL, 1 };
    double best_time = 0;
    for (int i = 0; i < gemm_tiles(); i++) {
        const struct gemm_tile *t = &tiles[i].tile;
        if (!gemm_tile_fits(d, i) || (d->tuning.only && d->tuning.only != i + 1))
            continue;
        const int64_t groups = z * over(m, t->m) * over(n, t->n);
        const int64_t parts = choose_parts(d, groups, k, z * m * n);
        const double time = estimate(d, i, groups, k, parts);
        if (!best.tile || time < best_time)
            best = (struct gemm_choice){ t, parts }, best_time = time;
    }
    return best;
}

bool gemm_plan(const lbk_drv *d, struct gemm *p)
{
    p->choice = tile_choose(d, p->m, p->n, p->k, p->z);
    return p->choice.tile != NULL;
}

size_t gemm_scratch(const struct gemm *p)
{
    return p->choice.parts > 1 ? (size_t) (p->z * p->choice.parts * p->m * p->n) * sizeof(float)
                               : 0;
}

static int64_t channels(const struct conv_taps *t) { return t->ic / t->groups; }

int32_t *gemm_terms(const struct conv_taps *t, size_t *bytes)
{
    *bytes = (size_t) (t->n_tap * channels(t) * TERM_WORDS) * sizeof(int32_t);
    int32_t *all = malloc(*bytes + 1), *to = all;
    for (int i = 0; i < t->n_phase && all; i++)
        for (int64_t c = 0; c < channels(t); c++)
            for (int64_t k = 0; k < t->phase[i].n_tap; k++, to += TERM_WORDS) {
                const struct conv_tap *tap = &t->tap[t->phase[i].tap + k];
                to[0] = (int32_t) ((c * t->ih + tap->dh) * t->iw + tap->dw);
                to[1] = (int32_t) tap->dh;
                to[2] = (int32_t) tap->dw;
                to[3] = (int32_t) (c * t->w_ic + tap->at);
            }
    return all;
}

bool gemm_taps_fit(const struct conv_taps *t)
{
    const double rows = (double) t->is * (double) (t->rows + t->more_h + 2) + (double) t->top;
    const double cols = (double) t->is * (double) (t->cols + t->more_w + 2) + (double) t->left;
    const double plane = (rows + 1) * (double) t->iw + cols;
    return plane + (double) t->n * (double) t->ic * (double) t->ih * (double) t->iw < INT32_MAX / 2;
}

/* ---- steps ---- */

static void put_quotient(int32_t *to, int64_t v)
{
    uint32_t mul, shift;
    ocl_quotient(v, &mul, &shift);
    to[0] = (int32_t) mul;
    to[1] = (int32_t) shift;
}

static int64_t part_of(const struct gemm *p, int64_t k)
{
    return ocl_up(most(over(k, p->choice.parts), 1), p->choice.tile->k);
}

static int32_t *phase_table(const struct gemm *p, size_t *bytes)
{
    const struct conv_taps *t = p->taps;
    *bytes = (size_t) t->n_phase * PHASE_WORDS * sizeof(int32_t);
    int32_t *all = malloc(*bytes + 1), *to = all;
    for (int i = 0; i < t->n_phase && all; i++, to += PHASE_WORDS) {
        const struct conv_phase *f = &t->phase[i];
        to[0] = (int32_t) (t->n * f->rows * f->cols);
        to[1] = (int32_t) (channels(t) * f->n_tap);
        to[2] = (int32_t) (channels(t) * f->tap);
        to[3] = (int32_t) part_of(p, to[1]);
        to[4] = (int32_t) (f->h0 * t->ow + f->w0);
        to[5] = (int32_t) (f->rows * f->cols);
        to[6] = (int32_t) f->cols;
        put_quotient(to + 7, f->rows * f->cols);
        put_quotient(to + 9, f->cols);
    }
    return all;
}

void gemm_table(struct ocl_step *s, lbk_drv *d, lbk_code *c, int32_t *data, size_t bytes)
{
    if (data)
        ocl_table(s, data, bytes);
    else
        ocl_fail(c, lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory for a convolution"));
    free(data);
}

static void add_phases(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct gemm *p)
{
    size_t bytes;
    int32_t *phases = phase_table(p, &bytes);
    gemm_table(s, d, c, phases, bytes);
    ocl_divisor(s, p->taps->n_phase), ocl_int(s, p->taps->os), ocl_int(s, p->taps->ow);
}

static void add_window(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct gemm *p)
{
    const struct conv_taps *t = p->taps;
    size_t bytes;
    int32_t *terms = gemm_terms(t, &bytes);
    gemm_table(s, d, c, terms, bytes);
    ocl_int(s, t->ih), ocl_int(s, t->iw);
    ocl_int(s, t->is), ocl_int(s, t->top), ocl_int(s, t->left);
    if (p->loads == GEMM_SPREAD)
        ocl_divisor(s, t->ow);
}

static void add_result(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct gemm *p)
{
    ocl_int(s, p->m), ocl_int(s, p->n), ocl_divisor(s, p->choice.parts);
    ocl_int(s, p->c_z), ocl_int(s, p->c_m), ocl_int(s, p->c_image);
    ocl_divisor(s, p->pixels);
    if (p->loads == GEMM_GATHER)
        add_phases(s, d, c, p);
}

static void add_operands(struct ocl_step *s, lbk_drv *d, lbk_code *c, const struct gemm *p)
{
    const struct gemm_tile *t = p->choice.tile;
    ocl_arg(s, p->a), ocl_arg(s, p->b);
    ocl_int(s, p->k), ocl_int(s, part_of(p, p->k));
    ocl_divisor(s, over(p->m, t->m)), ocl_divisor(s, over(p->n, t->n));
    ocl_int(s, p->a_z), ocl_int(s, p->a_m), ocl_int(s, p->a_k), ocl_int(s, p->a_image);
    ocl_int(s, p->b_z), ocl_int(s, p->b_n), ocl_int(s, p->b_k), ocl_int(s, p->b_image);
    if (p->loads == GEMM_GATHER || p->loads == GEMM_SPREAD)
        add_window(s, d, c, p);
}

static void define_tile(struct ocl_step *s, const struct gemm *p)
{
    const struct gemm_tile *t = p->choice.tile;
    ocl_define(s, "TM", "%d", t->m);
    ocl_define(s, "TN", "%d", t->n);
    ocl_define(s, "TK", "%d", t->k);
    ocl_define(s, "RM", "%d", t->rm);
    ocl_define(s, "RN", "%d", t->rn);
    ocl_define(s, "LOADS", "%d", p->loads);
    ocl_define(s, "A_ALONG_K", "%d", p->a_along_k);
    ocl_define(s, "B_ALONG_K", "%d", p->b_along_k);
}

static void product_step(lbk_drv *d, const struct lbk_group *g, const struct gemm *p, lbk_code *c)
{
    const struct gemm_tile *t = p->choice.tile;
    const int64_t all = over(p->m, t->m) * over(p->n, t->n) * p->z * p->choice.parts;
    struct ocl_step *s = ocl_step(c, "gemm_tile");
    define_tile(s, p);
    ocl_define(s, "PART", "%d", p->choice.parts > 1 ? PART_OF_SUM : PART_WHOLE);
    add_operands(s, d, c, p);
    add_result(s, d, c, p);
    if (p->choice.parts > 1)
        ocl_scratch(s, 0, sizeof(float));
    else
        ocl_epi(s, g, &p->places);
    ocl_groups(s, (const int64_t[3]){ all, 1, 1 }, (const int64_t[3]){ work_items(t), 1, 1 });
}

void gemm_sum_step(lbk_drv *d, const struct lbk_group *g, const struct gemm *p, lbk_code *c)
{
    struct ocl_step *s = ocl_step(c, "gemm_tile");
    ocl_define(s, "LOADS", "%d", p->loads == GEMM_GATHER ? GEMM_GATHER : GEMM_STRIDED);
    ocl_define(s, "PART", "%d", PART_SUM);
    ocl_scratch(s, 0, sizeof(float));
    add_result(s, d, c, p);
    ocl_epi(s, g, &p->places);
    ocl_grid(s, p->n, p->m, p->z);
}

void gemm_steps(lbk_drv *d, const struct lbk_group *g, const struct gemm *p, lbk_code *c)
{
    product_step(d, g, p, c);
    if (p->choice.parts > 1)
        gemm_sum_step(d, g, p, c);
}
