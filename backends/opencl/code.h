/* SPDX-License-Identifier: MIT */
/* What a prepared group is made of; for the driver itself. */
#ifndef LBK_OCL_CODE_H
#define LBK_OCL_CODE_H
#include "ocl.h"

enum ocl_param_kind { P_ARG, P_OUT, P_SCRATCH, P_TABLE, P_VALUE, P_LOCAL };
struct ocl_param {
    enum ocl_param_kind kind;
    int index, link;                   /* of the arg or out; of which group of a chain */
    size_t at, size;                   /* scratch: bytes into it; elements; bytes of a value or of local memory */
    uint64_t value;
    cl_mem table;
    uint64_t mem; cl_ulong begin;      /* as last set: id of the buffer, 0 = none */
};

struct ocl_step {
    lbk_code *code;
    const char *text;
    struct ocl_text defines, names;    /* names: an #undef for each */
    struct ocl_param param[OCL_PARAM_MAX];
    int n_param, link;
    size_t global[3], local[3];
    int64_t grid[3];                   /* of ocl_grid, which leaves the groups to us; 0: they are given */
    bool empty;
    int unless;                        /* 1 + the arg that out 0 must not be */
    ocl_caller call;                   /* instead of a kernel */
    void *own;                         /* of call; the step frees it */
    struct ocl_entry *entry;           /* of the program table */
    cl_kernel kernel;                  /* this step's own, from the first launch on */
    struct ocl_step *next;
};
struct lbk_code {
    lbk_drv *d;
    const struct lbk_group *g;         /* while it is prepared */
    struct ocl_step *first, *last;
    lbk_status status;
};

lbk_status ocl_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code **out);
void ocl_release(lbk_drv *d, lbk_code *c);
lbk_status ocl_launch(lbk_drv *d, const struct lbk_group *g, lbk_code *c);

/* ---- programs (program.c) ---- */

/* What tells the texts of all kernels from those of another version: 16 hexadecimal digits. */
void ocl_texts_id(char to[17]);
#define OCL_OPTIONS "-cl-std=CL1.2 -w"

/* The kernel called `name` in this text, which is built with what else is wanted when a kernel is first taken. NULL: no memory. */
struct ocl_entry *ocl_program_want(lbk_drv *d, const char *name, const char *defines, const char *undefs);
/* A kernel object of the caller's own. */
lbk_status ocl_program_take(lbk_drv *d, struct ocl_entry *e, cl_kernel *out);
lbk_status ocl_programs_open(lbk_drv *d);
void ocl_programs_close(lbk_drv *d);

/* ---- memory (memory.c) ---- */
lbk_status ocl_staging_open(lbk_drv *d);
void ocl_staging_close(lbk_drv *d);
lbk_status ocl_alloc(lbk_drv *d, size_t bytes, lbk_mem **out);
void ocl_free(lbk_drv *d, lbk_mem *m);
lbk_status ocl_write(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n);
lbk_status ocl_read(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n);
lbk_status ocl_copy(lbk_drv *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff, size_t n);

#endif
