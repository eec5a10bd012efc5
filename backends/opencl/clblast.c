/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache.h"
#include "clblast.h"

enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
static const char file[] = "libclblast.so.1", package[] = "libclblast1", is_faster[] = "clblast:";

/* As clblast_c.h has them; its enumerations are ints. */
typedef int sgemm(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha, cl_mem a,
                  size_t a_offset, size_t lda, cl_mem b, size_t b_offset, size_t ldb, float beta,
                  cl_mem c, size_t c_offset, size_t ldc, cl_command_queue *queue, cl_event *event);
typedef int sgemm_batched(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha,
                          cl_mem a, size_t a_offset, size_t lda, size_t a_step, cl_mem b,
                          size_t b_offset, size_t ldb, size_t b_step, float beta, cl_mem c,
                          size_t c_offset, size_t ldc, size_t c_step, size_t count,
                          cl_command_queue *queue, cl_event *event);

struct clblast {
    void *library;
    sgemm *one;
    sgemm_batched *many;
    int (*clear)(void);
    char version[OCL_FACT_VALUE]; /* the name of its file in full */
};

/* ---- library ---- */

static bool resolve(struct clblast *l)
{
    return ocl_library_function(l->library, "CLBlastSgemm", &l->one) &&
           ocl_library_function(l->library, "CLBlastSgemmStridedBatched", &l->many) &&
           ocl_library_function(l->library, "CLBlastClearCache", &l->clear);
}

bool ocl_clblast_load(lbk_drv *d)
{
    struct clblast *l = d->clblast ? NULL : calloc(1, sizeof *l);
    if (!l)
        return d->clblast;
    l->library = ocl_library(file);
    if (l->library && resolve(l)) {
        ocl_library_file(l->library, l->version, sizeof l->version);
        d->clblast = l;
        return true;
    }
    ocl_library_close(l->library);
    free(l);
    return false;
}

const char *ocl_clblast_version(const lbk_drv *d) { return d->clblast->version; }

/* It keeps programs by context, and those keep the context. */
void ocl_clblast_close(lbk_drv *d)
{
    struct clblast *l = (struct clblast *) d->clblast;
    if (!l)
        return;
    l->clear();
    ocl_library_close(l->library);
    free(l);
    d->clblast = NULL;
}

/* ---- choice ---- */

int64_t ocl_gemm_class(int64_t extent)
{
    int64_t c = 1;
    while (extent >= 2 * c)
        c *= 4;
    return c;
}

void ocl_gemm_fact(const lbk_drv *d, const struct ocl_product *p, char *to, size_t size)
{
    snprintf(to, size, "gemm %s %lld of %lldx%lldx%lld %c%c", ocl_family_name(d->family),
             (long long) ocl_gemm_class(p->z), (long long) ocl_gemm_class(p->m),
             (long long) ocl_gemm_class(p->n), (long long) ocl_gemm_class(p->k), p->ta ? 't' : 'n',
             p->tb ? 't' : 'n');
}

static bool tuned(const lbk_drv *d, const struct ocl_product *p)
{
    char name[OCL_FACT_NAME];
    ocl_gemm_fact(d, p, name, sizeof name);
    const char *known = ocl_fact(d, name);
    return known && strncmp(known, is_faster, sizeof is_faster - 1) == 0;
}

bool ocl_clblast_wins(const lbk_drv *d, const struct ocl_product *p)
{
    if (!d->clblast || d->gemm == OCL_GEMM_OWN || p->z < 1 || p->m < 1 || p->n < 1 || p->k < 1)
        return false;
    return d->gemm == OCL_GEMM_CLBLAST || tuned(d, p);
}

/* For this device, by another run. */
static bool any_tuned(const lbk_drv *d)
{
    const struct ocl_facts *f = &d->cache->facts;
    for (int i = 0; i < f->n; i++)
        if (strncmp(f->at[i].name, "gemm ", 5) == 0 &&
            strncmp(f->at[i].value, is_faster, sizeof is_faster - 1) == 0)
            return true;
    return false;
}

/* Without the library that was tried, the kernels of our own are left. */
static void settle_tuned(lbk_drv *d)
{
    const char *tried = ocl_fact(d, "clblast");
    const bool loaded = ocl_clblast_load(d);
    if (loaded && tried && strcmp(tried, d->clblast->version) == 0)
        return;
    lbk_ctx_log(d->ctx, LBK_LOG_WARN,
                "opencl: CLBlast is not used: '%s' was tuned with '%s', found %s; 'limbeck tune' "
                "times what there is",
                d->name, tried ? tried : "", loaded ? d->clblast->version : "none");
    ocl_clblast_close(d);
}

lbk_status ocl_clblast_settle(lbk_drv *d, enum ocl_gemm gemm)
{
    d->gemm = gemm;
    if (gemm == OCL_GEMM_AUTO && any_tuned(d))
        settle_tuned(d);
    if (gemm == OCL_GEMM_CLBLAST && !ocl_clblast_load(d))
        return lbk_fail(d->ctx, LBK_EDEVICE,
                        "opencl: gemm=clblast: expected a library %s, found none; 'apt-get install "
                        "%s' on Debian",
                        file, package);
    return LBK_OK;
}

/* ---- step ---- */

static lbk_status multiply(lbk_drv *d, const struct lbk_group *g, const void *own, cl_event *event)
{
    const struct ocl_product *p = own;
    const struct lbk_arg *a = &g->arg[p->a], *b = &g->arg[p->b], *y = &g->out[0];
    const size_t m = (size_t) p->m, n = (size_t) p->n, k = (size_t) p->k, w = sizeof(float);
    const size_t lda = p->ta ? m : k, ldb = p->tb ? k : n;
    const int ta = p->ta ? TRANSPOSED : AS_IT_IS, tb = p->tb ? TRANSPOSED : AS_IT_IS;
    const int err =
        p->z == 1 ? d->clblast->one(ROW_MAJOR, ta, tb, m, n, k, 1, a->mem->buf, a->offset / w, lda,
                                    b->mem->buf, b->offset / w, ldb, 0, y->mem->buf, y->offset / w,
                                    n, &d->queue, event)
                  : d->clblast->many(ROW_MAJOR, ta, tb, m, n, k, 1, a->mem->buf, a->offset / w, lda,
                                     (size_t) p->a_step, b->mem->buf, b->offset / w, ldb,
                                     (size_t) p->b_step, 0, y->mem->buf, y->offset / w, n, m * n,
                                     (size_t) p->z, &d->queue, event);
    return ocl_check(d, err, "a matrix product of CLBlast");
}

void ocl_clblast_step(lbk_code *c, const struct ocl_product *p)
{
    ocl_call(c, "a matrix product of CLBlast", multiply, p, sizeof *p);
}
