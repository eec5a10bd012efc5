/* SPDX-License-Identifier: MIT */
/* The gradient of the weights of groups of few channels: G work-items sum one part of the pixels of
 * all images for four terms of one channel of dy, and add their sums up by a tree. PARTIAL: into
 * scratch, to be added to those of other parts. */
#define INSIDE(t) ((uint) (row + t.y) < (uint) high && (uint) (col + t.z) < (uint) wide)
#define LOOK(t) (INSIDE(t) ? x[from + t.x] : 0.0f)
#if PARTIAL
# define STORE_PARAMS , OUT(float, sums)
# define OPEN_STORE OPEN_OUT(float, sums)
# define STORE(v) sums[part * channels * terms + at] = v;
#else
# define STORE_PARAMS EPI_PARAMS
# define OPEN_STORE EPI_OPEN
# define STORE(v) EPI((v))
#endif

__attribute__((reqd_work_group_size(G, 1, 1)))
KERNEL(depthwise_tile_dw)(
    IN(float, x), IN(float, dy), TABLE(int4, term), const int terms,
    DIVISOR(chunks),
    const int in_channels, DIVISOR(channels),
    DIVISOR(of_group), const int in_group,
    const int high, const int wide, const int is, const int top, const int left,
    const int all, const int of_part, DIVISOR(pixels),
    DIVISOR(cols) STORE_PARAMS)
{
    __local float4 local_sum[G];
    OPEN_IN(float, x)
    OPEN_IN(float, dy)
    OPEN_STORE
    const int lid = (int) get_local_id(0), task = (int) get_group_id(0);
    const int rest = QUOTIENT(task, chunks), first = (task - rest * chunks) * 4;
    const int part = QUOTIENT(rest, channels), channel = rest - part * channels;
    const int end = min((part + 1) * of_part, all);
    const int4 t0 = term[first], t1 = term[min(first + 1, terms - 1)];
    const int4 t2 = term[min(first + 2, terms - 1)], t3 = term[min(first + 3, terms - 1)];
    x += QUOTIENT(channel, of_group) * in_group * high * wide;
    dy += channel * pixels;
    float4 acc = 0;
    for (int p = part * of_part + lid; p < end; p += G) {
        const int image = QUOTIENT(p, pixels), q = p - image * pixels, i = QUOTIENT(q, cols);
        const int row = i * is - top, col = (q - i * cols) * is - left;
        const int from = (image * in_channels * high + row) * wide + col;
        const float4 seen = (float4)(LOOK(t0), LOOK(t1), LOOK(t2), LOOK(t3));
        acc = fma((float4)(dy[image * channels * pixels + q]), seen, acc);
    }
    local_sum[lid] = acc;
    for (int half_of = G / 2; half_of > 0; half_of /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lid < half_of)
            local_sum[lid] += local_sum[lid + half_of];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lid < 4 && first + lid < terms) {
        const int at = channel * terms + first + lid;
        STORE(((__local const float *) local_sum)[lid])
    }
}
#undef INSIDE
#undef LOOK
#undef STORE_PARAMS
#undef OPEN_STORE
#undef STORE
