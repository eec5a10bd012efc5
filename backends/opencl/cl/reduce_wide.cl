/* SPDX-License-Identifier: MIT */
/* Reductions, on processors: a work-item walks whole units alone. SET_X(to, r, k, LOAD) computes
 * the operand for vector k of run r: 16 neighbours along the rows (along), or row k of 16
 * columns. */
#define FAST(p, at, limit) vload16(0, (p) + (at))
#define SAFE(p, at, limit) ocl_channels(p, at, limit)
#define LANES (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

#if defined KIND_STATS || defined KIND_MERGE

/* (n, m, q) of both: number, mean, and sum of squared deviations from it. */
#define MERGED(n1, m1, q1, n2, m2, q2, n, m, q) \
    n = n1 + n2; \
    w = n > 0.0f ? n2 / n : 0.0f; \
    d = n2 > 0.0f ? m2 - m1 : 0.0f; \
    m = d * w + m1; \
    q = d * d * (n1 * w) + (q1 + q2);
#define MERGE_INTO(n1, m1, q1, n2, m2, q2) \
    { \
        float16 n, m, q, w, d; \
        MERGED(n1, m1, q1, n2, m2, q2, n, m, q) \
        n1 = n, m1 = m, q1 = q; \
    }
#define FOLD \
    { \
        float fn[16], fm[16], fq[16]; \
        vstore16(sn, 0, fn), vstore16(sm, 0, fm), vstore16(sq, 0, fq); \
        for (int side = 8; side; side >>= 1) \
            for (int a = 0; a < side; a++) { \
                const int b = a + side; \
                float w, d, nn, mm, qq; \
                MERGED(fn[a], fm[a], fq[a], fn[b], fm[b], fq[b], nn, mm, qq) \
                fn[a] = nn, fm[a] = mm, fq[a] = qq; \
            } \
        sn = fn[0], sm = fm[0], sq = fq[0]; \
    }
#define STORE(at, used) \
    if (last) { \
        ocl_store(out + at, sm, used); \
        ocl_store(out + plane + at, sq / sn, used); \
    } else { \
        ocl_store(out + at, sn, used); \
        ocl_store(out + plane + at, sm, used); \
        ocl_store(out + 2 * plane + at, sq, used); \
    }

#define STATE float16 sn = 0.0f, sm = 0.0f, sq = 0.0f;
#define ALL
#ifdef KIND_STATS
#define SQUARE(s, v) v -= mean; s = v * v + s;
#define STEP 4
#define PIECE(r, k) \
    { \
        float16 v0, v1, v2, v3, s0 = 0.0f, s1 = 0.0f, four = 4.0f; \
        SET_X(v0, r, k, FAST) SET_X(v1, r, k + 1, FAST) \
        SET_X(v2, r, k + 2, FAST) SET_X(v3, r, k + 3, FAST) \
        const float16 mean = ((v0 + v1) + (v2 + v3)) * 0.25f; \
        SQUARE(s0, v0) SQUARE(s1, v1) SQUARE(s0, v2) SQUARE(s1, v3) \
        s0 += s1; \
        MERGE_INTO(sn, sm, sq, four, mean, s0) \
    }
#define ONE(r, k, lanes) \
    { \
        float16 v, one = LANES < lanes ? (float16) 1.0f : (float16) 0.0f, none = 0.0f; \
        SET_X(v, r, k, SAFE) \
        MERGE_INTO(sn, sm, sq, one, v, none) \
    }
#else
#define ONE(r, k, lanes) \
    { \
        float16 vn, vm, vq; \
        SET_X(vn, r, k, SAFE) SET_Y(vm, r, k, SAFE) SET_Z(vq, r, k, SAFE) \
        vn = LANES < lanes ? vn : (float16) 0.0f; \
        vq = LANES < lanes ? vq : (float16) 0.0f; \
        MERGE_INTO(sn, sm, sq, vn, vm, vq) \
    }
#endif

#else

static float FN(fold)(const float16 v)
{
    float lane[16];
    vstore16(v, 0, lane);
    for (int side = 8; side; side >>= 1)
        for (int i = 0; i < side; i++)
            lane[i] = JOIN(lane[i], lane[i + side]);
    return lane[0];
}

#define STEP 4
#define PIECE(r, k) \
    { \
        float16 v0, v1, v2, v3; \
        SET_X(v0, r, k, FAST) SET_X(v1, r, k + 1, FAST) \
        SET_X(v2, r, k + 2, FAST) SET_X(v3, r, k + 3, FAST) \
        PAIRED(r, k, FAST) \
        s0 = JOIN(s0, v0), s1 = JOIN(s1, v1), s2 = JOIN(s2, v2), s3 = JOIN(s3, v3); \
    }
#define ONE(r, k, lanes) \
    { \
        float16 v0; \
        SET_X(v0, r, k, SAFE) \
        v0 = LANES < lanes ? v0 : (float16) START; \
        PAIRED1(r, k, lanes) \
        s0 = JOIN(s0, v0); \
    }
#ifdef KIND_SUMS
#define STATE float16 s0 = START, s1 = s0, s2 = s0, s3 = s0, t0 = START, t1 = t0, t2 = t0, t3 = t0;
#define PAIRED(r, k, LOAD) \
    float16 u0, u1, u2, u3; \
    SET_Y(u0, r, k, LOAD) SET_Y(u1, r, k + 1, LOAD) \
    SET_Y(u2, r, k + 2, LOAD) SET_Y(u3, r, k + 3, LOAD) \
    t0 = v0 * (u0 - MEAN) + t0, t1 = v1 * (u1 - MEAN) + t1; \
    t2 = v2 * (u2 - MEAN) + t2, t3 = v3 * (u3 - MEAN) + t3;
#define PAIRED1(r, k, lanes) \
    float16 u0; \
    SET_Y(u0, r, k, SAFE) \
    u0 = LANES < lanes ? u0 : MEAN; \
    t0 = v0 * (u0 - MEAN) + t0;
#define ALL float16 s = (s0 + s1) + (s2 + s3), t = (t0 + t1) + (t2 + t3);
#define FOLD s = FN(fold)(s), t = FN(fold)(t);
#define STORE(at, used) \
    ocl_store(out + at, s, used); \
    ocl_store(out + plane + at, t / sqrt(VAR + eps), used);
#else
#define STATE float16 s0 = START, s1 = s0, s2 = s0, s3 = s0;
#define PAIRED(r, k, LOAD)
#define PAIRED1(r, k, lanes)
#define ALL float16 s = JOIN(JOIN(s0, s1), JOIN(s2, s3));
#define FOLD s = FN(fold)(s);
#ifdef EPI
#define STORE(first, used) \
    float lane[16]; \
    vstore16(s / divisor, 0, lane); \
    for (int i = 0; i < used; i++) { \
        const int at = first + i; \
        EPI(lane[i]) \
    }
#else
#define STORE(at, used) ocl_store(out + at, s / divisor, used);
#endif
#endif
#endif

#ifdef EPI
#define RESULT EPI_PARAMS
#define OPEN_RESULT EPI_OPEN
#else
#define RESULT , OUT(float, out)
#define OPEN_RESULT OPEN_OUT(float, out)
#endif

KERNEL(reduce_wide)(const float divisor, const float eps, DIVISOR(tiles), DIVISOR(slots),
                    const int runs, const int rows, const int slot_runs, const int slot_rows,
                    const int units, const int per, const int along, const int tail,
                    const int inner, DIVISOR(padded), const int width, const int plane,
                    const int last PARAMS RESULT)
{
    OPEN
    OPEN_RESULT
    const int first = (int) get_group_id(0) * per;
    for (int unit = first; unit < min(units, first + per); unit++) {
        const int tile = QUOTIENT(unit, slots), slot = unit - tile * slots;
        const int o = QUOTIENT(tile, tiles), i = (tile - o * tiles) * 16;
        const int r0 = slot * slot_runs, r1 = slot_runs ? min(runs, r0 + slot_runs) : runs;
        const int k0 = slot * slot_rows, k1 = slot_rows ? min(rows, k0 + slot_rows) : rows;
        const int end = k1 + (tail && (!slot_rows || slot == slots - 1));
        UNIT
        STATE
        for (int r = r0; r < r1; r++) {
            int k = k0;
#ifdef PIECE
            for (; k + STEP <= k1 && FITS(r, k + STEP - 1); k += STEP)
                PIECE(r, k)
#endif
            for (; k < end; k++)
                ONE(r, k, (k == rows ? tail : 16))
        }
        ALL
        if (along) {
            FOLD
        }
        const int flat = (o * slots + slot) * inner + i;
        const int block = QUOTIENT(flat, padded), in_block = flat - block * padded;
        const int to = block * width + in_block;
        const int used = min(min(16, inner - i), width - in_block);
/* The epilogue is of single floats. */
#undef REAL
#define REAL float
        STORE(to, used)
    }
}

#undef FAST
#undef SAFE
#undef LANES
#undef MERGED
#undef MERGE_INTO
#undef FOLD
#undef STORE
#undef STATE
#undef SQUARE
#undef STEP
#undef PIECE
#undef ONE
#undef ALL
#undef PAIRED
#undef PAIRED1
#undef RESULT
#undef OPEN_RESULT
