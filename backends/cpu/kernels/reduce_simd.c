/* SPDX-License-Identifier: MIT */
#include "simd.h"
#include "kernels/reduce.h"

enum { LANES = 16 };
struct v16 {
    vf v[VPB];
};

INL struct v16 load16(const float *p)
{
    struct v16 r;
    UNROLL
    for (int i = 0; i < VPB; i++)
        r.v[i] = vload(p + i * VL);
    return r;
}

INL void store16(float *p, struct v16 a)
{
    UNROLL
    for (int i = 0; i < VPB; i++)
        vstore(p + i * VL, a.v[i]);
}

#define OP16(name, expr)                                                                           \
 INL struct v16 name(struct v16 a, struct v16 b)                                                   \
 {                                                                                                 \
  UNROLL                                                                                           \
  for (int i = 0; i < VPB; i++) {                                                                  \
   const vf x = a.v[i], y = b.v[i];                                                                \
   a.v[i] = expr;                                                                                  \
  }                                                                                                \
  return a;                                                                                        \
 }
OP16(add16, x + y)
OP16(sub16, x - y)
OP16(mul16, x *y)
OP16(max16, vsel(y > x, y, x))
OP16(min16, vsel(y < x, y, x))

INL struct v16 fill16(float v)
{
    struct v16 r;
    UNROLL
    for (int i = 0; i < VPB; i++)
        r.v[i] = vset(v);
    return r;
}

static float add1(float a, float b) { return a + b; }
static float max1(float a, float b) { return b > a ? b : a; }
static float min1(float a, float b) { return b < a ? b : a; }

/* Columns of 16: four rows at a time. fold(acc, row i). */
#define ROWS16(start, fold, join, result)                                                          \
 struct v16 s0 = start, s1 = s0, s2 = s0, s3 = s0;                                                 \
 int64_t i = 0;                                                                                    \
 for (; i + 4 <= n; i += 4) {                                                                      \
  fold(s0, i) fold(s1, i + 1) fold(s2, i + 2) fold(s3, i + 3)                                      \
 }                                                                                                 \
 for (; i < n; i++) {                                                                              \
  fold(s0, i)                                                                                      \
 }                                                                                                 \
 const struct v16 result = join(join(s0, s1), join(s2, s3));

#define TREE(lane, op)                                                                             \
 for (int k = LANES / 2; k; k /= 2)                                                                \
  for (int q = 0; q < k; q++)                                                                      \
   lane[q] = op(lane[q], lane[q + k]);

/* A reduction of one operand by an associative op: a run of floats, 16 columns, or any number of
 * columns. */
#define FOLD_ADD(s, i) s = add16(s, load16(x + (i) *LANES));
#define FOLD_MAX(s, i) s = max16(s, load16(x + (i) *LANES));
#define FOLD_MIN(s, i) s = min16(s, load16(x + (i) *LANES));
#define SIMPLE(name, FOLD, op16, op1, start, into)                                                 \
 static void name##_16(float lane[LANES], const float *x, int64_t n)                               \
 {                                                                                                 \
  ROWS16(fill16(start), FOLD, op16, all)                                                           \
  store16(lane, all);                                                                              \
 }                                                                                                 \
 static float name##_run(const float *x, int64_t n)                                                \
 {                                                                                                 \
  float lane[LANES];                                                                               \
  name##_16(lane, x, n / LANES);                                                                   \
  for (int64_t i = n / LANES * LANES; i < n; i++)                                                  \
   lane[i % LANES] = op1(lane[i % LANES], x[i]);                                                   \
  TREE(lane, op1)                                                                                  \
  return lane[0];                                                                                  \
 }                                                                                                 \
 static void name(const struct reduce_leaf *l)                                                     \
 {                                                                                                 \
  float t[REDUCE_WIDE];                                                                            \
  if (l->w == 1) {                                                                                 \
   t[0] = name##_run(l->x, l->rows);                                                               \
  } else if (l->w == LANES) {                                                                      \
   name##_16(t, l->x, l->rows);                                                                    \
  } else {                                                                                         \
   for (int k = 0; k < l->w; k++)                                                                  \
    t[k] = start;                                                                                  \
   for (int64_t r = 0; r < l->rows; r++)                                                           \
    for (int k = 0; k < l->w; k++)                                                                 \
     t[k] = op1(t[k], l->x[r * l->w + k]);                                                         \
  }                                                                                                \
  for (int k = 0; k < l->w; k++)                                                                   \
   l->a[k] = into(l->a[k], t[k]);                                                                  \
 }
#define ADD(p, q) ((p) + (q))
#define MAX(p, q) ((q) > (p) ? (q) : (p))
#define MIN(p, q) ((q) < (p) ? (q) : (p))
SIMPLE(sum, FOLD_ADD, add16, add1, 0.0f, ADD)
SIMPLE(max, FOLD_MAX, max16, max1, -INFINITY, MAX)
SIMPLE(min, FOLD_MIN, min16, min1, INFINITY, MIN)

/* Sums of squared deviations from m per lane. */
static void squares_16(float lane[LANES], const float *x, int64_t n, const float m[LANES])
{
    const struct v16 mean = load16(m);
#define FOLD_SQUARE(s, i)                                                                          \
 {                                                                                                 \
  struct v16 t = sub16(load16(x + (i) *LANES), mean);                                              \
  s = add16(s, mul16(t, t));                                                                       \
 }
    ROWS16(fill16(0.0f), FOLD_SQUARE, add16, all)
    store16(lane, all);
}

static float squares_run(const float *x, int64_t n, float mean)
{
    float lane[LANES], m[LANES];
    for (int i = 0; i < LANES; i++)
        m[i] = mean;
    squares_16(lane, x, n / LANES, m);
    for (int64_t i = n / LANES * LANES; i < n; i++)
        lane[i % LANES] += (x[i] - mean) * (x[i] - mean);
    TREE(lane, add1)
    return lane[0];
}

/* Chan, Golub, LeVeque 1979, (2.1): joins what is known with a piece that is looked at twice. */
static void stats(const struct reduce_leaf *l)
{
    float s[REDUCE_WIDE], q[REDUCE_WIDE];
    const double n = (double) l->rows, all = n + (double) l->before;
    const float per = 1.0f / (float) l->rows;
    if (l->w == 1) {
        s[0] = sum_run(l->x, l->rows) * per;
        q[0] = squares_run(l->x, l->rows, s[0]);
    } else if (l->w == LANES) {
        sum_16(s, l->x, l->rows);
        for (int k = 0; k < LANES; k++)
            s[k] *= per;
        squares_16(q, l->x, l->rows, s);
    } else {
        memset(s, 0, sizeof *s * (size_t) l->w);
        memset(q, 0, sizeof *q * (size_t) l->w);
        for (int64_t r = 0; r < l->rows; r++)
            for (int k = 0; k < l->w; k++)
                s[k] += l->x[r * l->w + k];
        for (int k = 0; k < l->w; k++)
            s[k] *= per;
        for (int64_t r = 0; r < l->rows; r++)
            for (int k = 0; k < l->w; k++)
                q[k] += (l->x[r * l->w + k] - s[k]) * (l->x[r * l->w + k] - s[k]);
    }
    for (int k = 0; k < l->w; k++) {
        const double d = (double) s[k] - l->a[k];
        l->b[k] += (double) q[k] + d * d * ((double) l->before * n / all);
        l->a[k] += d * (n / all);
    }
}

static void sums_16(float a[LANES], float b[LANES], const float *x, const float *y, int64_t n,
                    const float m[LANES])
{
    const struct v16 mean = load16(m);
    struct v16 s0 = fill16(0.0f), s1 = s0, t0 = s0, t1 = s0;
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        const struct v16 p = load16(x + i * LANES), q = load16(x + (i + 1) * LANES);
        s0 = add16(s0, p);
        s1 = add16(s1, q);
        t0 = add16(t0, mul16(p, sub16(load16(y + i * LANES), mean)));
        t1 = add16(t1, mul16(q, sub16(load16(y + (i + 1) * LANES), mean)));
    }
    for (; i < n; i++) {
        const struct v16 p = load16(x + i * LANES);
        s0 = add16(s0, p);
        t0 = add16(t0, mul16(p, sub16(load16(y + i * LANES), mean)));
    }
    store16(a, add16(s0, s1));
    store16(b, add16(t0, t1));
}

static void sums(const struct reduce_leaf *l)
{
    float a[REDUCE_WIDE], b[REDUCE_WIDE], m[LANES];
    if (l->w == 1) {
        const int64_t n = l->rows / LANES;
        for (int i = 0; i < LANES; i++)
            m[i] = l->mean[0];
        sums_16(a, b, l->x, l->y, n, m);
        for (int64_t i = n * LANES; i < l->rows; i++) {
            a[i % LANES] += l->x[i];
            b[i % LANES] += l->x[i] * (l->y[i] - m[0]);
        }
        TREE(a, add1)
        TREE(b, add1)
    } else if (l->w == LANES) {
        sums_16(a, b, l->x, l->y, l->rows, l->mean);
    } else {
        memset(a, 0, sizeof *a * (size_t) l->w);
        memset(b, 0, sizeof *b * (size_t) l->w);
        for (int64_t r = 0; r < l->rows; r++)
            for (int k = 0; k < l->w; k++) {
                const float p = l->x[r * l->w + k];
                a[k] += p;
                b[k] += p * (l->y[r * l->w + k] - l->mean[k]);
            }
    }
    for (int k = 0; k < l->w; k++)
        l->a[k] += a[k], l->b[k] += b[k];
}

const struct reduce_loops CPU_TABLE(reduce_loops) = { sum, max, min, stats, sums };
