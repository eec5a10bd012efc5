/* SPDX-License-Identifier: MIT */
/* Reductions over a set of axes, operand expressions included. The elements that go into one result
 * are cut into slots and pieces by shapes alone; inside a piece floats are summed in 16 lanes and a
 * fixed tree, across pieces doubles in order. So the bits depend neither on threads nor on the
 * instruction set. */
#ifndef LBK_CPU_REDUCE_H
#define LBK_CPU_REDUCE_H
#include "expr.h"

enum {
    REDUCE_WIDE = 512,
    REDUCE_PIECE = 4 * CPU_CHUNK
}; /* floats: most columns of a tile, of a piece */

/* Adds `rows` rows of w floats, column by column, to a (and b). w = 1: a run of floats. */
struct reduce_leaf {
    const float *x, *y;   /* y: second operand, of sums */
    int64_t rows, before; /* before: rows that a and b hold already */
    int w;
    double *a, *b;
    const float *mean; /* of sums: per column */
};
typedef void (*reduce_fn)(const struct reduce_leaf *l);
/* stats: a = mean, b = sum of squared deviations. sums: a = sum of x, b = sum of x (y - mean). */
struct reduce_loops {
    reduce_fn sum, max, min, stats, sums;
};

struct reduce_axis {
    int64_t n, step;
};
struct reduce_plan {
    lbk_shape shape; /* of the operand */
    bool blocked;    /* it is CBLK: channels are kept, 16 columns at a time */
    bool fold;       /* blocked, and the channels are summed in the end */
    int n_kept, n_gone;
    struct reduce_axis kept[LBK_MAX_DIMS + 1], gone[LBK_MAX_DIMS + 1];
    int64_t columns, rows; /* innermost: rows x columns, contiguous */
    int64_t n_units, n_runs,
        count; /* kept positions x tiles; runs of rows per unit; elements in one result */
    int64_t tiles, tile, slots, channels;
    int n_val; /* doubles per column: 1 or 2 */
};

void reduce_plan(struct reduce_plan *p, lbk_shape shape, struct lbk_layout layout, uint32_t axes,
                 int n_val);
size_t reduce_scratch(const struct reduce_plan *p);
/* Wishes for the args of the first n operands, and scratch. False: declined. */
bool reduce_offer(lbk_drv *d, const struct lbk_group *g, int n, uint32_t axes, int n_val,
                  struct lbk_offer *o);

struct reduce_job {
    struct reduce_plan p;
    struct cpu_expr x[2];
    int n_operand;
    const float *arg[LBK_ARG_MAX];
    reduce_fn leaf;
    double start;
    const float *mean; /* of sums: per channel */
    double *part;      /* [unit][slot][value][column] */
    /* Combines slot `from` into `into`, each n_val x tile; the last one done, o is where column 0
     * goes in the result. */
    void (*join)(const struct reduce_job *j, double *into, const double *from, int64_t rows_into,
                 int64_t rows_from);
    void (*store)(const struct reduce_job *j, const double *v, int64_t o, int64_t n);
    float *out;
    double scale; /* of sum; eps of sums */
    const float *var;
    int64_t per_task;
};
/* Fills in plan, expressions and args, and runs it. */
lbk_status reduce_run(lbk_drv *d, const struct lbk_group *g, struct reduce_job *j, uint32_t axes,
                      int n_val);
const struct reduce_loops *reduce_loops_at(const lbk_drv *d);

/* sum, mean, max, min */
int reduce_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
enum reduce_kind { REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX, REDUCE_MIN };
lbk_status reduce_launch(lbk_drv *d, const struct lbk_group *g, enum reduce_kind kind);

#endif
