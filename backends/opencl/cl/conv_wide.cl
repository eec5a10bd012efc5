/* SPDX-License-Identifier: MIT */
/* Convolution on a processor (conv_plan.h): one work-item is a task, a band of rows of one image (MODE BLOCK, FEW) or some
 * images (MODE OUTER, the gradient of the weights). */
#define BLOCK 1
#define FEW 2
#define OUTER 3
#if LOCAL
# define TMP __local
# define TMP_PARAM __local float *tmp
# define TMP_OPEN
#else
# define TMP __global
# define TMP_PARAM OUT(float, tmp), const int tmp_size
# define TMP_OPEN OPEN_OUT(float, tmp) \
    tmp += (int) ((get_group_id(2) * get_num_groups(1) + get_group_id(1)) * get_num_groups(0) + get_group_id(0)) * tmp_size;
#endif
#if COPIED
# define FROM TMP
#else
# define FROM __global
#endif

/* `n` floats, whole places. */
INL void FN(clear)(TMP float *to, const int n)
{
#if UNIT == 16
    for (int i = 0; i < n; i += 16)
        vstore16((float16)(0.0f), 0, to + i);
#else
    for (int i = 0; i < n; i++)
        to[i] = 0.0f;
#endif
}

/* A row of scratch whose first column is column `begin` of the image's row that lies at float `row`; c: its first channel. */
#undef REAL
#define REAL float16
INL void FN(copy_row)(const int row, const int c, const int channels, const int begin, const int w, const int is,
                      const int cols, TMP float *to IN_FORMAL)
{
    const int lo = min(begin < 0 ? (is - 1 - begin) / is : 0, cols);
    const int hi = clamp(w > begin ? (w - begin + is - 1) / is : 0, lo, cols);
#if COMPUTED
    X_LANES(c, channels)
#endif
    FN(clear)(to, lo * UNIT);
    FN(clear)(to + hi * UNIT, (cols - hi) * UNIT);
    for (int q = lo; q < hi; q++) {
#if COMPUTED
        const int at = row + (begin + q * is) * 16;
        float16 x;
        X(x, at)
        vstore16(RAGGED_IN ? ocl_used(x, c, channels) : x, 0, to + q * 16);
#elif UNIT == 16
        vstore16(vload16(begin + q * is, in + row), 0, to + q * 16);
#else
        to[q] = in[row + (begin + q * is) * IN_STEP];
#endif
    }
}
#undef REAL
#define REAL float

/* One plane of the image, split by the remainders of row and column. */
INL void FN(copy_plane)(const int x, const int c, const int channels, const int h, const int w, const int is, const int top,
                        const int left, const int rows, const int cols, __global const int *uses, TMP float *to IN_FORMAL)
{
    for (int a = 0; a < is; a++)
        for (int b = 0; b < is; b++) {
            if (!uses[a] || !uses[is + b])
                continue;
            TMP float *at = to + (a * is + b) * rows * cols * UNIT;
            for (int r = 0; r < rows; r++, at += cols * UNIT) {
                const int y = r * is + a - top;
                if (y < 0 || y >= h)
                    FN(clear)(at, cols * UNIT);
                else
                    FN(copy_row)(x + y * w * IN_STEP, c, channels, b - left, w, is, cols, at IN_ACTUAL);
            }
        }
}

/* Channels (blocks) [first, first + planes) of image n. */
INL void FN(copy)(const int n, const int ic, const int h, const int w, const int first, const int planes, const int is,
                  const int top, const int left, const int rows, const int cols, __global const int *uses,
                  TMP float *to IN_FORMAL)
{
    for (int p = first; p < first + planes; p++, to += is * is * rows * cols * UNIT) {
#if UNIT == 16
        const int x = (n * ((ic + 15) >> 4) + p) * h * w * 16;
#elif IN_STEP == 16
        const int x = (n * ((ic + 15) >> 4) + (p >> 4)) * h * w * 16 + (p & 15);
#else
        const int x = (n * ic + p) * h * w;
#endif
        FN(copy_plane)(x, p * 16, ic, h, w, is, top, left, rows, cols, uses, to IN_ACTUAL);
    }
}

#if MODE == BLOCK
# if PLAIN
#  define TO __global
# else
#  define TO TMP
# endif
/* Place i of a tile: ROWS rows of COLS neighbours. */
# define X_AT(i) ((i) / COLS * x_gap + (i) % COLS * UNIT)
# define Y_AT(i) ((i) / COLS * y_gap + (i) % COLS * y_step)
INL void FN(tile)(const FROM float *x, const int x_gap, __global const int *off, const int n, __global const float *b,
                  const int b_gap, TO float *y, const int y_step, const int y_gap, const int y_panel)
{
    float16 acc[ROWS * COLS * PANELS];
# pragma unroll
    for (int i = 0; i < ROWS * COLS * PANELS; i++)
        acc[i] = (float16)(0.0f);
    for (int q = 0; q < n; q++, b += 16) {
        const FROM float *p = x + off[q];
# if DEPTH
        const float16 w = vload16(0, b);
#  pragma unroll
        for (int i = 0; i < ROWS * COLS; i++)
            acc[i] = fma(vload16(0, p + X_AT(i)), w, acc[i]);
# else
        float16 w[PANELS];
#  pragma unroll
        for (int v = 0; v < PANELS; v++)
            w[v] = vload16(0, b + v * b_gap);
#  pragma unroll
        for (int i = 0; i < ROWS * COLS; i++) {
            const float16 a = (float16)(p[X_AT(i)]);
#  pragma unroll
            for (int v = 0; v < PANELS; v++)
                acc[i * PANELS + v] = fma(a, w[v], acc[i * PANELS + v]);
        }
# endif
    }
# pragma unroll
    for (int i = 0; i < ROWS * COLS * PANELS; i++)
        vstore16(acc[i], 0, y + Y_AT(i / PANELS) + i % PANELS * y_panel);
}

/* One place. */
INL void FN(one)(const FROM float *x, __global const int *off, const int n, __global const float *b, const int b_gap,
                 TO float *y, const int y_panel)
{
    for (int v = 0; v < PANELS; v++) {
        float16 acc = (float16)(0.0f);
        for (int q = 0; q < n; q++)
# if DEPTH
            acc = fma(vload16(0, x + off[q]), vload16(q, b + v * b_gap), acc);
# else
            acc = fma((float16)(x[off[q]]), vload16(q, b + v * b_gap), acc);
# endif
        vstore16(acc, 0, y + v * y_panel);
    }
}

/* `rows` rows of one phase. Tiles go over places done already where they do not divide. */
INL void FN(sweep)(const int rows, const int cols, const FROM float *x, const int x_row, __global const int *off, const int n,
                   __global const float *b, const int b_gap, TO float *y, const int y_step, const int y_row, const int y_panel)
{
    const int x_gap = rows == ROWS ? x_row : 0, y_gap = rows == ROWS ? y_row : 0;
    for (int i = 0; i < cols && cols >= COLS; i += COLS) {
        const int c = min(i, cols - COLS);
        FN(tile)(x + c * UNIT, x_gap, off, n, b, b_gap, y + c * y_step, y_step, y_gap, y_panel);
    }
    for (int r = 0; r < rows && cols < COLS; r++)
        for (int c = 0; c < cols; c++)
            FN(one)(x + r * x_row + c * UNIT, off, n, b, b_gap, y + r * y_row + c * y_step, y_panel);
}

KERNEL(conv_wide)(IN(float, packed), TABLE(int, off), TABLE(int, plan), TMP_PARAM, const int copy_size,
                  const int ic, const int ih, const int iw, const int oc, const int oh, const int ow, const int out_plane,
                  const int is, const int os, const int top, const int left, const int pr, const int pc, const int n_phase,
                  const int blocks, const int per, const int parts, const int band, const int rows, const int cols,
                  const int limit, const int in_planes, const int planes IN_PARAMS TAIL_PARAMS EPI_PARAMS)
{
    IN_OPEN
    TAIL_OPEN
    OPEN_IN(float, packed)
    TMP_OPEN
    EPI_OPEN
    __global const int *uses = plan + parts, *panel = uses + 2 * is, *phase = panel + 3 * n_phase * blocks;
    const int part = (int) get_group_id(0), i0 = (int) get_group_id(1) * band, n = (int) get_group_id(2);
    const int i1 = min(i0 + band, rows), last = min((part + 1) * per, blocks), row = os * ow * 16;
# if COPIED
    FN(copy)(n, ic, ih, iw, plan[part], min(in_planes, planes - plan[part]), is, top - i0 * is, left, pr, pc, uses, tmp IN_ACTUAL);
    const TMP float *x0 = tmp;
# else
    __global const float *x0 = in + ((n * planes + plan[part]) * ih * iw + i0 * pc) * 16;
# endif
    for (int kb = part * per; kb < last; kb += PANELS) {
        for (int i = i0; i < i1; i += ROWS) {
            const int at = (n * blocks + kb) * out_plane + i * os * ow;
# if PLAIN
            __global float *y0 = out0 + at * 16;
            const int y_panel = out_plane * 16;
# else
            TMP float *y0 = tmp + copy_size;
            const int y_panel = ROWS * row;
# endif
            for (int f = 0; f < n_phase; f++) {
                __global const int *ph = phase + 7 * f, *pa = panel + 3 * (f * blocks + kb), *dh = plan + ph[6];
                const int some = min(min(ROWS, i1 - i), ph[2] - i), n_tap = ph[4], across = ph[5];
                const int each = n_tap ? pa[0] / n_tap * across : 0;
                int lo = 0, hi = n_tap / max(across, 1);
# if COPIED
                /* Rows of taps that no place here sees would only add zeros. */
                while (lo < hi && (i * is + dh[lo] - top + (some - 1) * is < 0 || i * is + dh[lo] - top >= ih))
                    lo++;
                while (lo < hi && (i * is + dh[hi - 1] - top + (some - 1) * is < 0 || i * is + dh[hi - 1] - top >= ih))
                    hi--;
# endif
                const FROM float *x = x0 + (i - i0) * pc * UNIT;
                __global const int *o = off + pa[1] + lo * each;
                __global const float *b = packed + pa[2] + lo * each * 16;
                TO float *y = y0 + (ph[0] * ow + ph[1]) * 16;
                const int terms = (hi - lo) * each, wide = min(ph[3], limit - i * cols);
                if (some > 0)
                    FN(sweep)(some, wide, x, pc * UNIT, o, terms, b, pa[0] * 16, y, os * 16, row, y_panel);
            }
# if !PLAIN
            const int pixels = min(min(i + ROWS, i1) * os * ow, out_plane) - i * os * ow;
            for (int v = 0; v < PANELS; v++)
                for (int k = 0; k < pixels; k++) {
                    const int place = (at + v * out_plane + k) * 16, c0 = (kb + v) * 16;
                    const TMP float *acc = y0 + v * y_panel + k * 16;
#  pragma clang loop vectorize(assume_safety)
                    for (int lane = 0; lane < 16; lane++) {
                        const int p = place + lane, c = RAGGED ? min(c0 + lane, oc - 1) : c0 + lane;
                        EPI(acc[lane])
                    }
#  if RAGGED
                    for (int lane = oc - c0; lane < 16; lane++) {
                        const int p = place + lane;
                        EPI_ZERO
                    }
#  endif
                }
# endif
        }
        const int begin = i0 * os * ow, some = min((i1 - i0) * os * ow, out_plane - begin);
        for (int v = 0; v < PANELS; v++) {
            TAIL_TAKE(out0, ((n * blocks + kb + v) * out_plane + begin) * 16, some, (kb + v) * 16, oc,
                      (n * (int) get_num_groups(1) + (int) get_group_id(1)) * blocks + kb + v)
        }
    }
}
# undef TO
# undef X_AT
# undef Y_AT
#endif

#if MODE == FEW
/* Sixteen neighbouring places from each of four x, for K channels. */
INL void FN(few)(const TMP float *const *x, __global const int *off, const int n, __global const float *b, const int valid,
                    float16 *acc)
{
# pragma unroll
    for (int i = 0; i < K * 4; i++)
        acc[i] = (float16)(0.0f);
    for (int q = 0; q < n; q++, b += 16) {
        const int o = off[q];
        float16 a[4];
# pragma unroll
        for (int i = 0; i < 4; i++)
            a[i] = vload16(0, x[i] + o);
# pragma unroll
        for (int i = 0; i < K * 4; i++)
            acc[i] = fma(a[i % 4], (float16)(b[min(i / 4, valid)]), acc[i]);
    }
}

KERNEL(conv_wide)(IN(float, packed), TABLE(int, off), TABLE(int, plan), TMP_PARAM, const int copy_size,
                  const int ic, const int ih, const int iw, const int oc, const int oh, const int ow, const int out_plane,
                  const int is, const int os, const int top, const int left, const int pr, const int pc, const int n_phase,
                  const int blocks, const int per, const int parts, const int band, const int rows, const int cols,
                  const int limit, const int in_planes, const int planes IN_PARAMS TAIL_PARAMS EPI_PARAMS)
{
    IN_OPEN
    OPEN_IN(float, packed)
    TMP_OPEN
    EPI_OPEN
    __global const int *uses = plan + parts, *panel = uses + 2 * is, *phase = panel + 3 * n_phase * blocks;
    const int i0 = (int) get_group_id(1) * band, n = (int) get_group_id(2), i1 = min(i0 + band, rows);
    const int begin = i0 * os * ow, pixels = min(i1 * os, oh) * ow - begin, plane = band * os * ow;
    TMP float *y = tmp + copy_size;
    FN(copy)(n, ic, ih, iw, 0, planes, is, top - i0 * is, left, pr, pc, uses, tmp IN_ACTUAL);
    /* The last vectors end past the last place. */
    FN(clear)(tmp + planes * is * is * pr * pc, copy_size - planes * is * is * pr * pc);
    for (int k0 = 0; k0 < oc; k0 += K)
        for (int f = 0; f < n_phase; f++) {
            __global const int *ph = phase + 7 * f, *pa = panel + 3 * (f * blocks + (k0 >> 4));
            const int all = (min(i1, ph[2]) - i0) * ((ph[3] + 15) >> 4);
            for (int at = 0, r = 0, q = 0; at < all; at += 4) {
                const TMP float *x[4];
                TMP float *to[4];
                int left[4];
                float16 acc[4 * K];
# pragma unroll
                for (int i = 0; i < 4; i++) {
                    x[i] = tmp + r * pc + q;
                    to[i] = y + (r * os + ph[0]) * ow + ph[1] + q * os;
                    left[i] = ph[3] - q;
                    if (at + i + 1 < all) {
                        r = left[i] > 16 ? r : r + 1;
                        q = left[i] > 16 ? q + 16 : 0;
                    }
                }
                FN(few)(x, off + pa[1], pa[0], packed + pa[2] + (k0 & 15), min(K, oc - k0) - 1, acc);
# pragma unroll
                for (int i = 0; i < 4 * K; i++) {
                    TMP float *z = to[i % 4] + min(k0 + i / 4, oc - 1) * plane;
                    if (os == 1 && left[i % 4] >= 16) {
                        vstore16(acc[i], 0, z);
                    } else {
                        float lane[16];
                        vstore16(acc[i], 0, lane);
                        for (int v = 0; v < min(16, left[i % 4]); v++)
                            z[v * os] = lane[v];
                    }
                }
            }
        }
# if OUT_ROW
    for (int c = 0; c < oc; c++)
#  pragma clang loop vectorize(assume_safety)
        for (int i = 0; i < pixels; i++) {
            const int p = (n * oc + c) * out_plane + begin + i;
            EPI(y[c * plane + i])
        }
# else
    for (int i = 0; i < pixels; i++) {
        for (int c = 0; c < oc; c++) {
            const int p = (n * out_plane + begin + i) * 16 + c;
            EPI(y[c * plane + i])
        }
        for (int c = oc; c < 16; c++) {
            const int p = (n * out_plane + begin + i) * 16 + c;
            EPI_ZERO
        }
    }
# endif
}
#endif

#if MODE == OUTER
# define BY_ROWS (COPIED && UNIT == 16 && !DEPTH)
# if OUT_ROW
#  define OF_DY TMP
# else
#  define OF_DY __global
# endif
/* b[q][16] += x[off[q] + place] * dy[place][16] for TERMS terms, of which `valid` count. */
INL void FN(outer)(const FROM float *x, const int x_image, const int x_gap, __global const int *off, const int valid,
                      const OF_DY float *dy, const int dy_image, const int dy_gap, const int dy_panel, const int images,
                      const int rows, const int cols, __global float *b, const int b_panel)
{
    float16 acc[TERMS * PANELS];
    int o[TERMS];
# pragma unroll
    for (int i = 0; i < TERMS; i++)
        o[i] = RUN ? off[0] + i : off[min(i, valid - 1)];
# pragma unroll
    for (int i = 0; i < TERMS * PANELS; i++)
        acc[i] = vload16(0, b + min(i / PANELS, valid - 1) * 16 + i % PANELS * b_panel);
    for (int image = 0; image < images; image++)
        for (int row = 0; row < rows; row++) {
            const FROM float *p = x + image * x_image + row * x_gap;
            const OF_DY float *g = dy + image * dy_image + row * dy_gap;
            for (int c = 0; c < cols; c++, p += UNIT, g += 16) {
                float16 d[PANELS];
# pragma unroll
                for (int v = 0; v < PANELS; v++)
                    d[v] = vload16(0, g + v * dy_panel);
# pragma unroll
                for (int i = 0; i < TERMS; i++) {
# if DEPTH
                    const float16 a = vload16(0, p + o[i]);
# else
                    const float16 a = (float16)(RUN ? p[o[0] + i] : p[o[i]]);
# endif
# pragma unroll
                    for (int v = 0; v < PANELS; v++)
                        acc[i * PANELS + v] = fma(a, d[v], acc[i * PANELS + v]);
                }
            }
        }
# pragma unroll
    for (int i = 0; i < TERMS * PANELS; i++)
        if (RUN || i / PANELS < valid)
            vstore16(acc[i], 0, b + i / PANELS * 16 + i % PANELS * b_panel);
}

KERNEL(conv_wide)(IN(float, dy), OUT(float, sums), TABLE(int, off), TABLE(int, plan), TMP_PARAM,
                  const int copy_size, const int ic, const int ih, const int iw, const int oc, const int oh, const int ow,
                  const int out_plane, const int is, const int top, const int left, const int pr, const int pc,
                  const int blocks, const int per, const int parts, const int band, const int bands, const int flat,
                  const int in_planes, const int planes, const int each_slot, const int more_slots,
                  const int some, const int n_b IN_PARAMS)
{
    IN_OPEN
    OPEN_IN(float, dy)
    OPEN_OUT(float, sums)
    TMP_OPEN
    __global const int *uses = plan + parts, *panel = uses + 2 * is, *phase = panel + 3 * blocks, *dh = plan + phase[6];
    const int part = (int) get_group_id(0), slot = (int) get_group_id(1), last = min((part + 1) * per, blocks);
    const int begin = each_slot * slot + min(more_slots, slot), end = begin + each_slot + (slot < more_slots);
    const int x_gap = pc * UNIT, dy_floats = band * ow * 16;
    sums += slot * n_b;
    for (int kb = part * per; kb < last; kb++)
        for (int q = 0; q < panel[3 * kb]; q++)
            vstore16((float16)(0.0f), 0, sums + panel[3 * kb + 2] + q * 16);
    for (int n = begin; n < end; n += some)
        for (int i0 = 0; i0 < band * bands; i0 += band) {
            const int images = min(some, end - n), places = min(band * ow, out_plane - i0 * ow);
            const int rows = flat ? 1 : places / ow, cols = flat ? places : ow;
# if COPIED
            for (int i = 0; i < images; i++)
                FN(copy)(n + i, ic, ih, iw, plan[part], min(in_planes, planes - plan[part]), is, top - i0 * is, left, pr, pc,
                         uses, tmp + i * copy_size IN_ACTUAL);
            const TMP float *x = tmp;
            const int x_image = copy_size;
# else
            __global const float *x = in + ((n * planes + plan[part]) * ih * iw + i0 * pc) * 16;
            const int x_image = planes * ih * iw * 16;
# endif
            for (int kb = part * per; kb < last; kb += PANELS) {
                const int terms = panel[3 * kb], at = panel[3 * kb + 1];
                __global float *b = sums + panel[3 * kb + 2];
# if OUT_ROW
                TMP float *g0 = tmp + some * copy_size;
                const int dy_image = dy_floats, dy_panel = 0;
                for (int i = 0; i < images; i++)
                    for (int k = 0; k < 16; k++)
                        for (int q = 0; q < places; q++)
                            g0[i * dy_floats + q * 16 + k] =
                                kb * 16 + k < oc ? dy[((n + i) * oc + kb * 16 + k) * out_plane + i0 * ow + q] : 0.0f;
# else
                __global const float *g0 = dy + ((n * blocks + kb) * out_plane + i0 * ow) * 16;
                const int dy_image = blocks * out_plane * 16, dy_panel = out_plane * 16;
# endif
                /* Each row of taps over the rows from which it meets the image. */
                const int taps = phase[4], across = BY_ROWS ? phase[5] : taps, each = terms / taps * across;
                for (int t = 0; t < taps / across; t++) {
                    const int before = top - dh[t] - i0 * is, after = before + ih - 1;
                    const int lo = BY_ROWS && before > 0 ? (before + is - 1) / is : 0;
                    const int hi = !BY_ROWS ? rows : after < 0 ? 0 : min(rows, after / is + 1);
                    for (int q = t * each; q < (t + 1) * each && lo < hi; q += TERMS)
                        FN(outer)(x + lo * x_gap, x_image, x_gap, off + at + q, min(TERMS, (t + 1) * each - q),
                                  g0 + lo * ow * 16, dy_image, ow * 16, dy_panel, images, hi - lo, cols, b + q * 16,
                                  terms * 16);
                }
            }
        }
}
# undef OF_DY
# undef BY_ROWS
#endif
#undef BLOCK
#undef FEW
#undef OUTER
#undef TMP
#undef TMP_PARAM
#undef TMP_OPEN
#undef FROM
