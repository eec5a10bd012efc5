/* SPDX-License-Identifier: MIT */
/* Inside of the CPU driver: what a kernel sees.
 *
 * A kernel is kernels/<op>.c with `const struct cpu_kernel cpu_kernel_<op>`; also map and reorder.
 * Loops that want vectors go to kernels/<op>_simd.c (simd.h), which is compiled once per
 * instruction set and ends with a table const struct map_loops CPU_TABLE(map_loops) = { ... }; The
 * kernel says CPU_LOOPS(map_loops); once and calls map_loops_of[d->isa]->f(...).
 *
 * Results are the same bits for any number of threads and any instruction set: cut the work into
 * tasks by shapes alone, let a task own what it writes, sum in a fixed order, never across lanes
 * unless in a fixed tree of 16, contract only by an explicit vfma. */
#ifndef LBK_CPU_H
#define LBK_CPU_H
#include <limbeck/backend.h>
#include <limbeck/ctx.h>
#include <limbeck/ops.h>
#include "isa_list.h"
#include "pool.h"

enum {
    CPU_BLOCK = 16,
    CPU_ALIGN = 64
}; /* channels of a block of LBK_CBLK, on every instruction set */

struct lbk_mem {
    char *at;
    size_t bytes;
    bool mapped;
};
struct lbk_drv {
    lbk_ctx *ctx;
    struct pool *pool;
    int threads; /* workers, the caller included */
    int isa;     /* index into CPU_ISA_LIST */
    bool winograd; /* where it is faster; else never */
    double ns;   /* of the last launch */
    uint64_t memory; /* bytes that may be used; 0 = unknown */
};

struct cpu_kernel {
    const char *op;
    /* As lbk_device_fns.supports. The offer arrives zeroed: row-major wants, no scratch, nothing in
     * place. */
    int (*supports)(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
    /* Optional: what launch wants to know again, by malloc; release frees it. The buffers of g are
     * not there yet. */
    lbk_status (*prepare)(lbk_drv *d, const struct lbk_group *g, void **own);
    lbk_status (*launch)(lbk_drv *d, const struct lbk_group *g,
                         const void *own); /* done when it returns */
    void (*release)(void *own);
};
/* NULL: there is none. */
const struct cpu_kernel *cpu_kernel_find(const struct lbk_group *g);
#define CPU_KERNEL(name) extern const struct cpu_kernel cpu_kernel_##name;
#include "kernel_list.h"
#undef CPU_KERNEL
extern const struct lbk_device_fns cpu_device_fns;

#define CPU_ISA_DECL(t, isa) extern const struct t t##_##isa;
#define CPU_ISA_ROW(t, isa)  &t##_##isa,
#define CPU_LOOPS(t)                                                                               \
 CPU_ISA_LIST(CPU_ISA_DECL, t)                                                                     \
 static const struct t *const t##_of[] = { CPU_ISA_LIST(CPU_ISA_ROW, t) }

/* fn(arg, i, worker) for each i in [0, n), on any worker in [0, d->threads), in any order; returns
 * when all are done. Not to be called from within a task. A task is worth it from about 20 us; few
 * of them are better than many. */
static inline void cpu_run(lbk_drv *d, int64_t n, cpu_task *fn, void *arg)
{
    pool_run(d->pool, n, fn, arg);
}
/* Of k equal parts of n, where part i begins; part k "begins" at n. */
static inline int64_t cpu_part(int64_t n, int64_t k, int64_t i)
{
    return n / k * i + (n % k < i ? n % k : i);
}

static inline void *cpu_ptr(const struct lbk_arg *a) { return a->mem->at + a->offset; }
static inline float *cpu_f32(const struct lbk_arg *a) { return cpu_ptr(a); }
static inline int64_t cpu_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static inline int64_t cpu_blocks(int64_t channels)
{
    return (channels + CPU_BLOCK - 1) / CPU_BLOCK;
}
static inline bool cpu_is_cblk(const struct lbk_arg *a) { return a->layout.order == LBK_CBLK; }

#define CPU_ROW  ((struct lbk_layout){ LBK_ROW_MAJOR, 1 })
#define CPU_CBLK ((struct lbk_layout){ LBK_CBLK, CPU_BLOCK })
#define CPU_ANY  ((struct lbk_layout){ LBK_ANY, CPU_BLOCK })

/* The argument that operand i is, as it is; -1 when it is a longer expression. */
int cpu_plain_operand(const struct lbk_group *g, int i);
/* Every operand is an argument as it is. */
bool cpu_plain_operands(const struct lbk_group *g);
/* The one out is the result as it is. */
bool cpu_plain_epi(const struct lbk_group *g);

/* kernels/epi.c, over the evaluator of map: a plan for the epilogue of an anchor whose out[0] is
 * f32; NULL: out of memory, or not one it can do. */
struct cpu_epi;
struct cpu_epi *cpu_epi_create(lbk_drv *d, const struct lbk_group *g);
void cpu_epi_destroy(struct cpu_epi *e);
/* For n elements of the storage of the outs, from position `at`, stores out[i] = result[i] of epi;
 * acc: the anchor's result for just these, which may lie in out[0]'s own place. A run stays within
 * one plane [H][W][16] of LBK_CBLK (whole pixels), or is any of row-major. Sequential: for use
 * inside a task, on a tile that is still in cache. */
void cpu_epi_run(const struct cpu_epi *e, const struct lbk_group *g, int64_t at, int64_t n,
                 const float *acc);

/* What it reads beside acc as it is stored, the first if there are several; NULL = nothing. */
const float *cpu_epi_reads(const struct cpu_epi *e, const struct lbk_group *g);

/* "auto", or a name of CPU_ISA_LIST. -1: not built in, or not on this machine. */
int cpu_isa_find(const char *name);
const char *cpu_isa_name(int isa);
/* threads 0: one per core. Closed by cpu_device_fns.close. */
lbk_status cpu_open(lbk_ctx *ctx, int threads, const char *isa, bool pin, lbk_drv **out);
/* Measures, for a few tenths of a second, what all threads do together, in 1e9 a second: fused
 * multiply-adds, two operations each; bytes read and written by y[i] = s * x[i] on buffers that no
 * cache holds. LBK_ENOMEM is not logged. */
lbk_status cpu_rates(lbk_drv *d, double *gflops, double *gbs);
uint64_t cpu_memory(void); /* bytes of this machine; 0 = unknown */
lbk_status cpu_alloc(lbk_drv *d, size_t bytes, lbk_mem **out);
void cpu_free(lbk_drv *d, lbk_mem *m);

#endif
