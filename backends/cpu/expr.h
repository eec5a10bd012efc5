/* SPDX-License-Identifier: MIT */
/* Fused pointwise code, evaluated over a range of elements in the order in which they are stored.
 * It is compiled to steps over tiles of a few vectors, which stay in registers from one operator to
 * the next. [any thread, on a stack of 256 KiB; the compiled form is read only] */
#ifndef LBK_CPU_EXPR_H
#define LBK_CPU_EXPR_H
#include "cpu.h"

enum { CPU_CHUNK = 512, CPU_TILE = 128 }; /* floats */
#define CPU_ALIAS_ACC (1u << LBK_ARG_MAX)

/* y[i] = op of a[i], b[i], c[i]; y may be one of them. */
typedef void (*cpu_loop)(float *y, const float *a, const float *b, const float *c, int n);
struct cpu_loops {
    const char *name;
    cpu_loop each;
};
enum {
#define LBK_PW1(name, ...) CPU_PW_##name,
#define LBK_PW2            LBK_PW1
#define LBK_PW3            LBK_PW1
#define LBK_OP1(...)
#define LBK_OP2(...)
#define LBK_OP3(...)
#define LBK_OPN(...)
#include <limbeck/ops.def>
#undef LBK_PW1
#undef LBK_PW2
#undef LBK_PW3
#undef LBK_OP1
#undef LBK_OP2
#undef LBK_OP3
#undef LBK_OPN
    CPU_PW_COUNT
};
/* What batch norm and an activation are for one block of channels: limit(x * scale + shift), n a
 * multiple of the block; y may be x. */
enum cpu_limit {
    CPU_LIMIT_NONE,
    CPU_LIMIT_BELOW,
    CPU_LIMIT_BOTH
}; /* relu; and minimum with high */
struct cpu_ramp {
    bool on;
    uint8_t x, scale, shift; /* args */
    enum cpu_limit limit;
    float high;
};
struct cpu_pointwise {
    void (*keep)(float *y, int lanes, int64_t n); /* the others of each block of CBLK are zeroed */
    void (*ramp)(float *y, const float *x, const float *scale, const float *shift,
                 const struct cpu_ramp *r, int64_t n);
    struct cpu_loops op[CPU_PW_COUNT];
};

/* How one arg is read. */
enum cpu_read { CPU_READ_NONE, CPU_READ_FULL, CPU_READ_ONE, CPU_READ_LANES, CPU_READ_STRIDED };
struct cpu_src {
    uint8_t how;
    int n; /* STRIDED: merged axes, row-major, with the steps of the arg */
    int64_t d[LBK_MAX_DIMS], step[LBK_MAX_DIMS];
    /* LANES: floats of a block of channels, blocks, channels (1: for all), from image to image */
    int64_t run, blocks, c, image;
};

/* What a word says. */
struct cpu_step {
    uint8_t kind, arg, in[3], uniform, pw; /* pw: CPU_PW, where there is a loop */
    float value;
    const struct lbk_op *op; /* of a plugin, without a loop: evaluated by its reference */
    cpu_loop loop;
};

/* Where the floats of the tile at `off` lie: from p + (off & move) on. */
struct cpu_place {
    const float *p;
    int64_t move;
};
/* Places: a word that is no step's result; an out; a tile between two steps. None at 0. */
enum {
    CPU_PLACE_WORD = 1,
    CPU_PLACE_OUT = CPU_PLACE_WORD + LBK_EXPR_MAX,
    CPU_PLACE_TILE = CPU_PLACE_OUT + LBK_OUT_MAX,
    CPU_PLACES = CPU_PLACE_TILE + LBK_EXPR_MAX
};
/* What is in the registers, or what lies at place a, becomes op of that, b and c, which goes to
 * place y, too. Places by their bytes from the first one, 0 = none. op: CPU_PW; + CPU_TURNED: of b
 * and that; + CPU_LANES: b is 16 floats again and again. */
enum {
    CPU_TURNED = CPU_PW_COUNT,
    CPU_LANES = 2 * CPU_PW_COUNT,
    CPU_MOVE = 4 * CPU_PW_COUNT, /* that as it is */
    CPU_LOAD,                    /* b, 16 floats again and again */
    CPU_CALL                     /* what the loop of word `word` gives for a, b, c */
};
struct cpu_ins {
    uint8_t op, word;
    uint16_t a, b, c, y;
};

struct cpu_expr {
    int n, n_out, n_ins, n_tile;
    const struct cpu_tiles *tiles;
    void (*keep)(float *y, int lanes, int64_t n);
    void (*run_ramp)(float *y, const float *x, const float *scale, const float *shift,
                     const struct cpu_ramp *r, int64_t n);
    int64_t run;  /* chunks end where runs of one number of broadcast args do; 0 = anywhere */
    int64_t most; /* floats of a chunk */
    bool plain;   /* one ARG word read as it is stored, one out */
    struct cpu_ramp ramp; /* on: all of it is this */
    struct cpu_src src[LBK_ARG_MAX];
    struct cpu_step step[LBK_EXPR_MAX];
    struct cpu_ins ins[2 * LBK_EXPR_MAX + 2 * LBK_OUT_MAX];
};
/* Are STRIDED args one number for each chunk? Else they are spread out. */
static inline bool cpu_in_runs(const struct cpu_expr *x) { return x->most != CPU_CHUNK; }
/* y = op of a step, n floats. */
typedef void cpu_call(const struct cpu_step *t, float *y, const float *a, const float *b,
                      const float *c, int n);
struct cpu_tiles {
    /* n: a multiple of 16 */
    void (*run)(const struct cpu_expr *x, const struct cpu_place *at, int64_t n, cpu_call *call);
};

/* shape, layout: of the elements that are evaluated (and of ACC). result: register of each of n_out
 * outs. alias: bit i = out[0] may be the memory of arg[i], CPU_ALIAS_ACC = of the anchor's result.
 * False: an arg that this code cannot read (dtype, layout). */
bool cpu_expr_compile(const lbk_drv *d, struct cpu_expr *x, const struct lbk_expr *e, int n_arg,
                      const struct lbk_arg arg[], lbk_shape shape, struct lbk_layout layout,
                      int n_out, const uint8_t result[], uint32_t alias);

/* Of the values of operand i, four axes. */
lbk_shape cpu_operand_shape(const struct lbk_group *g, int i);
/* Operand i with values of that shape in CBLK, whatever the layouts of its args: when core asks
 * first they have none. */
bool cpu_operand_compile(const lbk_drv *d, struct cpu_expr *x, const struct lbk_group *g, int i,
                         lbk_shape shape);

/* Elements at .. at + n. arg: where each arg of the group starts. acc: the anchor's result for
 * element `at` on. out: where element `at` of each out goes. In CBLK at and n are multiples of the
 * block; lanes past the last channel are computed like all others: cpu_zero_tail puts that right.
 */
void cpu_expr_run(const struct cpu_expr *x, const float *const arg[], const float *acc,
                  float *const out[], int64_t at, int64_t n);

/* Of a ramp: scale and shift of block `block` of all blocks of its x, zero past the last channel.
 */
void cpu_ramp_lanes(const struct cpu_expr *x, const float *const arg[], int64_t block,
                    float scale[CPU_BLOCK], float shift[CPU_BLOCK]);

/* Instructions for the words of x. last: per word, the last that reads it; x->n: an out does. */
void cpu_expr_code(struct cpu_expr *x, const int last[], const uint8_t result[], uint32_t alias);

/* As cpu_expr_run for one out: the values themselves where they lie in memory already, else
 * evaluated into buf. */
const float *cpu_expr_values(const struct cpu_expr *x, const float *const arg[], float *buf,
                             int64_t at, int n);

/* y: element `at` on of a CBLK value of that shape, n of them, both in whole blocks; zeroes the
 * lanes past the last channel. */
void cpu_zero_tail(const struct cpu_expr *x, float *y, lbk_shape shape, int64_t at, int64_t n);

/* One ACC word: the anchor's result as it is. One ARG word: an operand as it is. */
static inline bool cpu_expr_is_acc(const struct lbk_expr *e)
{
    return e->n == 1 && e->w[0].kind == LBK_WORD_ACC;
}
static inline bool cpu_expr_is_arg(const struct lbk_expr *e)
{
    return e->n == 1 && e->w[0].kind == LBK_WORD_ARG;
}

#endif
