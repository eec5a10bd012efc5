/* SPDX-License-Identifier: MIT */
/* Winograd convolution over the points 0, 1, -1, 2, -2, infinity (Lavin and Gray, 2016) on a processor: one work-item is a task of
 * winograd_plan.h, or, DW, of the gradient of the weights, of dw_plan.h. ENTER, MULTIPLY, LEAVE: what it does of a task; not all of
 * it where tasks go in waves, whose transforms are in global memory. M x M: outputs of a tile; PANELS: blocks of channels beside
 * each other; T: tiles whose sums are in registers; RUN: blocks of channels of one sum; STRIP: of DW, channels of x whose sums are
 * in registers. */
#define ALL(k) (float16)(k)
#define WHOLE (ENTER && LEAVE)
#if WHOLE || DW
# define NEAR __local
#else
# define NEAR __global
#endif

#if !DW
/* Planes, rows and columns of tiles of a task. */
struct FN(part) { int g0, g1, i0, i1, j0, j1; };
INL struct FN(part) FN(part_of)(const int task, const int bands, const int pieces, const int planes, const int rows, const int cols,
                                const int all, const int th, const int tw)
{
    struct FN(part) q;
    q.g0 = task / (bands * pieces) * planes, q.g1 = min(q.g0 + planes, all);
    q.i0 = task / pieces % bands * rows, q.i1 = min(q.i0 + rows, th);
    q.j0 = task % pieces * cols, q.j1 = min(q.j0 + cols, tw);
    return q;
}
#endif

#if ENTER

/* B^T a */
INL void FN(enter)(const float16 *a, float16 *y)
{
    const float16 p = fma(ALL(-4.0f), a[2], a[4]), q = fma(ALL(-4.0f), a[1], a[3]), r = a[4] - a[2], t = a[3] - a[1];
    y[0] = fma(ALL(4.0f), a[0], fma(ALL(-5.0f), a[2], a[4]));
    y[1] = p + q;
    y[2] = p - q;
    y[3] = fma(ALL(2.0f), t, r);
    y[4] = fma(ALL(-2.0f), t, r);
    y[5] = fma(ALL(4.0f), a[1], fma(ALL(-5.0f), a[3], a[5]));
}

/* The 16 channels from float `at` of the input on. */
# undef REAL
# define REAL float16
INL float16 FN(pixel)(const int at, const int c, const int channels IN_FORMAL)
{
# if COMPUTED
    float16 x;
    X_LANES(c, channels)
    X(x, at)
    return RAGGED_IN ? ocl_used(x, c, channels) : x;
# else
    return vload16(0, in + at);
# endif
}
# undef REAL
# define REAL float

/* One tile of one block, whose first pixel is (y, x) of the plane at float `at`. */
INL void FN(tile)(const int at, const int c, const int channels, const int y, const int x, const int h, const int w,
                  const int dil, NEAR float *v, const int v_step IN_FORMAL)
{
    for (int r = 0; r < 6; r++) {
        const int row = y + r * dil;
        float16 a[6], to[6];
        if (row >= 0 && row < h && x >= 0 && x + 5 * dil < w) {
# pragma unroll
            for (int i = 0; i < 6; i++)
                a[i] = FN(pixel)(at + (row * w + x + i * dil) * 16, c, channels IN_ACTUAL);
        } else {
# pragma unroll
            for (int i = 0; i < 6; i++) {
                const int col = x + i * dil, near = clamp(col, 0, w - 1);
                const float16 p = FN(pixel)(at + (clamp(row, 0, h - 1) * w + near) * 16, c, channels IN_ACTUAL);
                a[i] = row >= 0 && row < h && col == near ? p : ALL(0.0f);
            }
        }
        FN(enter)(a, to);
# pragma unroll
        for (int i = 0; i < 6; i++)
            vstore16(to[i], 0, v + (r * 6 + i) * v_step);
    }
    for (int i = 0; i < 6; i++) {
        float16 a[6], to[6];
# pragma unroll
        for (int r = 0; r < 6; r++)
            a[r] = vload16(0, v + (r * 6 + i) * v_step);
        FN(enter)(a, to);
# pragma unroll
        for (int r = 0; r < 6; r++)
            vstore16(to[r], 0, v + (r * 6 + i) * v_step);
    }
}

# if !DW
/* All tiles of a task, of one block, and zeros up to `room` of them. */
INL void FN(enter_all)(const struct FN(part) q, const int cb, const int c_blocks, const int ic, const int ih, const int iw,
                       const int dil, const int top, const int left, const int room, NEAR float *v, const int v_step IN_FORMAL)
{
    int n = 0;
    for (int g = q.g0; g < q.g1; g++)
        for (int i = q.i0; i < q.i1; i++)
            for (int j = q.j0; j < q.j1; j++, n++)
                FN(tile)((g / dil / dil * c_blocks + cb) * ih * iw * 16, cb * 16, ic, g / dil % dil + i * M * dil - top,
                         g % dil + j * M * dil - left, ih, iw, dil, v + n * 16, v_step IN_ACTUAL);
    for (; n < room; n++)
        for (int f = 0; f < 36; f++)
            vstore16(ALL(0.0f), 0, v + f * v_step + n * 16);
}
# endif
#endif

#if MULTIPLY
/* Sums over all channels for T tiles, RUN blocks of them at a time. */
INL void FN(multiply)(NEAR const float *v, const int v_block, const int c_blocks, __global const float *u, const int u_panel,
                      NEAR float *to, const int to_panel)
{
    for (int begin = 0; begin < c_blocks; begin += RUN) {
        float16 acc[T * PANELS];
# pragma unroll
        for (int i = 0; i < T * PANELS; i++)
            acc[i] = ALL(0.0f);
        for (int cb = begin; cb < min(begin + RUN, c_blocks); cb++, v += v_block)
            for (int c = 0; c < 16; c++, u += 16) {
                float16 w[PANELS];
# pragma unroll
                for (int k = 0; k < PANELS; k++)
                    w[k] = vload16(0, u + k * u_panel);
# pragma unroll
                for (int i = 0; i < T; i++) {
                    const float16 a = (float16)(v[i * 16 + c]);
# pragma unroll
                    for (int k = 0; k < PANELS; k++)
                        acc[i * PANELS + k] = fma(a, w[k], acc[i * PANELS + k]);
                }
            }
# pragma unroll
        for (int i = 0; i < T * PANELS; i++) {
            NEAR float *y = to + i % PANELS * to_panel;
            vstore16(begin ? vload16(i / PANELS, y) + acc[i] : acc[i], i / PANELS, y);
        }
    }
}

/* The tiles of a task, of one frequency. */
INL void FN(multiply_all)(const int tiles, NEAR const float *v, const int block, const int c_blocks, __global const float *u,
                          const int u_panel, NEAR float *m)
{
    for (int t = 0; t < tiles; t += T) {
        const int from = max(0, min(t, tiles - T)) * 16;
        FN(multiply)(v + from, block, c_blocks, u, u_panel, m + from, block);
    }
}
#endif

#if LEAVE
/* A^T a */
INL void FN(leave)(const float16 *a, float16 *y)
{
    const float16 e = a[1] + a[2], o = a[1] - a[2], e2 = a[3] + a[4], o2 = a[3] - a[4];
    y[0] = a[0] + (e + e2);
    y[1] = fma(ALL(2.0f), o2, o);
#if M == 4
    y[2] = fma(ALL(4.0f), e2, e);
    y[3] = fma(ALL(8.0f), o2, o);
#endif
    y[M - 1] += a[5];
}

/* One tile of one block of the result: `rows` x `cols` places from pixel `at` of all on. */
INL void FN(result)(NEAR const float *m, const int m_step, const int at, const int c0, const int oc, const int row,
                    const int col, const int rows, const int cols EPI_FORMAL)
{
    float16 mid[6 * M];
    for (int i = 0; i < 6; i++) {
        float16 a[6], to[M];
# pragma unroll
        for (int k = 0; k < 6; k++)
            a[k] = vload16(0, m + (k * 6 + i) * m_step);
        FN(leave)(a, to);
# pragma unroll
        for (int k = 0; k < M; k++)
            mid[k * 6 + i] = to[k];
    }
    for (int r = 0; r < rows; r++) {
        float16 a[6], to[M];
        float value[M * 16];
# pragma unroll
        for (int k = 0; k < 6; k++)
            a[k] = mid[r * 6 + k];
        FN(leave)(a, to);
# pragma unroll
        for (int k = 0; k < M; k++)
            vstore16(to[k], k, value);
        for (int k = 0; k < cols; k++) {
            const int place = (at + r * row + k * col) * 16;
# if PLAIN
            vstore16(vload16(k, value), 0, out0 + place);
# else
#  pragma clang loop vectorize(assume_safety)
            for (int lane = 0; lane < 16; lane++) {
                const int p = place + lane, c = RAGGED ? min(c0 + lane, oc - 1) : c0 + lane;
                EPI(value[k * 16 + lane])
            }
#  if RAGGED
            for (int lane = max(0, oc - c0); lane < 16; lane++) {
                const int p = place + lane;
                EPI_ZERO
            }
#  endif
# endif
        }
    }
}

/* All tiles of a task, of one block. */
INL void FN(leave_all)(const struct FN(part) q, const int kb, const int k_blocks, const int oc, const int oh, const int ow,
                       const int dil, NEAR const float *m, const int m_step EPI_FORMAL)
{
    for (int g = q.g0; g < q.g1; g++)
        for (int i = q.i0; i < q.i1; i++)
            for (int j = q.j0; j < q.j1; j++, m += 16) {
                const int y = g / dil % dil + i * M * dil, x = g % dil + j * M * dil;
                FN(result)(m, m_step, (g / dil / dil * k_blocks + kb) * oh * ow + y * ow + x, kb * 16, oc, dil * ow, dil,
                           min(M, (oh - y + dil - 1) / dil), min(M, (ow - x + dil - 1) / dil) EPI_ACTUAL);
            }
}

/* What was stored of a task and block: whole rows of planes that are images. */
# define TAILS(q, kb)                                                                                                              \
    for (int g = q.g0; g < q.g1; g++) {                                                                                            \
        const int begin = q.i0 * M, some = min(q.i1 * M, oh) - begin;                                                              \
        TAIL_TAKE(out0, (((g * k_blocks + (kb)) * oh + begin) * ow) * 16, some * ow, (kb) * 16, oc,                                \
                  (g * bands + q.i0 / rows) * k_blocks + (kb))                                                                     \
    }
#endif

#if WHOLE
KERNEL(winograd)(IN(float, u), __local float *v, const int ih, const int iw, const int oh, const int ow, const int dil,
                 const int top, const int left, const int ic, const int oc, const int all, const int planes, const int rows,
                 const int cols, const int bands, const int pieces, const int th, const int tw, const int chunk, const int v_step,
                 const int m_step IN_PARAMS TAIL_PARAMS EPI_PARAMS)
{
    OPEN_IN(float, u)
    IN_OPEN
    TAIL_OPEN
    EPI_OPEN
    const int c_blocks = (ic + 15) / 16, k_blocks = (oc + 15) / 16, u_floats = 36 * c_blocks * 256, block = chunk * 16;
    const struct FN(part) q = FN(part_of)((int) get_group_id(0), bands, pieces, planes, rows, cols, all, th, tw);
    const int tiles = (q.g1 - q.g0) * (q.i1 - q.i0) * (q.j1 - q.j0);
    __local float *m = v + 36 * v_step;
    for (int cb = 0; cb < c_blocks; cb++)
        FN(enter_all)(q, cb, c_blocks, ic, ih, iw, dil, top, left, T, v + cb * block, v_step IN_ACTUAL);
    for (int kb = 0; kb < k_blocks; kb += PANELS) {
        for (int f = 0; f < 36; f++)
            FN(multiply_all)(tiles, v + f * v_step, block, c_blocks, u + kb * u_floats + f * c_blocks * 256, u_floats,
                             m + f * m_step);
        for (int k = 0; k < PANELS; k++) {
            FN(leave_all)(q, kb + k, k_blocks, oc, oh, ow, dil, m + k * block, m_step EPI_ACTUAL);
            TAILS(q, kb + k)
        }
    }
}
#elif ENTER && !DW
/* v: [frequency][task][block of channels][tile][16] */
KERNEL(winograd)(OUT(float, v), const int ih, const int iw, const int dil, const int top, const int left, const int ic,
                 const int all, const int planes, const int rows, const int cols, const int bands, const int pieces, const int th,
                 const int tw, const int chunk, const int v_step, const int first IN_PARAMS)
{
    OPEN_OUT(float, v)
    IN_OPEN
    const int cb = (int) get_group_id(0), t = (int) get_group_id(1), c_blocks = (ic + 15) / 16;
    const struct FN(part) q = FN(part_of)(first + t, bands, pieces, planes, rows, cols, all, th, tw);
    FN(enter_all)(q, cb, c_blocks, ic, ih, iw, dil, top, left, chunk, v + (t * c_blocks + cb) * chunk * 16, v_step IN_ACTUAL);
}
#elif MULTIPLY
/* m: as v, of the result. */
KERNEL(winograd)(IN(float, u), IN(float, v), OUT(float, m), const int c_blocks, const int k_blocks, const int chunk,
                 const int tasks, const int v_step, const int m_step)
{
    OPEN_IN(float, u)
    OPEN_IN(float, v)
    OPEN_OUT(float, m)
    const int kb = (int) get_group_id(0) * PANELS, f = (int) get_group_id(1), u_floats = 36 * c_blocks * 256, block = chunk * 16;
    for (int t = 0; t < tasks; t++)
        FN(multiply_all)(chunk, v + f * v_step + t * c_blocks * block, block, c_blocks, u + kb * u_floats + f * c_blocks * 256,
                         u_floats, m + f * m_step + (t * k_blocks + kb) * block);
}
#elif LEAVE
KERNEL(winograd)(IN(float, m), const int oh, const int ow, const int dil, const int oc, const int all, const int planes,
                 const int rows, const int cols, const int bands, const int pieces, const int th, const int tw, const int chunk,
                 const int m_step, const int first TAIL_PARAMS EPI_PARAMS)
{
    OPEN_IN(float, m)
    TAIL_OPEN
    EPI_OPEN
    const int kb = (int) get_group_id(0), t = (int) get_group_id(1), k_blocks = (oc + 15) / 16;
    const struct FN(part) q = FN(part_of)(first + t, bands, pieces, planes, rows, cols, all, th, tw);
    FN(leave_all)(q, kb, k_blocks, oc, oh, ow, dil, m + (t * k_blocks + kb) * chunk * 16, m_step EPI_ACTUAL);
    TAILS(q, kb)
}
#endif

#if DW
/* A a, of M gradients */
INL void FN(spread)(const float16 *a, float16 *y)
{
#if M == 4
    const float16 even = a[0] + a[2], odd = a[1] + a[3], even2 = fma(ALL(4.0f), a[2], a[0]), odd2 = fma(ALL(4.0f), a[3], a[1]);
#else
    const float16 even = a[0], odd = a[1], even2 = a[0], odd2 = a[1];
#endif
    y[0] = a[0];
    y[1] = even + odd;
    y[2] = even - odd;
    y[3] = fma(ALL(2.0f), odd2, even2);
    y[4] = fma(ALL(-2.0f), odd2, even2);
    y[5] = a[M - 1];
}

/* One tile of one block of dy, of which rows x cols pixels are there. */
INL void FN(grad)(__global const float *dy, const int row, const int col, const int rows, const int cols, __local float *d,
                  const int d_step)
{
    float16 from[M * M], mid[6 * M];
    if (rows >= M && cols >= M) {
# pragma unroll
        for (int i = 0; i < M * M; i++)
            from[i] = vload16(0, dy + i / M * row + i % M * col);
    } else {
# pragma unroll 1
        for (int i = 0; i < M * M; i++)
            from[i] = i / M < rows && i % M < cols ? vload16(0, dy + i / M * row + i % M * col) : ALL(0.0f);
    }
    for (int j = 0; j < M; j++) {
        float16 a[M], to[6];
# pragma unroll
        for (int i = 0; i < M; i++)
            a[i] = from[i * M + j];
        FN(spread)(a, to);
# pragma unroll
        for (int i = 0; i < 6; i++)
            mid[i * M + j] = to[i];
    }
    for (int i = 0; i < 6; i++) {
        float16 to[6];
        FN(spread)(mid + i * M, to);
# pragma unroll
        for (int j = 0; j < 6; j++)
            vstore16(to[j], 0, d + (i * 6 + j) * d_step);
    }
}

/* u[channel of x][16] += sum over n tiles; set, not added to, if first. */
INL void FN(strip)(__local const float *v, __local const float *d, const int d_block, const int n, const int first,
                   __global float *u, const int u_block)
{
    float16 acc[STRIP * PANELS];
# pragma unroll
    for (int i = 0; i < STRIP * PANELS; i++)
        acc[i] = first ? ALL(0.0f) : vload16(i / PANELS, u + i % PANELS * u_block);
    for (int t = 0; t < n; t++, v += 16, d += 16) {
        float16 g[PANELS];
# pragma unroll
        for (int k = 0; k < PANELS; k++)
            g[k] = vload16(0, d + k * d_block);
# pragma unroll
        for (int i = 0; i < STRIP; i++) {
            const float16 a = (float16)(v[i]);
# pragma unroll
            for (int k = 0; k < PANELS; k++)
                acc[i * PANELS + k] = fma(a, g[k], acc[i * PANELS + k]);
        }
    }
# pragma unroll
    for (int i = 0; i < STRIP * PANELS; i++)
        vstore16(acc[i], i / PANELS, u + i % PANELS * u_block);
}

/* u: [slot][part of x][part of dy][frequency], u_step floats each: [block of dy][channel of x][16]. */
KERNEL(winograd)(IN(float, dy), OUT(float, u), __local float *v, const int ih, const int iw, const int oh, const int ow,
                 const int dil, const int top, const int left, const int ic, const int c_blocks, const int k_blocks,
                 const int c_part, const int k_part, const int k_parts, const int th, const int tw, const int slot_tiles,
                 const int more_slots, const int chunk, const int v_step, const int d_step, const int u_step IN_PARAMS)
{
    OPEN_IN(float, dy)
    OPEN_OUT(float, u)
    IN_OPEN
    const int part = (int) get_group_id(0), slot = (int) get_group_id(1);
    const int c0 = part / k_parts * c_part, c1 = min(c0 + c_part, c_blocks);
    const int k0 = part % k_parts * k_part, k1 = min(k0 + k_part, k_blocks), u_block = (c1 - c0) * 256;
    const int begin = slot_tiles * slot + min(more_slots, slot), end = begin + slot_tiles + (slot < more_slots);
    __local float *d = v + 36 * v_step;
    u += (slot * (int) get_num_groups(0) + part) * 36 * u_step;
    for (int t0 = begin; t0 < end; t0 += chunk) {
        const int n = min(chunk, end - t0);
        for (int t = 0; t < n; t++) {
            const int row = (t0 + t) / tw, j = (t0 + t) % tw, g = row / th, i = row % th, image = g / dil / dil;
            const int y = g / dil % dil + i * M * dil, x = g % dil + j * M * dil;
            for (int cb = c0; cb < c1; cb++)
                FN(tile)((image * c_blocks + cb) * ih * iw * 16, cb * 16, ic, y - top, x - left, ih, iw, dil,
                         v + ((cb - c0) * chunk + t) * 16, v_step IN_ACTUAL);
            for (int kb = k0; kb < k1; kb++)
                FN(grad)(dy + ((image * k_blocks + kb) * oh * ow + y * ow + x) * 16, dil * ow * 16, dil * 16,
                         (oh - y + dil - 1) / dil, (ow - x + dil - 1) / dil, d + ((kb - k0) * chunk + t) * 16, d_step);
        }
        for (int f = 0; f < 36; f++)
            for (int kb = 0; kb < k1 - k0; kb += PANELS)
                for (int c = 0; c < (c1 - c0) * 16; c += STRIP)
                    FN(strip)(v + f * v_step + (c >> 4) * chunk * 16 + (c & 15), d + f * d_step + kb * chunk * 16, chunk * 16, n,
                              t0 == begin, u + f * u_step + kb * u_block + c * 16, u_block);
    }
}
#endif

#undef ALL
#undef WHOLE
#undef NEAR
#undef TAILS
