/* SPDX-License-Identifier: MIT */
/* Runs single groups on the CPU driver: buffers with guard bands, every instruction set and 1 to 3
 * threads. */
#ifndef LBK_TEST_CPU_GROUP_H
#define LBK_TEST_CPU_GROUP_H

enum { GUARD = 256 };
static const char *const group_isas[] = { "avx512", "avx2", "base" };

static int group_built(const char *found[3])
{
    int n = 0;
    for (int i = 0; i < 3; i++)
        if (cpu_isa_find(group_isas[i]) >= 0)
            found[n++] = group_isas[i];
    return n;
}

/* Configurations to run: all instruction sets with 2 threads, the best one with 1 and 3. */
static int group_runs(void)
{
    const char *found[3];
    return group_built(found) + 2;
}

static lbk_drv *group_open(int run)
{
    const char *found[3];
    const int n = group_built(found);
    lbk_drv *d = NULL;
    assert_int_equal(cpu_open(NULL,
                              run < n    ? 2
                              : run == n ? 1
                                         : 3,
                              run < n ? found[run] : "auto", false, &d),
                     LBK_OK);
    return d;
}

static void group_alloc(lbk_drv *d, struct lbk_arg *a)
{
    const size_t bytes = lbk_arg_bytes(a);
    assert_int_equal(cpu_device_fns.alloc(d, bytes + 2 * GUARD, &a->mem), LBK_OK);
    memset(a->mem->at, 0x5a, bytes + 2 * GUARD);
    a->offset = GUARD;
}

static void group_guard(const struct lbk_arg *a)
{
    const size_t bytes = lbk_arg_bytes(a);
    for (int i = 0; i < GUARD; i++)
        if (a->mem->at[i] != 0x5a || a->mem->at[GUARD + bytes + (size_t) i] != 0x5a)
            fail_msg("guard band overwritten at %d of an array of %d bytes", i, (int) bytes);
}

/* Storage position of row-major element i. */
static int64_t group_place(const struct lbk_arg *a, int64_t i)
{
    if (a->layout.order != LBK_CBLK)
        return i;
    const int64_t hw = a->shape.d[2] * a->shape.d[3], c = a->shape.d[1];
    const int64_t p = i % hw, ch = i / hw % c, n = i / hw / c;
    return ((n * cpu_blocks(c) + ch / CPU_BLOCK) * hw + p) * CPU_BLOCK + ch % CPU_BLOCK;
}

static inline double group_random(uint32_t *s)
{
    *s = *s * 1664525u + 1013904223u;
    return (double) (*s >> 8) / 8388608.0 - 1.0;
}

/* Writes dense row-major values in the layout of a, zeros in padded lanes. */
static void group_put(lbk_drv *d, struct lbk_arg *a, const double *v)
{
    group_alloc(d, a);
    memset(cpu_ptr(a), 0, lbk_arg_bytes(a));
    for (int64_t i = 0; i < lbk_shape_count(a->shape); i++) {
        if (a->dtype == LBK_F32)
            cpu_f32(a)[group_place(a, i)] = (float) v[i];
        else if (a->dtype == LBK_I32)
            ((int32_t *) cpu_ptr(a))[group_place(a, i)] = (int32_t) v[i];
        else
            ((uint8_t *) cpu_ptr(a))[group_place(a, i)] = (uint8_t) v[i];
    }
}

/* Random floats in [-1, 1), also as doubles; free the result. */
static inline double *group_fill(lbk_drv *d, struct lbk_arg *a, uint32_t seed)
{
    const int64_t n = lbk_shape_count(a->shape);
    double *v = malloc(sizeof *v * (size_t) (n + 1));
    for (int64_t i = 0; i < n; i++)
        v[i] = (float) group_random(&seed);
    group_put(d, a, v);
    return v;
}

static void group_launch(lbk_drv *d, struct lbk_group *g)
{
    struct lbk_offer o;
    lbk_code *code = NULL;
    assert_true(cpu_device_fns.supports(d, g, &o));
    if (o.scratch) {
        g->scratch = (struct lbk_arg){ .dtype = LBK_U8, .shape = LBK_SHAPE((int64_t) o.scratch) };
        group_alloc(d, &g->scratch);
    }
    assert_int_equal(cpu_device_fns.prepare(d, g, &code), LBK_OK);
    assert_int_equal(cpu_device_fns.launch(d, g, code), LBK_OK);
    cpu_device_fns.release(d, code);
    for (int i = 0; i < g->n_arg; i++)
        group_guard(&g->arg[i]);
    for (int k = 0; k < g->n_out; k++)
        group_guard(&g->out[k]);
    if (o.scratch) {
        group_guard(&g->scratch);
        cpu_device_fns.free(d, g->scratch.mem);
    }
}

static uint64_t group_hash(const struct lbk_group *g)
{
    uint64_t h = 1469598103934665603u;
    for (int k = 0; k < g->n_out; k++) {
        const unsigned char *p = cpu_ptr(&g->out[k]);
        for (size_t i = 0; i < lbk_arg_bytes(&g->out[k]); i++)
            h = (h ^ p[i]) * 1099511628211u;
    }
    return h;
}

static double group_at(const struct lbk_arg *a, int64_t i)
{
    const int64_t p = group_place(a, i);
    return a->dtype == LBK_F32   ? cpu_f32(a)[p]
           : a->dtype == LBK_I32 ? ((int32_t *) cpu_ptr(a))[p]
                                 : ((uint8_t *) cpu_ptr(a))[p];
}

static void group_compare(const struct lbk_arg *a, const double *want, double tol)
{
    const int64_t n = lbk_shape_count(a->shape);
    double size = 0;
    for (int64_t i = 0; i < n; i++)
        size = fmax(size, isfinite(want[i]) ? fabs(want[i]) : 0);
    for (int64_t i = 0; i < n; i++) {
        const double got = group_at(a, i);
        if (got != want[i] && !(fabs(got - want[i]) <= tol * fmax(size, 1e-30)) &&
            !(isnan(got) && isnan(want[i])))
            fail_msg("element %d of %d: expected %.9g, found %.9g", (int) i, (int) n, want[i], got);
    }
    if (a->layout.order != LBK_CBLK)
        return;
    const int64_t hw = a->shape.d[2] * a->shape.d[3], blocks = cpu_blocks(a->shape.d[1]);
    for (int64_t p = 0; p < a->shape.d[0] * blocks * hw * CPU_BLOCK; p++)
        if (p / CPU_BLOCK / hw % blocks * CPU_BLOCK + p % CPU_BLOCK >= a->shape.d[1] &&
            cpu_f32(a)[p] != 0)
            fail_msg("lane %d past the last channel is %g", (int) (p % CPU_BLOCK),
                     (double) cpu_f32(a)[p]);
}

static void group_free(lbk_drv *d, struct lbk_group *g)
{
    for (int i = 0; i < g->n_arg; i++)
        cpu_device_fns.free(d, g->arg[i].mem);
    for (int k = 0; k < g->n_out; k++) {
        bool shared = false;
        for (int i = 0; i < g->n_arg; i++)
            shared |= g->arg[i].mem == g->out[k].mem;
        if (!shared)
            cpu_device_fns.free(d, g->out[k].mem);
    }
}

#endif
