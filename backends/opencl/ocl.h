/* SPDX-License-Identifier: MIT */
/* Inside of the OpenCL driver: what a kernel sees.
 *
 * A kernel is kernels/<op>.c with `const struct ocl_kernel ocl_kernel_<op>` (also map and reorder),
 * and its text cl/<name>.cl, which prelude.cl comes before. prepare() makes one step for each launch:
 *
 *     struct ocl_step *s = ocl_step(c, "max_pool");           the text, and the name of the function in it
 *     ocl_define(s, "BLOCK", "%d", ocl_block(&g->out[0]));    what the text is specialised on
 *     ocl_arg(s, 0);  ocl_out(s, 0);  ocl_int(s, width);      its parameters, in order
 *     ocl_grid(s, width, height, images);                     one work-item each
 *
 * Specialise on expressions, types, layouts and tile sizes, not on extents: those are parameters, so that a network
 * needs few programs. All text goes into one program with other kernels: a text defines nothing but KERNEL(name) and
 * functions named FN(name), and undefines the macros it makes itself.
 *
 * OpenCL C 1.2; no float atomics, no barrier inside a branch or a loop whose count differs between work-items; sums in
 * an order that depends on shapes alone; explicit fma() in inner loops; zeros in the unused lanes of the last
 * block of a CBLK result. An index of an element is an int (dispatch.c sees to it that it fits).
 *
 * Families: OCL_WIDE for processors (one work-item is a task, float16 registers, __local is scratch in L2,
 * CBLK 16, no barriers), OCL_TILE for GPUs (local-memory tiles, row-major). A kernel of one work-item per element serves both. */
#ifndef LBK_OCL_H
#define LBK_OCL_H
#include <limbeck/backend.h>
#include <limbeck/ctx.h>
#include <limbeck/ops.h>
#include "loader.h"
#include "moves.h"

enum { OCL_BLOCK = 16 };               /* channels of a block of LBK_CBLK */
enum ocl_family { OCL_WIDE, OCL_TILE, OCL_FAMILIES };
enum ocl_gemm { OCL_GEMM_AUTO, OCL_GEMM_OWN, OCL_GEMM_CLBLAST }; /* whose matrix products; auto: as tuned */

/* What was found when the device was opened; nothing is decided by the name of a vendor. */
struct ocl_limits {
    size_t group;                      /* most work-items of a group, at least 1 */
    size_t items[3];                   /* most along each axis of one, at least 1 */
    size_t local;                      /* bytes of __local */
    size_t max_alloc, memory;          /* bytes */
    int units;                         /* compute units */
    int vector;                        /* floats of a vector register, at least 1 */
    bool cpu, local_is_global, unified;
    bool slow_fma;                     /* texts get mad() for fma() */
    bool short_loops;                  /* are left early, in silence (ocl_turns) */
};

/* What tuning has found. */
enum { OCL_TILES_MOST = 16 };
struct ocl_tuning {
    bool tiles;                        /* the speeds of tiles are known */
    double speed[OCL_TILES_MOST];      /* of the tiles of kernels/gemm_tile.c; the best has 1 */
    bool wrong[OCL_TILES_MOST];        /* those that compute wrongly here, with these texts */
    int only;                          /* 1 + the one tile to use, while they are timed */
};

struct lbk_drv {
    lbk_ctx *ctx;
    const struct cl_api *cl;
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    enum ocl_family family;
    bool family_given;                 /* by the user */
    struct ocl_tuning tuning;
    struct ocl_limits limits;
    struct ocl_programs *programs;
    struct ocl_cache *cache;
    struct ocl_staging *staging;
    cl_event first, last;              /* of the last launch, while timing */
    bool timing;
    bool told;                         /* of a failure; waits that fail after it are silent */
    enum ocl_gemm gemm;                /* as the user said */
    bool winograd;                     /* where it is faster; else never */
    const struct clblast *clblast;     /* NULL: not loaded, and not used */
    int unflushed;
    uint64_t mems;                     /* buffers made so far: the id of the last */
    char name[96];
};

/* id: of this buffer and no other of the device, ever; handles of OpenCL come back. */
struct lbk_mem { cl_mem buf; size_t bytes; uint64_t id; };

struct ocl_variant {
    /* As lbk_device_fns.supports. The offer arrives zeroed but for want: row-major everywhere. */
    int (*supports)(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
    /* Adds the steps of the group to c. The buffers of g are not there yet. Errors of ocl_* latch in c. */
    void (*prepare)(lbk_drv *d, const struct lbk_group *g, lbk_code *c);
};
struct ocl_kernel { const char *op; struct ocl_variant on[OCL_FAMILIES]; };
#define OCL_ANY_FAMILY(supports, prepare) .on = { { supports, prepare }, { supports, prepare } }

/* ---- steps (code.c) ---- */

struct ocl_step;
/* A launch, after those before it. NULL after an error; every function below takes a NULL step and does nothing. */
struct ocl_step *ocl_step(lbk_code *c, const char *text);
/* #define macro value, before the text. */
void ocl_define(struct ocl_step *s, const char *macro, const char *fmt, ...) LBK_PRINTF(3, 4);
/* The next parameter. A buffer is two of them, IN(T, v) or OUT(T, v) in the text: the buffer, and where it begins
 * in elements. */
void ocl_arg(struct ocl_step *s, int arg);
void ocl_out(struct ocl_step *s, int out);
/* From now on args and outs are those of the group that is so many further in the chain (lbk_group.also). */
void ocl_link(struct ocl_step *s, int link);
enum { OCL_PARAM_MAX = 64 };           /* parameters of a step, a buffer counts once */
/* The group's scratch memory from byte `at` on, as elements of `size` bytes. */
void ocl_scratch(struct ocl_step *s, size_t at, size_t size);
/* A table of its own, copied to the device now; elements of any size. */
void ocl_table(struct ocl_step *s, const void *data, size_t bytes);
void ocl_int(struct ocl_step *s, int64_t v);      /* int; an error when it does not fit */
void ocl_ulong(struct ocl_step *s, uint64_t v);
/* Three parameters, DIVISOR(v) in the text: v, and what QUOTIENT(a, v) divides by it with. v < 1 counts as 1. */
void ocl_divisor(struct ocl_step *s, int64_t v);
/* The last two of them, for a table. */
void ocl_quotient(int64_t v, uint32_t *mul, uint32_t *shift);
void ocl_float(struct ocl_step *s, float v);
void ocl_local(struct ocl_step *s, size_t bytes); /* __local T *: so many bytes */
/* The step is left out of a launch in which out 0 is the memory of that arg. */
void ocl_unless_inplace(struct ocl_step *s, int arg);
/* One work-item for each element of x times y times z; ids past them are there too, and must do nothing
 * (get_global_id(0) >= x ...). x is the axis neighbours lie along. Nothing runs when one of them is 0. */
void ocl_grid(struct ocl_step *s, int64_t x, int64_t y, int64_t z);
/* Exactly these groups, of exactly these sizes. */
void ocl_groups(struct ocl_step *s, const int64_t groups[3], const int64_t local[3]);
/* A step that enqueues something on d->queue by other means than a kernel of ours. event: NULL, or where the event of
 * the last thing enqueued goes, which the caller releases. own: the step's copy of so many bytes. what: for errors. */
typedef lbk_status (*ocl_caller)(lbk_drv *d, const struct lbk_group *g, const void *own, cl_event *event);
void ocl_call(lbk_code *c, const char *what, ocl_caller call, const void *own, size_t bytes);
void ocl_fail(lbk_code *c, lbk_status st); /* after lbk_fail() */

/* ---- expressions (expr.c) ---- */

/* How the text of a kernel names places. */
struct ocl_places {
    /* index of an element of the result in memory, valid for args of the shape and layout of out[0] */
    const char *full;
    int axis;           /* index along this axis is `along`; -1: there is none */
    const char *along;
};
/* Can epi be run at such places: is each arg in it whole, one number, or 1 except along `axis`? */
bool ocl_epi_fits(const struct lbk_group *g, int axis);
/* Wants for the args of epi and the outs: whole ones as `l`, others row-major. */
void ocl_epi_wants(const struct lbk_group *g, struct lbk_layout l, struct lbk_offer *o);
/* Does the arg have the shape of the result? */
bool ocl_is_whole(const struct lbk_group *g, const struct lbk_arg *a);
bool ocl_in_epi(const struct lbk_group *g, int arg);
/* Adds the args of epi and the outs that are its results as the next parameters; defines EPI_PARAMS and EPI_OPEN, and EPI_FORMAL
 * and EPI_ACTUAL: the pointers as further parameters of a helper, and what it is called with. */
void ocl_epi_buffers(struct ocl_step *s, const struct lbk_group *g);
/* Adds the args of epi and its outs as the next parameters, and defines
 *   EPI_PARAMS       their declarations, with a comma before each
 *   EPI_OPEN         declarations for the top of the body
 *   EPI(acc)         stores every result for the float acc, at the places named by p
 * The out pointers are named out0, out1, ... */
void ocl_epi(struct ocl_step *s, const struct lbk_group *g, const struct ocl_places *p);
/* The same at place p of channel c of an N C H W; and EPI_ZERO, which stores zeros at a p past the last channel. */
void ocl_blocked_epi(struct ocl_step *s, const struct lbk_group *g);

/* Shape of an operand, which its args broadcast to; false: not to be told from them, or not of floats. */
bool ocl_operand_shape(const struct lbk_group *g, int i, lbk_shape *out);
bool ocl_reads(const struct lbk_expr *e, int arg);
/* Of an operand N C H W: is each arg whole, one number, or one for each channel, and some arg whole? */
bool ocl_operand_fits(const struct lbk_group *g, int i, lbk_shape shape);
/* Wants for the whole args of operand i. */
void ocl_operand_wants(const struct lbk_group *g, int i, lbk_shape shape, struct lbk_layout l, struct lbk_offer *o);
/* Such an operand, or any that is one arg as it is. Adds its args as the next parameters, and defines
 *   COMPUTED               0: it is one arg, which is named in; 1: an expression over in0, in1, ..., the whole ones in blocks
 *   IN_PARAMS, IN_OPEN     as EPI_PARAMS and EPI_OPEN
 *   IN_FORMAL, IN_ACTUAL   those pointers as further parameters of a helper, and what it is called with
 * and of an expression, in vectors of 16 channels,
 *   X_LANES(c, channels)   declarations before X, for the block that begins with channel c of so many
 *   X(to, at)              statements: the value of the 16 floats from `at` on goes to `to`; REAL is to be float16 */
void ocl_operand(struct ocl_step *s, const struct lbk_group *g, int i, lbk_shape shape);

/* ---- the tail of a group (kernels/tail.c) ---- */

/* It is taken in slots, of which a text fills one by TAIL_TAKE() for each task and block: all blocks of a slot lie together.
 * From float `at` of the scratch on they have so many floats. The offer: wants and places of what it reads, l being the layout
 * of out[0]. args: the parameters TAIL_PARAMS, tail or not. step: joins the slots; nothing without a tail. */
enum { OCL_TAIL = 3 * OCL_BLOCK };     /* floats of one */
int64_t ocl_tail_floats(const struct lbk_group *g, int64_t slots);
void ocl_tail_offer(const struct lbk_group *g, struct lbk_layout l, struct lbk_offer *o);
void ocl_tail_args(struct ocl_step *s, const struct lbk_group *g, int64_t at);
void ocl_tail_step(lbk_code *c, const struct lbk_group *g, int64_t at, int64_t slots);

/* Text of an expression: statements that compute its registers as `const REAL <prefix>0, <prefix>1, ...`; REAL is float
 * unless defined. load writes what stands for an element of arg[arg], ACC words are `acc`. */
struct ocl_text { char *s; size_t n, cap; bool failed; };
/* Defines the macro as the text, and frees that. */
void ocl_define_text(struct ocl_step *s, const char *macro, struct ocl_text *t);
void ocl_put(struct ocl_text *t, const char *fmt, ...) LBK_PRINTF(2, 3);
void ocl_expr_text(struct ocl_text *t, const struct lbk_expr *e, const char *prefix,
                   void (*load)(struct ocl_text *t, int arg, const void *ud), const void *ud);

/* ---- small things ---- */

static inline bool ocl_is_cblk(const struct lbk_arg *a) { return a->layout.order == LBK_CBLK; }
static inline int ocl_block(const struct lbk_arg *a) { return ocl_is_cblk(a) ? a->layout.block : 1; }
static inline int64_t ocl_blocks(int64_t c) { return (c + OCL_BLOCK - 1) / OCL_BLOCK; }
static inline int64_t ocl_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
/* Work-items of a group that shares its work by barriers: a power of 2, at most `most`; 1 for OCL_WIDE. */
static inline int64_t ocl_team(const lbk_drv *d, int64_t most)
{
    int64_t n = 1;
    while (d->family == OCL_TILE && 2 * n <= most && 2 * n <= (int64_t) d->limits.group)
        n *= 2;
    return n;
}
#define OCL_ROW ((struct lbk_layout){ LBK_ROW_MAJOR, 0 })
#define OCL_CBLK ((struct lbk_layout){ LBK_CBLK, OCL_BLOCK })
#define OCL_ANY ((struct lbk_layout){ LBK_ANY, 0 })
/* The arg that operand i is, when it is nothing but that arg; -1 otherwise. */
int ocl_plain_operand(const struct lbk_group *g, int i);
bool ocl_plain_operands(const struct lbk_group *g);
bool ocl_plain_epi(const struct lbk_group *g);
/* Name of the element type in OpenCL C: float, int, uchar; F16 is ushort. */
const char *ocl_type(lbk_dtype t);
/* The unsigned integer as wide as an element, for kernels that only move bits. */
static inline const char *ocl_bits(lbk_dtype t) { return t == LBK_U8 ? "uchar" : t == LBK_F16 ? "ushort" : "uint"; }
/* May a work-item's loops have so many turns, all together? Kernels for GPUs that might have more ask. */
enum { OCL_TURNS = 32768 };
static inline bool ocl_turns(const lbk_drv *d, int64_t n) { return !d->limits.short_loops || n <= OCL_TURNS; }

/* Checks an OpenCL return code: names what failed, on which device; keeps "device lost" apart. [owner thread] */
lbk_status ocl_check(lbk_drv *d, cl_int err, const char *what);
const char *ocl_error_name(cl_int err);
bool ocl_is_memory(cl_int err);
bool ocl_is_loss(cl_int err);        /* there is too little of it */

const struct ocl_kernel *ocl_kernel_find(const struct lbk_group *g);
extern const struct lbk_device_fns ocl_device_fns;
void ocl_close(lbk_drv *d);
/* Finishes; a queue that keeps times, or one that does not. */
lbk_status ocl_timing(lbk_drv *d, bool on);

#endif
