/* SPDX-License-Identifier: MIT */
/* Structural similarity, or its adjoint, in steps of one work-item for each pixel, that hand on by
 * the scratch memory, four maps and three: STEP 0 takes the windows down the columns, 1 along the
 * rows for the similarity, 2 for its slopes; 3 and 4 spread these over the windows. */
#define EACH(i, table, k) for (int i = table[k], end = table[(k) + 1]; i < end; i += 2)
KERNEL(similarity)(IN(float, a), IN(float, b),
#if ADJOINT
                   IN(float, dy),
#endif
                   OUT(float, y), const float c1, const float c2, TABLE(int, row),
                   TABLE(int, column), OUT(float, field), DIVISOR(h), DIVISOR(w), const int pixels)
{
    OPEN_IN(float, a)
    OPEN_IN(float, b)
#if ADJOINT
    OPEN_IN(float, dy)
#endif
    OPEN_OUT(float, y)
    OPEN_OUT(float, field)
    const int at = (int) get_global_id(0);
    if (at >= pixels)
        return;
    const int r = QUOTIENT(at, w), q = at - r * w, plane = QUOTIENT(r, h), p = r - plane * h;
    float f[4] = { 0.0f, 0.0f, 0.0f, 0.0f };
#if STEP == 0
    EACH(i, row, p)
    {
        const int from = (plane * h + row[i]) * w + q;
        const float k = as_float(row[i + 1]), u = a[from], v = b[from];
        f[0] = fma(k, u, f[0]), f[1] = fma(k, v, f[1]);
        f[2] = fma(k, fma(u, u, v * v), f[2]), f[3] = fma(k, u * v, f[3]);
    }
    for (int k = 0; k < 4; k++)
        field[k * pixels + at] = f[k];
#elif STEP == 3
    EACH(i, row, p)
    {
        const int from = (plane * h + row[i]) * w + q;
        for (int k = 0; k < 3; k++)
            f[k] = fma(as_float(row[i + 1]), field[(4 + k) * pixels + from], f[k]);
    }
    for (int k = 0; k < 3; k++)
        field[k * pixels + at] = f[k];
#else
    EACH(i, column, q)
    for (int k = 0; k < (STEP == 4 ? 3 : 4); k++)
        f[k] = fma(as_float(column[i + 1]), field[k * pixels + r * w + column[i]], f[k]);
#if STEP == 4
    y[at] = fma(b[at], f[2], fma(a[at], f[1], f[0]));
#else
    const float means = fma(f[0], f[0], f[1] * f[1]), ab = f[0] * f[1], cov = f[3] - ab;
    const float above0 = ab + ab + c1, above1 = cov + cov + c2;
    const float below0 = means + c1, below1 = (f[2] - means) + c2;
    const float all = fma(below0, below1, 1e-12f), s = above0 * above1 / all;
#if STEP == 1
    y[at] = s < -1.0f ? -1.0f : s > 1.0f ? 1.0f : s;
#else
    const float inside = s < -1.0f || s > 1.0f ? 0.0f : dy[at];
    const float k = 2.0f * inside / all, square = -k * s * below0, product = k * above0;
    const float mean = k * (f[1] * above1 - f[0] * below1 * s);
    field[4 * pixels + at] = mean - f[0] * square - f[1] * product;
    field[5 * pixels + at] = square;
    field[6 * pixels + at] = product;
#endif
#endif
#endif
}
#undef EACH
