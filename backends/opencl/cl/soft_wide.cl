/* SPDX-License-Identifier: MIT */
/* softmax and cross entropy, on processors: a work-item walks strips. Vectors lie along the axis
 * when it is the last one; else they hold 16 strips. y may lie where x does. */
#define LANES (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
/* So many elements from p on, `none` in the other lanes. */
#define TAKE(p, used, none) \
    (used == 16 ? vload16(0, p) : select((float16)(none), ocl_channels(p, 0, used), LANES < used))
#define JOIN_MAX(a, b) ((b) > (a) ? (b) : (a))
#define JOIN_SUM(a, b) ((a) + (b))
/* All lanes into each. */
#define FOLD(v, JOIN) \
    { \
        float lane[16]; \
        vstore16(v, 0, lane); \
        for (int most = 8; most; most >>= 1) \
            for (int k = 0; k < most; k++) \
                lane[k] = JOIN(lane[k], lane[k + most]); \
        v = (float16)(lane[0]); \
    }
#define EACH(v) \
    for (int v = 0, used = along ? min(16, n) : side; v < vectors; \
         v++, used = along ? min(16, n - v * 16) : side)

KERNEL(soft_wide)(const int units, const int per, DIVISOR(tiles), const int n, const int inner,
                  IN(float, x) LABELS, OUT(float, y))
{
    OPEN_IN(float, x)
    OPEN_OUT(float, y)
#if defined KIND_LOSS || defined KIND_LOSS_DX
    OPEN_IN(int, label)
#endif
#ifdef KIND_LOSS_DX
    OPEN_IN(float, dy)
#endif
    const int along = inner == 1, vectors = along ? (n + 15) / 16 : n, step = along ? 16 : inner;
    const int first = (int) get_group_id(0) * per;
    for (int unit = first; unit < min(units, first + per); unit++) {
        const int o = QUOTIENT(unit, tiles), i = (unit - o * tiles) * 16;
        const int at = o * n * inner + i;
        const int side = min(16, inner - i), strip = o * inner + i;
        float16 m = -INFINITY, s = 0.0f;
        EACH(v) {
            const float16 e = TAKE(x + at + v * step, used, -INFINITY);
            m = JOIN_MAX(m, e);
        }
        if (along)
            FOLD(m, JOIN_MAX)
        EACH(v) {
            const float16 e = exp(TAKE(x + at + v * step, used, -INFINITY) - m);
            s += e;
#if defined KIND_SOFTMAX || defined KIND_LOSS_DX
            ocl_store(y + at + v * step, e, used);
#endif
        }
        if (along)
            FOLD(s, JOIN_SUM)
#if defined KIND_LOSS
        float top[16], sum[16];
        vstore16(m, 0, top), vstore16(log(s), 0, sum);
        for (int k = 0; k < side; k++) {
            const int hot = label[strip + k];
            y[strip + k] = hot == ignore || hot < 0 || hot >= n
                               ? 0.0f
                               : sum[k] - (x[at + hot * inner + k] - top[k]);
        }
#else
#if defined KIND_LOG
        s = log(s);
#elif defined KIND_LOSS_DX
        float grad[16];
        int said[16];
        for (int k = 0; k < 16; k++) {
            const int from = strip + (along ? 0 : min(k, side - 1)), hot = label[from];
            grad[k] = dy[from];
            said[k] = hot == ignore || hot >= n ? -1 : hot;
        }
        const float16 g = vload16(0, grad);
        const int16 hot = vload16(0, said);
#endif
        EACH(v) {
#if defined KIND_LOG
            const float16 e = TAKE(x + at + v * step, used, 0.0f) - m - s;
#elif defined KIND_LOSS_DX
            const int16 here = along ? v * 16 + LANES : (int16) v;
            const float16 p = TAKE(y + at + v * step, used, 0.0f) / s;
            const float16 e = hot < 0 ? (float16) 0.0f
                                      : (here == hot ? p - 1.0f : p) * g;
#else
            const float16 e = TAKE(y + at + v * step, used, 0.0f) / s;
#endif
            ocl_store(y + at + v * step, e, used);
        }
#endif
    }
}

#undef LANES
#undef TAKE
#undef JOIN_MAX
#undef JOIN_SUM
#undef FOLD
#undef EACH
