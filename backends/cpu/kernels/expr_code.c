/* SPDX-License-Identifier: MIT */
/* Instructions for pointwise code. One value at a time is in the registers: what the next operator
 * does not take from there is kept in a tile, or where an out has it. */
#include <string.h>
#include "expr.h"

struct coder {
    struct cpu_expr *x;
    const int *last;
    const uint8_t *result;
    uint32_t alias;
    int8_t taken[LBK_EXPR_MAX];    /* which operand is in the registers, -1 = none */
    bool kept[LBK_EXPR_MAX];       /* read from a place */
    uint16_t place[LBK_EXPR_MAX];  /* of its values */
    uint16_t spread[LBK_EXPR_MAX]; /* of lanes: the tile that holds them again and again */
    bool stored[LBK_OUT_MAX];
};

static bool fits_registers(const char *name)
{
#define TILE1(op, body) #op,
#define TILE2           TILE1
    static const char *const names[] = {
#include "kernels/expr_ops.h"
        "select"
    };
#undef TILE1
#undef TILE2
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool works(const struct cpu_step *t) { return t->kind == LBK_WORD_OP && !t->uniform; }
static bool called(const struct cpu_step *t) { return !t->loop || !fits_registers(t->op->name); }

/* Word i is 16 floats again and again. */
static bool is_lanes(const struct coder *c, int i)
{
    const struct cpu_step *t = &c->x->step[i];
    const bool arg = t->kind == LBK_WORD_ARG;
    const uint8_t how = arg ? c->x->src[t->arg].how : CPU_READ_NONE;
    return t->uniform || how == CPU_READ_LANES || (how == CPU_READ_STRIDED && cpu_in_runs(c->x));
}

/* Word i can go to out 0 only when nothing later reads what may lie there too. */
static bool may_overwrite(const struct coder *c, int i)
{
    for (int j = 0; j < c->x->n; j++) {
        const struct cpu_step *t = &c->x->step[j];
        if (c->last[j] > i && ((t->kind == LBK_WORD_ARG && c->alias >> t->arg & 1) ||
                               (t->kind == LBK_WORD_ACC && c->alias & CPU_ALIAS_ACC)))
            return false;
    }
    return true;
}

static bool goes_out(const struct coder *c, int k, int i)
{
    return c->result[k] == i && works(&c->x->step[i]) && (k > 0 || may_overwrite(c, i));
}

/* How many of its first operands an operator could take from the registers; none when lanes must go
 * through them first. */
static int from_registers(const struct coder *c, const struct cpu_step *t)
{
    if (called(t))
        return 0;
    if (t->op->n_max < 3)
        return t->op->n_max;
    return !is_lanes(c, t->in[1]) && !is_lanes(c, t->in[2]);
}

/* What each operator takes from the registers, and what must have a place. */
static void plan(struct coder *c)
{
    int in_registers = -1;
    for (int i = 0; i < c->x->n; i++) {
        const struct cpu_step *t = &c->x->step[i];
        if (!works(t))
            continue;
        const int n = t->op->n_max, from = from_registers(c, t);
        c->taken[i] = -1;
        for (int k = 0; k < from && c->taken[i] < 0; k++)
            c->taken[i] = t->in[k] == in_registers ? (int8_t) k : -1;
        for (int k = 0; k < n; k++)
            if (k != c->taken[i])
                c->kept[t->in[k]] = true;
        c->kept[i] |= called(t);
        in_registers = i;
    }
    for (int k = 0; k < c->x->n_out; k++)
        if (!goes_out(c, k, c->result[k]))
            c->kept[c->result[k]] = true;
}

static struct cpu_ins *emit(struct coder *c, int op)
{
    struct cpu_ins *t = &c->x->ins[c->x->n_ins++];
    *t = (struct cpu_ins){ .op = (uint8_t) op };
    return t;
}

static uint16_t bytes_of(int place)
{
    return (uint16_t) ((size_t) place * sizeof(struct cpu_place));
}
static uint16_t new_tile(struct coder *c) { return bytes_of(CPU_PLACE_TILE + c->x->n_tile++); }

/* Where word i lies in full length. */
static uint16_t full_place(struct coder *c, int i)
{
    if (!is_lanes(c, i))
        return c->place[i];
    if (!c->spread[i]) {
        emit(c, CPU_LOAD)->b = c->place[i];
        c->x->ins[c->x->n_ins - 1].y = c->spread[i] = new_tile(c);
    }
    return c->spread[i];
}

/* Of an operator that has no place in the registers, or of a select. */
static struct cpu_ins *emit_full(struct coder *c, int i, int op)
{
    const struct cpu_step *t = &c->x->step[i];
    uint16_t at[3] = { 0 };
    for (int k = 0; k < t->op->n_max; k++)
        at[k] = k == c->taken[i] ? 0 : full_place(c, t->in[k]);
    struct cpu_ins *ins = emit(c, op);
    ins->word = (uint8_t) i, ins->a = at[0], ins->b = at[1], ins->c = at[2];
    return ins;
}

static struct cpu_ins *emit_op(struct coder *c, int i)
{
    const struct cpu_step *t = &c->x->step[i];
    const int turned = c->taken[i] == 1, other = t->in[turned ? 0 : 1];
    uint16_t a = 0;
    if (called(t) || t->op->n_max == 3)
        return emit_full(c, i, called(t) ? CPU_CALL : t->pw);
    if (c->taken[i] < 0 && is_lanes(c, t->in[0]))
        emit(c, CPU_LOAD)->b = c->place[t->in[0]];
    else if (c->taken[i] < 0)
        a = c->place[t->in[0]];
    struct cpu_ins *ins = emit(c, t->pw + (turned ? CPU_TURNED : 0));
    ins->a = a;
    if (t->op->n_max == 2) {
        ins->op = (uint8_t) (ins->op + (is_lanes(c, other) ? CPU_LANES : 0));
        ins->b = c->place[other];
    }
    return ins;
}

static void emit_word(struct coder *c, int i)
{
    struct cpu_ins *ins = emit_op(c, i);
    for (int k = 0; k < c->x->n_out; k++) {
        if (!goes_out(c, k, i))
            continue;
        if (ins->y)
            ins = emit(c, CPU_MOVE);
        ins->y = bytes_of(CPU_PLACE_OUT + k);
        c->place[i] = ins->y;
        c->stored[k] = true;
    }
    if (c->kept[i] && !ins->y)
        ins->y = c->place[i] = new_tile(c);
}

void cpu_expr_code(struct cpu_expr *x, const int last[], const uint8_t result[], uint32_t alias)
{
    struct coder c = { .x = x, .last = last, .result = result, .alias = alias };
    for (int i = 0; i < x->n; i++)
        c.place[i] = bytes_of(CPU_PLACE_WORD + i);
    x->n_ins = x->n_tile = 0;
    plan(&c);
    for (int i = 0; i < x->n; i++)
        if (works(&x->step[i]))
            emit_word(&c, i);
    for (int k = x->n_out - 1; k >= 0; k--) { /* out 0 last: an arg may lie there */
        if (c.stored[k])
            continue;
        struct cpu_ins *move = emit(&c, is_lanes(&c, result[k]) ? CPU_LOAD : CPU_MOVE);
        *(move->op == CPU_LOAD ? &move->b : &move->a) = c.place[result[k]];
        move->y = bytes_of(CPU_PLACE_OUT + k);
    }
}
