/* SPDX-License-Identifier: MIT */
/* C[m][n] = sum over k of A[m][k] * B[k][n], for each z. A group makes TM x TN of it in steps of TK
 * terms, each of its work-items RM x RN; the next tiles of A and B are fetched while these are
 * multiplied.
 *
 * LOADS  where A[m][k] and B[k][n] are:
 *   STRIDED  at steps; the columns of B are the pixels of images (of a matrix: one image)
 *   GATHER   A: weights by terms; B: pixels of in, of each n by its place in out, moved by terms
 *   PIXELS   k counts the pixels of all images, in A and B alike
 *   SPREAD   A as PIXELS; B: n is a term, seen from the pixel k of A
 *   A term is an int4: offset in an image, dh, dw, offset in the weights.
 * A_ALONG_K, B_ALONG_K  neighbouring work-items fetch neighbouring k, not m or n
 * PART  0: results through EPI; 1: the sum of one part of the terms, to scratch; 2: no product,
 *       adds up the parts in order */
#define STRIDED 0
#define GATHER 1
#define PIXELS 2
#define SPREAD 3
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

/* ---- the result: extents of slice z, and the place of column n ---- */

#define RESULT_PARAMS \
    const int M, const int n_most, DIVISOR(parts), const int c_z, const int c_m, \
    const int c_image, DIVISOR(pixels) PHASE_PARAMS
#if LOADS == GATHER
# define PHASE_PARAMS \
    , TABLE(int, phase), DIVISOR(phases), const int os, const int out_wide
# define OPEN_SLICE \
    const int slab = QUOTIENT(z, phases); \
    __global const int *f = phase + (z - slab * phases) * 11; \
    const int N = f[0], start = f[4], of_image = f[5], of_row = f[6]; \
    const uint of_image_mul = (uint) f[7], of_image_shift = (uint) f[8]; \
    const uint of_row_mul = (uint) f[9], of_row_shift = (uint) f[10];
# define OPEN_COLUMN(n) \
    const int image = QUOTIENT(n, of_image), in_image = (n) - image * of_image; \
    const int i = QUOTIENT(in_image, of_row), j = in_image - i * of_row;
# define PLACE(n) \
    OPEN_COLUMN(n) \
    const int place = image * c_image + start + (i * out_wide + j) * os;
#else
# define PHASE_PARAMS
# define OPEN_SLICE const int slab = z, N = n_most;
# define OPEN_COLUMN(n) const int image = QUOTIENT(n, pixels), in_image = (n) - image * pixels;
# if LOADS == STRIDED
#  define PLACE(n) OPEN_COLUMN(n) const int place = image * c_image + in_image;
# else
#  define PLACE(n) const int place = n;
# endif
#endif

#if PART == 2
KERNEL(gemm_tile)(IN(float, sums), RESULT_PARAMS EPI_PARAMS)
{
    OPEN_IN(float, sums)
    EPI_OPEN
    const int n = (int) get_global_id(0), m = (int) get_global_id(1), z = (int) get_global_id(2);
    OPEN_SLICE
    if (n >= N || m >= M)
        return;
    PLACE(n)
    const int at = slab * c_z + m * c_m + place, channel = slab * M + m;
    sums += z * parts * M * n_most + m * n_most + n;
    float acc = 0;
    for (int p = 0; p < parts; p++)
        acc += sums[p * M * n_most];
    EPI(acc)
}
#else

/* ---- the product of two tiles: fragments of RM and RN numbers, loaded, multiplied, stored ---- */

#define XM (TM / RM)
#define XN (TN / RN)
#define G (XM * XN)
#define ROW_A (TM + 4)
#define ROW_B (TN + 4)
#define EACH_2(X, j) X(0, j) X(1, j)
#define EACH_4(X, j) EACH_2(X, j) X(2, j) X(3, j)
#define EACH_8(X, j) EACH_4(X, j) X(4, j) X(5, j) X(6, j) X(7, j)
#define EACH_M(X, j) PASTE(EACH_, RM)(X, j)
#define ALL_2(X) X(0) X(1)
#define ALL_4(X) ALL_2(X) X(2) X(3)
#define ALL_8(X) ALL_4(X) X(4) X(5) X(6) X(7)
#define ALL_N(X) PASTE(ALL_, RN)(X)
#define FRAG_M PASTE(float, RM)
#define FRAG_N PASTE(float, RN)
#define LOAD_2(p, i, all) ((__local const float2 *) (p))[i]
#define LOAD_4(p, i, all) ((__local const float4 *) (p))[i]
#define LOAD_8(p, i, all) (float8)(LOAD_4(p, i, all), LOAD_4(p, (all) + (i), all))
#define LOAD_M(p) PASTE(LOAD_, RM)(p, y, XM)
#define LOAD_N(p) PASTE(LOAD_, RN)(p, x, XN)
#define AT_2(i, x, all) ((x) * 2 + (i))
#define AT_4(i, x, all) ((x) * 4 + (i))
#define AT_8(i, x, all) ((i) / 4 * (all) * 4 + (x) * 4 + (i) % 4)
#define AT_M(i) (m0 + PASTE(AT_, RM)(i, y, XM))
#define AT_N(j) (n0 + PASTE(AT_, RN)(j, x, XN))
#define ZERO(i, unused) FRAG_N acc##i = 0;
#define MAD(i, unused) acc##i = fma((FRAG_N)(fa.s##i), fb, acc##i);

/* ---- fetching: which number of a tile is a work-item's i-th, and where it is ----
 * OPEN_FETCH: what stays through all steps. OPEN_STEP: what a work-item needs for this one. */

#define PER_A (TM * TK / G)
#define PER_B (TN * TK / G)
#if A_ALONG_K
# define A_K(i) ((int) (lid % TK))
# define A_M(i) ((int) (lid / TK) + (i) * (G / TK))
#else
# define A_K(i) ((int) (lid / TM) + (i) * (G / TM))
# define A_M(i) ((int) (lid % TM))
#endif
#if B_ALONG_K
# define B_K(i) ((int) (lid % TK))
# define B_N(i) ((int) (lid / TK) + (i) * (G / TK))
#else
# define B_K(i) ((int) (lid / TN) + (i) * (G / TN))
# define B_N(i) ((int) (lid % TN))
#endif

#define OPERAND_PARAMS \
    IN(float, a), IN(float, b), const int k_most, const int k_part, \
    DIVISOR(tiles_m), DIVISOR(tiles_n), \
    const int a_z, const int a_m, const int a_k, const int a_image, \
    const int b_z, const int b_n, const int b_k, const int b_image TERM_PARAMS
#define WINDOW_PARAMS \
    , TABLE(int4, term), const int high, const int wide, \
    const int is, const int top, const int left
#define OPEN_TERMS const int K = k_most, k_of_part = k_part;

#if LOADS == STRIDED
# define TERM_PARAMS
# define OPEN_STEP
# define FETCH_A(m, q) a[(m) * a_m + (q) * a_k]
# if B_ALONG_K
#  define OPEN_FETCH
#  define FETCH_B(i, n, q) b[(n) * b_n + (q) * b_k]
# else
#  define OPEN_FETCH { \
    OPEN_COLUMN(min(n0 + B_N(0), N - 1)) \
    b += image * b_image + in_image * b_n; \
   }
#  define FETCH_B(i, n, q) b[(q) * b_k]
# endif

#elif LOADS == GATHER
# define TERM_PARAMS WINDOW_PARAMS
# undef OPEN_TERMS
# define OPEN_TERMS const int K = f[1], k_of_part = f[3]; term += f[2];
# define OPEN_FETCH \
    int my_row, my_col; \
    { \
        OPEN_COLUMN(min(n0 + B_N(0), N - 1)) \
        my_row = i * is - top; \
        my_col = j * is - left; \
        b += image * b_image; \
    } \
    const int my_at = my_row * wide + my_col;
# define OPEN_STEP const int weight = k + A_K(0) < k1 ? term[k + A_K(0)].w : 0;
# define FETCH_A(m, q) a[(m) * a_m + weight]
# define FETCH_B(i, n, q) FN(look)(b, my_at, my_row, my_col, high, wide, term[q])

#else
# define OPEN_PIXEL const int my_k = k + A_K(0), my_image = QUOTIENT(my_k, pixels);
# define FETCH_A(m, q) a[(m) * a_m + my_k + my_image * (a_image - pixels)]
# if LOADS == PIXELS
#  define TERM_PARAMS
#  define OPEN_FETCH
#  define OPEN_STEP OPEN_PIXEL
#  define FETCH_B(i, n, q) b[(n) * b_n + my_k + my_image * (b_image - pixels)]
# else
#  define TERM_PARAMS WINDOW_PARAMS, DIVISOR(cols)
#  define OPEN_FETCH \
    int4 my_term[PER_B]; \
    _Pragma("unroll") for (int i = 0; i < PER_B; i++) \
        my_term[i] = term[min(n0 + B_N(i), N - 1)];
#  define OPEN_STEP \
    OPEN_PIXEL \
    const int my_pixel = my_k - my_image * pixels, my_line = QUOTIENT(my_pixel, cols); \
    const int my_row = my_line * is - top, my_col = (my_pixel - my_line * cols) * is - left; \
    const int my_at = my_image * b_image + my_row * wide + my_col;
#  define FETCH_B(i, n, q) FN(look)(b, my_at, my_row, my_col, high, wide, my_term[i])
# endif
#endif

#if LOADS == GATHER || LOADS == SPREAD
/* The pixel that t says, seen from (row, col), which is at `at`; zero outside of the image. */
INL float FN(look)(__global const float *b, int at, int row, int col, int high, int wide, int4 t)
{
    const bool inside = (uint) (row + t.y) < (uint) high && (uint) (col + t.z) < (uint) wide;
    return inside ? b[at + t.x] : 0.0f;
}
#endif

#if PART == 1
# define STORE_PARAMS , OUT(float, sums)
# define OPEN_STORE OPEN_OUT(float, sums) sums += (z * parts + part) * M * n_most;
# define OPEN_PLACE(n)
# define STORE(m, n, v) sums[(m) * n_most + (n)] = v;
#else
# define STORE_PARAMS EPI_PARAMS
# define OPEN_STORE EPI_OPEN
# define OPEN_PLACE(n) PLACE(n)
# define STORE(m, n, v) \
    const int at = slab * c_z + (m) * c_m + place, channel = slab * M + (m); \
    EPI((v))
#endif
#define STORE_ONE(i, j) if (AT_M(i) < M) { STORE(AT_M(i), n, acc##i.s##j) }
#define STORE_COLUMN(j) { \
    const int n = AT_N(j); \
    if (n < N) { OPEN_PLACE(n) EACH_M(STORE_ONE, j) } \
  }

__attribute__((reqd_work_group_size(G, 1, 1)))
KERNEL(gemm_tile)(OPERAND_PARAMS, RESULT_PARAMS STORE_PARAMS)
{
    __local float4 all_a[2][TK * ROW_A / 4], all_b[2][TK * ROW_B / 4];
    const uint lid = (uint) get_local_id(0);
    const int x = lid % XN, y = lid / XN;
    const int tile = (int) get_group_id(0);
    const int rest = QUOTIENT(tile, tiles_m), slice = QUOTIENT(rest, tiles_n);
    const int m0 = (tile - rest * tiles_m) * TM, n0 = (rest - slice * tiles_n) * TN;
    const int z = QUOTIENT(slice, parts), part = slice - z * parts;
    OPEN_SLICE
    OPEN_TERMS
    OPEN_IN(float, a)
    OPEN_IN(float, b)
    OPEN_STORE
    a += slab * a_z;
    b += slab * b_z;
    OPEN_FETCH
    const int k0 = part * k_of_part, k1 = n0 < N ? min(k0 + k_of_part, K) : k0;
    const int steps = k1 > k0 ? (k1 - k0 + TK - 1) / TK : 0;
    EACH_M(ZERO, 0)
    /* One step more than there are tiles: each fetches a tile and multiplies the one before. */
    for (int t = 0; t <= steps; t++) {
        const int k = k0 + t * TK;
        float next_a[PER_A], next_b[PER_B];
        OPEN_STEP
        _Pragma("unroll") for (int i = 0; i < PER_A; i++) {
            const int m = min(m0 + A_M(i), M - 1), q = k + A_K(i);
            next_a[i] = q < k1 ? FETCH_A(m, q) : 0.0f;
        }
        _Pragma("unroll") for (int i = 0; i < PER_B; i++) {
            const int n = min(n0 + B_N(i), N - 1), q = k + B_K(i);
            next_b[i] = q < k1 ? FETCH_B(i, n, q) : 0.0f;
        }
        if (t > 0) {
            __local const float4 *from_a = all_a[(t - 1) & 1], *from_b = all_b[(t - 1) & 1];
            for (int q = 0; q < TK; q++) {
                const FRAG_M fa = LOAD_M(from_a + q * (ROW_A / 4));
                const FRAG_N fb = LOAD_N(from_b + q * (ROW_B / 4));
                EACH_M(MAD, 0)
            }
        }
        __local float *to_a = (__local float *) all_a[t & 1];
        __local float *to_b = (__local float *) all_b[t & 1];
        _Pragma("unroll") for (int i = 0; i < PER_A; i++)
            to_a[A_K(i) * ROW_A + A_M(i)] = next_a[i];
        _Pragma("unroll") for (int i = 0; i < PER_B; i++)
            to_b[B_K(i) * ROW_B + B_N(i)] = next_b[i];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    ALL_N(STORE_COLUMN)
}
#endif

#undef STRIDED
#undef GATHER
#undef PIXELS
#undef SPREAD
#undef PASTE_
#undef PASTE
#undef RESULT_PARAMS
#undef PHASE_PARAMS
#undef OPEN_SLICE
#undef OPEN_COLUMN
#undef PLACE
#undef XM
#undef XN
#undef G
#undef ROW_A
#undef ROW_B
#undef EACH_2
#undef EACH_4
#undef EACH_8
#undef EACH_M
#undef ALL_2
#undef ALL_4
#undef ALL_8
#undef ALL_N
#undef FRAG_M
#undef FRAG_N
#undef LOAD_2
#undef LOAD_4
#undef LOAD_8
#undef LOAD_M
#undef LOAD_N
#undef AT_2
#undef AT_4
#undef AT_8
#undef AT_M
#undef AT_N
#undef ZERO
#undef MAD
#undef PER_A
#undef PER_B
#undef A_K
#undef A_M
#undef B_K
#undef B_N
#undef OPERAND_PARAMS
#undef WINDOW_PARAMS
#undef OPEN_TERMS
#undef TERM_PARAMS
#undef OPEN_STEP
#undef FETCH_A
#undef OPEN_FETCH
#undef FETCH_B
#undef OPEN_PIXEL
#undef STORE_PARAMS
#undef OPEN_STORE
#undef OPEN_PLACE
#undef STORE
#undef STORE_ONE
#undef STORE_COLUMN
