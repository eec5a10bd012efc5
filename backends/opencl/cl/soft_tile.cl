/* SPDX-License-Identifier: MIT */
/* softmax and cross entropy, on GPUs: `high` work-items share a strip, each keeps to its own
 * elements of it, so that y may lie where x does. */
#define JOIN_MAX(a, b) ((b) > (a) ? (b) : (a))
#define JOIN_SUM(a, b) ((a) + (b))
/* v of the work-items of a strip into v of each. */
#define TREE(v, JOIN) \
    for (int d = high >> 1; d > 0; d >>= 1) { \
        tmp[t] = v; \
        barrier(CLK_LOCAL_MEM_FENCE); \
        const float other = row < d ? tmp[t + d] : v; \
        v = row < d ? JOIN(v, other) : v; \
        barrier(CLK_LOCAL_MEM_FENCE); \
    } \
    if (row == 0) \
        tmp[t] = v; \
    barrier(CLK_LOCAL_MEM_FENCE); \
    v = tmp[t - row]; \
    barrier(CLK_LOCAL_MEM_FENCE);

KERNEL(soft_tile)(const int strips, const int high_log, const int n, DIVISOR(inner),
                  __local float *tmp, IN(float, x) LABELS, OUT(float, y))
{
    OPEN_IN(float, x)
    OPEN_OUT(float, y)
    const int t = (int) get_local_id(0), high = 1 << high_log, row = t & (high - 1);
    const int strip = ((int) get_group_id(0) * (int) get_local_size(0) + t) >> high_log;
    const int end = strip < strips ? n : 0, o = QUOTIENT(strip, inner);
    const int at = o * n * inner + (strip - o * inner);
    float m = -INFINITY, s = 0.0f;
    for (int k = row; k < end; k += high) {
        const float v = x[at + k * inner];
        m = v > m ? v : m;
    }
    TREE(m, JOIN_MAX)
    for (int k = row; k < end; k += high)
        s += exp(x[at + k * inner] - m);
    TREE(s, JOIN_SUM)
#if defined KIND_LOSS || defined KIND_LOSS_DX
    OPEN_IN(int, label)
    const int said = strip < strips ? label[strip] : -1;
    const int hot = said == ignore || said >= n ? -1 : said;
#endif
#if defined KIND_LOSS
    if (row == 0 && strip < strips)
        y[strip] = hot < 0 ? 0.0f : log(s) - (x[at + hot * inner] - m);
#else
#if defined KIND_LOG
    const float log_s = log(s);
#elif defined KIND_LOSS_DX
    OPEN_IN(float, dy)
    const float g = strip < strips ? dy[strip] : 0.0f;
#endif
    for (int k = row; k < end; k += high) {
        const float v = x[at + k * inner] - m;
#if defined KIND_LOG
        y[at + k * inner] = v - log_s;
#elif defined KIND_LOSS_DX
        y[at + k * inner] = hot < 0 ? 0.0f : (exp(v) / s - (k == hot ? 1.0f : 0.0f)) * g;
#else
        y[at + k * inner] = exp(v) / s;
#endif
    }
#endif
}

#undef JOIN_MAX
#undef JOIN_SUM
#undef TREE
