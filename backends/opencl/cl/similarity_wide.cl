/* SPDX-License-Identifier: MIT */
/* Structural similarity, or its adjoint, of a plane of 16 channels by one work-item. Windows are
 * taken row by row: down the columns into `line`, four rows or three, then along them. */
#define EACH(i, table, k) for (int i = table[k], end = table[(k) + 1]; i < end; i += 2)
KERNEL(similarity_wide)(IN(float, a), IN(float, b),
#if ADJOINT
                        IN(float, dy),
#endif
                        OUT(float, y), const float c1, const float c2, TABLE(int, row),
                        TABLE(int, column),
#if ADJOINT
                        TABLE(int, up), TABLE(int, across), OUT(float, slope),
#endif
                        const int h, const int w, const int channels, DIVISOR(blocks),
                        __local float *line)
{
    OPEN_IN(float, a)
    OPEN_IN(float, b)
    OPEN_OUT(float, y)
    const int plane = (int) get_group_id(0), c = (plane - QUOTIENT(plane, blocks) * blocks) * 16;
    a += plane * h * w * 16, b += plane * h * w * 16, y += plane * h * w * 16;
#if ADJOINT
    OPEN_IN(float, dy)
    OPEN_OUT(float, slope)
    dy += plane * h * w * 16, slope += plane * h * w * 48;
#endif
    for (int r = 0; r < h; r++) {
        for (int q = 0; q < w; q++) {
            float16 fa = 0.0f, fb = 0.0f, fs = 0.0f, fab = 0.0f;
            EACH(i, row, r)
            {
                const float16 u = vload16(row[i] * w + q, a), v = vload16(row[i] * w + q, b);
                const float16 k = as_float(row[i + 1]);
                fa = fma(k, u, fa), fb = fma(k, v, fb);
                fs = fma(k, fma(u, u, v * v), fs), fab = fma(k, u * v, fab);
            }
            vstore16(fa, q, line), vstore16(fb, w + q, line);
            vstore16(fs, 2 * w + q, line), vstore16(fab, 3 * w + q, line);
        }
        for (int q = 0; q < w; q++) {
            float16 fa = 0.0f, fb = 0.0f, fs = 0.0f, fab = 0.0f;
            EACH(i, column, q)
            {
                const float16 k = as_float(column[i + 1]);
                const int at = column[i];
                fa = fma(k, vload16(at, line), fa), fb = fma(k, vload16(w + at, line), fb);
                fs = fma(k, vload16(2 * w + at, line), fs);
                fab = fma(k, vload16(3 * w + at, line), fab);
            }
            const float16 means = fma(fa, fa, fb * fb), ab = fa * fb, cov = fab - ab;
            const float16 above0 = ab + ab + c1, above1 = cov + cov + c2;
            const float16 below0 = means + c1, below1 = (fs - means) + c2;
            const float16 all = fma(below0, below1, (float16) (1e-12f)), s = above0 * above1 / all;
#if ADJOINT
            const int16 past = s < -1.0f || s > 1.0f;
            const float16 inside = select(vload16(r * w + q, dy), (float16) (0.0f), past);
            const float16 k = 2.0f * inside / all;
            const float16 square = -k * s * below0, product = k * above0;
            const float16 mean = k * (fb * above1 - fa * below1 * s);
            vstore16(mean - fa * square - fb * product, r * w + q, slope);
            vstore16(square, (h + r) * w + q, slope);
            vstore16(product, (2 * h + r) * w + q, slope);
#else
            const float16 low = select(s, (float16) (-1.0f), s < -1.0f);
            vstore16(ocl_used(select(low, (float16) (1.0f), s > 1.0f), c, channels), r * w + q, y);
#endif
        }
    }
#if ADJOINT
    for (int r = 0; r < h; r++) {
        for (int q = 0; q < w; q++) {
            float16 f0 = 0.0f, f1 = 0.0f, f2 = 0.0f;
            EACH(i, up, r)
            {
                const float16 k = as_float(up[i + 1]);
                const int at = up[i] * w + q;
                f0 = fma(k, vload16(at, slope), f0), f1 = fma(k, vload16(h * w + at, slope), f1);
                f2 = fma(k, vload16(2 * h * w + at, slope), f2);
            }
            vstore16(f0, q, line), vstore16(f1, w + q, line), vstore16(f2, 2 * w + q, line);
        }
        for (int q = 0; q < w; q++) {
            float16 f0 = 0.0f, f1 = 0.0f, f2 = 0.0f;
            EACH(i, across, q)
            {
                const float16 k = as_float(across[i + 1]);
                const int at = across[i];
                f0 = fma(k, vload16(at, line), f0), f1 = fma(k, vload16(w + at, line), f1);
                f2 = fma(k, vload16(2 * w + at, line), f2);
            }
            f0 = fma(vload16(r * w + q, a), f1, f0);
            vstore16(fma(vload16(r * w + q, b), f2, f0), r * w + q, y);
        }
    }
#endif
}
#undef EACH
