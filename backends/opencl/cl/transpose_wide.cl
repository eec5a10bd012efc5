/* SPDX-License-Identifier: MIT */
/* y[a + b * to] = x[b + a * from] for a processor: a work-item has 16 neighbouring b, and all a in
 * turn; id y is two more axes. Four perfect shuffles of 16 rows of 16 swap rows and columns. */
#define ROWS(f) \
    f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11) f(12) f(13) f(14) f(15)
#define GET(i) r##i = vload16(0, from_a + i * from);
#define PUT(i) vstore16(r##i, 0, y + i * to + a);
/* By shuffle2, as Oclgrind 21.10 ends at swizzles of which some lanes are not there yet. */
#define LOWER (uint16)(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define UPPER (uint16)(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define PAIR(p, q, u, v) u = shuffle2(p, q, LOWER), v = shuffle2(p, q, UPPER);
#define SHUFFLE(p, q) \
    PAIR(p##0, p##8, q##0, q##1) PAIR(p##1, p##9, q##2, q##3) PAIR(p##2, p##10, q##4, q##5) \
    PAIR(p##3, p##11, q##6, q##7) PAIR(p##4, p##12, q##8, q##9) PAIR(p##5, p##13, q##10, q##11) \
    PAIR(p##6, p##14, q##12, q##13) PAIR(p##7, p##15, q##14, q##15)
KERNEL(transpose_wide)(IN(uint, x), OUT(uint, y), const int x_first, const int y_first,
                       const int na, const int from, const int nb, const int to, DIVISOR(nc),
                       const int c_to, const int c_from, const int d_to, const int d_from)
{
    OPEN_IN(uint, x)
    OPEN_OUT(uint, y)
    const int rest = (int) get_group_id(1), d = QUOTIENT(rest, nc), c = rest - d * nc;
    const int b = (int) get_group_id(0) * 16, columns = min(nb - b, 16);
    x += x_first + c * c_from + d * d_from + b;
    y += y_first + c * c_to + d * d_to + b * to;
    int a = 0;
    for (; columns == 16 && a + 16 <= na; a += 16) {
        __global const uint *from_a = x + a * from;
        uint16 r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15;
        uint16 s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15;
        ROWS(GET)
        SHUFFLE(r, s)
        SHUFFLE(s, r)
        SHUFFLE(r, s)
        SHUFFLE(s, r)
        ROWS(PUT)
    }
    for (; a < na; a++)
        for (int i = 0; i < columns; i++)
            y[i * to + a] = x[i + a * from];
}
#undef ROWS
#undef GET
#undef PUT
#undef LOWER
#undef UPPER
#undef PAIR
#undef SHUFFLE
