/* SPDX-License-Identifier: MIT */
#ifndef LBK_BACKEND_H
#define LBK_BACKEND_H
#include <limbeck/op.h>
LBK_BEGIN

/* The driver side. Core has validated every argument: implementations need not. */
typedef struct lbk_drv lbk_drv;         /* the driver's own device struct */
typedef struct lbk_mem lbk_mem;         /* the driver's own buffer struct */
typedef struct lbk_code lbk_code;       /* what prepare() made of a group */

/* How the elements of a planned value lie in memory. CBLK: N C H W stored as [N][ceil(C / block)][H][W][block]; the
 * lanes past C of the last block are zero in every stored value, and whoever stores one keeps them so. */
enum lbk_order { LBK_ROW_MAJOR, LBK_CBLK, LBK_ANY };       /* ANY only in an offer */
struct lbk_layout { uint8_t order, block; };

/* offset: bytes into mem. A multiple of 64, except of a row-major arg that is read, which may be a part of another value:
 * a multiple of the size of its elements. */
struct lbk_arg { lbk_mem *mem; size_t offset; lbk_dtype dtype; lbk_shape shape; struct lbk_layout layout; };

/* Straight-line code over floats, one value per element: word i computes register i. */
enum { LBK_EXPR_MAX = 48, LBK_ARG_MAX = 16, LBK_OUT_MAX = 8, LBK_OPERAND_MAX = 8 };
enum lbk_word_kind {
    /* element of arg[arg], broadcast to the shape of the expression */
    LBK_WORD_ARG,
    LBK_WORD_CONST,                    /* value */
    LBK_WORD_ACC,                      /* element of the anchor's result; only in epi */
    /* pointwise op of registers in[0] .. in[op->n_max - 1], all smaller than i */
    LBK_WORD_OP,
};
struct lbk_word { uint8_t kind, arg, in[3]; float value; const struct lbk_op *op; };
/* its value is the last register */
struct lbk_expr { int n; struct lbk_word w[LBK_EXPR_MAX]; };

/* Reductions that may follow an anchor, named as the op. */
enum lbk_tail { LBK_TAIL_NONE, LBK_TAIL_BN_STATS, LBK_TAIL_BN_SUMS };

/* The unit of work: one anchor operator with the pointwise operators around it, or pointwise operators alone.
 *
 *   op == NULL (map): out[i] = register result[i] of epi, elementwise over the shape shared by all outs.
 *   op != NULL:       acc = op(operand[0], operand[1], ...), each operand an expression over args as it is loaded
 *                     (one ARG word = that arg as it is); out[i] = register result[i] of epi over acc and args.
 *                     A border that op adds is zero after the expression, not before.
 *                     epi of one ACC word = the result as it is; epi args have the shape of acc or broadcast to it.
 *
 * An arg of an expression has the rank of the expression's shape; its axes are equal to it or 1. I32 and U8 args only
 * ever appear as whole operands of an op, never inside a longer expression. */
struct lbk_group {
    uint32_t size;
    const struct lbk_op *op;
    const void *params;
    int n_arg;      struct lbk_arg arg[LBK_ARG_MAX];       /* no buffer twice */
    int n_operand;  struct lbk_expr operand[LBK_OPERAND_MAX];
    struct lbk_expr epi;
    int n_out;      struct lbk_arg out[LBK_OUT_MAX]; uint8_t result[LBK_OUT_MAX];
    lbk_shape acc;                     /* shape of the anchor's result; of the outs in a map */
    struct lbk_arg scratch;            /* as asked for in the offer */
    uint64_t seed;                     /* of the context, for random */
    /* Of an anchor whose out[0] is N C H W, f32: out[n_out - 1] is no result of epi but this op of out[0], as it is stored:
     * 2 x C floats, row-major. result[n_out - 1] says nothing. */
    enum lbk_tail tail;
    const void *tail_params;
    int tail_arg[2];                   /* args: the other operands of bn_sums, whole: y as out[0] is, 2 x C of statistics */
    /* Of a map: one more to launch with it, NULL = none. The same epi over other buffers, independent of the others; every
     * arg of each is whole or one number (the same ones in all), and row-major. At most offer.also in all. */
    const struct lbk_group *also;
};

/* How many outs are results of epi. */
static inline int lbk_group_results(const struct lbk_group *g) { return g->n_out - (g->tail != LBK_TAIL_NONE); }

/* A driver's answer. want: per arg and out, what it would like; core inserts reorders. All args and outs of a map that
 * have its full shape share one layout; a driver that wants CBLK anywhere must take every map in it, where the other
 * args are lbk_beside_blocks and lie in rows. */
struct lbk_offer {
    uint32_t size;
    double ns;                                      /* its estimate; 0 = unknown */
    size_t scratch;                                 /* bytes, live only during the group */
    struct lbk_layout want_arg[LBK_ARG_MAX], want_out[LBK_OUT_MAX];
    uint32_t inplace;                               /* bit i: out[0] may be the memory of arg[i] */
    int also;                                       /* maps it can launch as one, this one included; 0 = 1 */
    bool tail;                                      /* it does the group's tail; else core asks again without */
};

/* Of an open device; 0 = unknown, or no limit. */
struct lbk_limits {
    uint32_t size;
    uint64_t memory;                                /* bytes of all buffers together */
    uint64_t max_alloc;                             /* bytes of one buffer */
};

/* Negotiation: core offers the anchor with everything that could be fused; on 0 without the tail, without the epilogue, then
 * without operand expressions, then lowers it (lbk_op.lower), then falls back to the reference on the host, counted and
 * reported. A map and a "reorder" (an anchor named so: one operand, one out, other layout) cannot be declined. */
struct lbk_device_fns {
    uint32_t size;
    /* [owner thread] */
    void      (*close)(lbk_drv *d);
    /* [owner thread] zeroed, 64-byte aligned. LBK_ENOMEM is told by core, which knows what the memory was for: it is
     * the one failure that a driver does not log. */
    lbk_status (*alloc)(lbk_drv *d, size_t bytes, lbk_mem **out);
    void      (*free)(lbk_drv *d, lbk_mem *m);
    lbk_status (*write)(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n);
    /* waits for pending work */
    lbk_status (*read)(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n);
    /* optional: read + write */
    lbk_status (*copy)(lbk_drv *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff, size_t n);
    /* Asked twice: with no layouts, to decide (want counts); then with the final ones, for
     * scratch and inplace. */
    /* 0 = no */
    int       (*supports)(lbk_drv *d, const struct lbk_group *s, struct lbk_offer *o);
    /* [any thread] compile, tune */
    lbk_status (*prepare)(lbk_drv *d, const struct lbk_group *s, lbk_code **out);
    void      (*release)(lbk_drv *d, lbk_code *c);
    /* enqueue, in order */
    lbk_status (*launch)(lbk_drv *d, const struct lbk_group *s, lbk_code *c);
    /* wait for all of it */
    lbk_status (*finish)(lbk_drv *d);
    /* optional: of the last launch, after finish; time on the device alone. With a `timing` only while that is on. */
    lbk_status (*elapsed)(lbk_drv *d, double *ns);
    /* [owner thread] All that follow are optional. */
    /* Fills in what it knows; *out arrives zeroed but for its size. Asked once, after open; never changes. */
    void      (*limits)(lbk_drv *d, struct lbk_limits *out);
    /* Whether launches are timed one by one, for elapsed; off after open, and only on where a plan is profiled. Never
     * between a launch and its finish. Absent: elapsed is always ready. */
    lbk_status (*timing)(lbk_drv *d, bool on);
    /* As lbk_device_tune, which see; no code and no buffers exist. What it finds holds for code that is prepared
     * later. */
    lbk_status (*tune)(lbk_drv *d, void (*put)(void *ud, const char *line), void *ud);
};

struct lbk_backend {
    uint32_t size;
    const char *name, *doc;
    /* in a device spec: "cpu,threads=2" */
    const struct lbk_opt *opts;
    size_t cfg_size;
    /* Cheap; may find nothing, which is no failure. How many there are, of which out gets the first max; each
     * of these is written as a whole. Asked again once open() has succeeded: a device that is then missing has failed. */
    int       (*probe)(lbk_ctx *ctx, struct lbk_device_info *out, int max);
    lbk_status (*open)(lbk_ctx *ctx, int index, const void *cfg, lbk_drv **out, const struct lbk_device_fns **fns);
    /* [owner thread] Both optional, and independent of any open device. */
    /* As lbk_device_report, which see. index, cfg: as for open, and with its errors for a device that is not there. */
    lbk_status (*report)(lbk_ctx *ctx, int index, const void *cfg, void (*put)(void *ud, const char *key, const char *value),
                         void *ud);
    /* As lbk_backend_diagnose, which see. Logs nothing: what it finds goes to put. A problem is one line that says what
     * was looked for, where, and what was found. */
    int       (*diagnose)(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend), void *ud);
};

/* Can a map read an arg of shape a, which broadcasts to `to`, in rows beside its full args in CBLK? One number for all of a
 * channel's image (N or 1 x C or 1 x 1 x 1), or one for all channels of a pixel (N or 1 x 1 x H x W). */
static inline bool lbk_beside_blocks(lbk_shape a, lbk_shape to)
{
    if (lbk_shape_count(a) == 1)
        return true;
    return a.n == 4 && to.n == 4 &&
           ((a.d[2] == 1 && a.d[3] == 1) || (a.d[1] == 1 && a.d[2] == to.d[2] && a.d[3] == to.d[3]));
}

/* Bytes of a value in its layout, padded lanes included. */
static inline size_t lbk_arg_bytes(const struct lbk_arg *a)
{
    static const uint8_t width[] = { 0, 4, 2, 4, 1 };                /* by lbk_dtype */
    int64_t n = lbk_shape_count(a->shape);
    if (a->layout.order == LBK_CBLK && n > 0)
        n = n / a->shape.d[1] * ((a->shape.d[1] + a->layout.block - 1) / a->layout.block * a->layout.block);
    return (size_t) n * width[a->dtype];
}

LBK_END
#endif
