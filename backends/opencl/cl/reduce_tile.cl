/* SPDX-License-Identifier: MIT */
/* Reductions, on GPUs: a group is `wide` columns by `high` work-items that share the rows of each,
 * by other units; then a fixed tree. SET_X(to, r, k, LOAD) computes the operand for row k of run
 * r. */
#define ITEM(p, at, limit) p[at]
#define NEXT \
    j += high, r += step_r, k += step_k; \
    if (k >= k1) \
        k -= k1 - k0, r++;

#if defined KIND_STATS || defined KIND_MERGE

/* Into (n1, m1, q1), number, mean and sum of squared deviations from it, those of more. */
#define MERGE_INTO(n1, m1, q1, n2, m2, q2) \
    { \
        const float more = n2, mean2 = m2, square2 = q2, both = n1 + more; \
        const float part = both > 0.0f ? more / both : 0.0f; \
        const float off = more > 0.0f ? mean2 - m1 : 0.0f; \
        m1 = off * part + m1; \
        q1 = off * off * (n1 * part) + (q1 + square2); \
        n1 = both; \
    }
#define STATE float sn = 0.0f, sm = 0.0f, sq = 0.0f;
#define KEEP tmp[t] = sn, tmp[all + t] = sm, tmp[2 * all + t] = sq;
#define TAKE(from) MERGE_INTO(sn, sm, sq, tmp[from], tmp[all + from], tmp[2 * all + from])
#define STORE(at) \
    if (last) { \
        out[at] = sm; \
        out[plane + at] = sq / sn; \
    } else { \
        out[at] = sn; \
        out[plane + at] = sm; \
        out[2 * plane + at] = sq; \
    }
#ifdef KIND_STATS
#define STEP 8
#define GET(v) SET_X(v, r, k, ITEM) NEXT
#define SQUARE(v) v -= mean; s = v * v + s;
#define PIECE \
    { \
        float v0, v1, v2, v3, v4, v5, v6, v7, s = 0.0f; \
        GET(v0) GET(v1) GET(v2) GET(v3) GET(v4) GET(v5) GET(v6) GET(v7) \
        const float mean = (((v0 + v1) + (v2 + v3)) + ((v4 + v5) + (v6 + v7))) * 0.125f; \
        SQUARE(v0) SQUARE(v1) SQUARE(v2) SQUARE(v3) SQUARE(v4) SQUARE(v5) SQUARE(v6) SQUARE(v7) \
        MERGE_INTO(sn, sm, sq, 8.0f, mean, s) \
    }
#define ONE \
    { \
        float v; \
        GET(v) \
        MERGE_INTO(sn, sm, sq, 1.0f, v, 0.0f) \
    }
#else
#define ONE \
    { \
        float vn, vm, vq; \
        SET_X(vn, r, k, ITEM) SET_Y(vm, r, k, ITEM) SET_Z(vq, r, k, ITEM) NEXT \
        MERGE_INTO(sn, sm, sq, vn, vm, vq) \
    }
#endif

#else

#define STEP 4
#ifdef KIND_SUMS
#define STATE float s = 0.0f, t2 = 0.0f;
#define GET(v, u) SET_X(v, r, k, ITEM) SET_Y(u, r, k, ITEM) NEXT
#define PIECE \
    { \
        float v0, v1, v2, v3, u0, u1, u2, u3; \
        GET(v0, u0) GET(v1, u1) GET(v2, u2) GET(v3, u3) \
        s += (v0 + v1) + (v2 + v3); \
        t2 += (v0 * (u0 - MEAN) + v1 * (u1 - MEAN)) + (v2 * (u2 - MEAN) + v3 * (u3 - MEAN)); \
    }
#define ONE \
    { \
        float v, u; \
        GET(v, u) \
        s += v, t2 = v * (u - MEAN) + t2; \
    }
#define KEEP tmp[t] = s, tmp[all + t] = t2;
#define TAKE(from) s += tmp[from], t2 += tmp[all + from];
#define STORE(at) out[at] = s, out[plane + at] = t2 / sqrt(VAR + eps);
#else
#define STATE float s = START;
#define GET(v) SET_X(v, r, k, ITEM) NEXT
#define PIECE \
    { \
        float v0, v1, v2, v3; \
        GET(v0) GET(v1) GET(v2) GET(v3) \
        v0 = JOIN(v0, v1), v2 = JOIN(v2, v3), v0 = JOIN(v0, v2), s = JOIN(s, v0); \
    }
#define ONE \
    { \
        float v; \
        GET(v) \
        s = JOIN(s, v); \
    }
#define KEEP tmp[t] = s;
#define TAKE(from) const float other = tmp[from]; s = JOIN(s, other);
#ifdef EPI
#define STORE(at) s /= divisor; EPI(s)
#else
#define STORE(at) out[at] = s / divisor;
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

KERNEL(reduce_tile)(const float divisor, const float eps, DIVISOR(tiles), DIVISOR(slots),
                    const int runs, const int rows, const int slot_runs, const int slot_rows,
                    const int outer, const int wide_log, const int high_log, const int deep,
                    DIVISOR(per), const int step_r, const int step_k, const int inner,
                    DIVISOR(padded), const int width, const int plane,
                    const int last PARAMS RESULT, __local float *tmp)
{
    OPEN
    OPEN_RESULT
    const int t = (int) get_local_id(0), all = (int) get_local_size(0);
    const int wide = 1 << wide_log, high = 1 << high_log;
    const int group = (int) get_group_id(0), tile = QUOTIENT(group, slots);
    const int many = QUOTIENT(tile, tiles), slot = group - tile * slots;
    const int row = t >> wide_log & (high - 1);
    const int column = (tile - many * tiles) * wide + (t & (wide - 1));
    const int unit = many * deep + (t >> wide_log >> high_log);
    const int i = min(column, inner - 1), o = min(unit, outer - 1);
    const int r0 = slot * slot_runs, r1 = slot_runs ? min(runs, r0 + slot_runs) : runs;
    const int k0 = slot * slot_rows, k1 = slot_rows ? min(rows, k0 + slot_rows) : rows;
    const int n = max((r1 - r0) * (k1 - k0), 0), skip = QUOTIENT(row, per);
    int j = row, r = r0 + skip, k = k0 + row - skip * per;
    UNIT
    STATE
#ifdef PIECE
    for (; j + (STEP - 1) * high < n;)
        PIECE
#endif
    for (; j < n;)
        ONE
    for (int d = high >> 1; d > 0; d >>= 1) {
        KEEP
        barrier(CLK_LOCAL_MEM_FENCE);
        if (row < d) {
            TAKE(t + d * wide)
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const int flat = (o * slots + slot) * inner + i, block = QUOTIENT(flat, padded);
    const int at = block * width + (flat - block * padded);
    if (row == 0 && column < inner && unit < outer && flat - block * padded < width) {
        STORE(at)
    }
}

#undef ITEM
#undef NEXT
#undef MERGE_INTO
#undef STATE
#undef KEEP
#undef TAKE
#undef STORE
#undef STEP
#undef GET
#undef SQUARE
#undef PIECE
#undef ONE
#undef RESULT
#undef OPEN_RESULT
