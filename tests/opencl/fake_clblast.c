/* SPDX-License-Identifier: MIT */
/* In the place of CLBlast, for tests of how it is chosen: multiplies what it has not been asked for
 * before, and only up to a size, so it is the fastest there can be, and wrong past that size.
 *   LIMBECK_FAKE_TERMS=N      multiplications up to which it is right, all in all
 *   LIMBECK_FAKE_REPORT=FILE  written at exit: calls N */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

enum { TRANSPOSED = 112, SEEN_MOST = 256 };
struct product {
    size_t z, m, n, k;
    int ta, tb;
};
struct matrix {
    cl_mem mem;
    size_t offset, step;
};

static struct product seen[SEEN_MOST];
static int n_seen;
static long calls;

static int is_new(const struct product *p)
{
    for (int i = 0; i < n_seen; i++)
        if (memcmp(&seen[i], p, sizeof *p) == 0)
            return 0;
    if (n_seen < SEEN_MOST)
        seen[n_seen++] = *p;
    return 1;
}

static void multiply(const struct product *p, const float *a, const float *b, float *c)
{
    memset(c, 0, p->m * p->n * sizeof *c);
    for (size_t i = 0; i < p->m; i++)
        for (size_t k = 0; k < p->k; k++) {
            const float x = a[p->ta ? k * p->m + i : i * p->k + k];
            for (size_t j = 0; j < p->n; j++)
                c[i * p->n + j] += x * b[p->tb ? j * p->k + k : k * p->n + j];
        }
}

static int one(const struct product *p, const struct matrix m[3], size_t at, cl_command_queue q)
{
    __typeof__(clEnqueueReadBuffer) *read;
    __typeof__(clEnqueueWriteBuffer) *write;
    const size_t n[] = { p->m * p->k, p->k * p->n, p->m * p->n };
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW);
    void *f[] = { dlsym(library, "clEnqueueReadBuffer"), dlsym(library, "clEnqueueWriteBuffer") };
    float *v[3];
    int error = 0;
    memcpy(&read, &f[0], sizeof read);
    memcpy(&write, &f[1], sizeof write);
    for (int i = 0; i < 3; i++)
        v[i] = malloc(n[i] * sizeof(float));
    for (int i = 0; i < 2 && !error; i++)
        error = read(q, m[i].mem, CL_TRUE, (m[i].offset + at * m[i].step) * sizeof(float),
                     n[i] * sizeof(float), v[i], 0, NULL, NULL);
    multiply(p, v[0], v[1], v[2]);
    if (!error)
        error = write(q, m[2].mem, CL_TRUE, (m[2].offset + at * m[2].step) * sizeof(float),
                      n[2] * sizeof(float), v[2], 0, NULL, NULL);
    for (int i = 0; i < 3; i++)
        free(v[i]);
    dlclose(library);
    return error;
}

static int all(const struct product *p, const struct matrix m[3], cl_command_queue q)
{
    const char *terms = getenv("LIMBECK_FAKE_TERMS");
    int error = 0;
    calls++;
    if (p->z * p->m * p->n * p->k > strtoull(terms ? terms : "0", NULL, 10) || !is_new(p))
        return 0;
    for (size_t i = 0; i < p->z && !error; i++)
        error = one(p, m, i, q);
    return error;
}

int CLBlastSgemmStridedBatched(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha,
                               cl_mem a, size_t a_offset, size_t lda, size_t a_step, cl_mem b,
                               size_t b_offset, size_t ldb, size_t b_step, float beta, cl_mem c,
                               size_t c_offset, size_t ldc, size_t c_step, size_t count,
                               cl_command_queue *queue, cl_event *event);
int CLBlastSgemmStridedBatched(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha,
                               cl_mem a, size_t a_offset, size_t lda, size_t a_step, cl_mem b,
                               size_t b_offset, size_t ldb, size_t b_step, float beta, cl_mem c,
                               size_t c_offset, size_t ldc, size_t c_step, size_t count,
                               cl_command_queue *queue, cl_event *event)
{
    const struct product p = { count, m, n, k, ta == TRANSPOSED, tb == TRANSPOSED };
    const struct matrix all_of[] = { { a, a_offset, a_step },
                                     { b, b_offset, b_step },
                                     { c, c_offset, c_step } };
    return all(&p, all_of, *queue);
}

int CLBlastSgemm(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha, cl_mem a,
                 size_t a_offset, size_t lda, cl_mem b, size_t b_offset, size_t ldb, float beta,
                 cl_mem c, size_t c_offset, size_t ldc, cl_command_queue *queue, cl_event *event);
int CLBlastSgemm(int order, int ta, int tb, size_t m, size_t n, size_t k, float alpha, cl_mem a,
                 size_t a_offset, size_t lda, cl_mem b, size_t b_offset, size_t ldb, float beta,
                 cl_mem c, size_t c_offset, size_t ldc, cl_command_queue *queue, cl_event *event)
{
    return CLBlastSgemmStridedBatched(order, ta, tb, m, n, k, alpha, a, a_offset, lda, 0, b,
                                      b_offset, ldb, 0, beta, c, c_offset, ldc, 0, 1, queue, event);
}

int CLBlastClearCache(void);
int CLBlastClearCache(void) { return 0; }

__attribute__((destructor)) static void write_report(void)
{
    const char *path = getenv("LIMBECK_FAKE_REPORT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "calls %ld\n", calls);
    fclose(f);
}
