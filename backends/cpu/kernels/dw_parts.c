/* SPDX-License-Identifier: MIT */
#include "dw_parts.h"
#include "sizes.h"

enum { LANES = CPU_BLOCK };

struct dw_part dw_part_of(const struct dw_parts *p, int64_t i, int64_t places, float *sums)
{
    const int64_t parts = p->c_parts * p->k_parts, part = i % parts, slot = i / parts;
    const int64_t cp = part / p->k_parts, kp = part % p->k_parts;
    struct dw_part q = { .u = sums + i * p->freqs * p->u_step };
    q.c0 = cp * p->c_part, q.c1 = least(p->c_blocks, q.c0 + p->c_part);
    q.k0 = kp * p->k_part, q.k1 = least(p->k_blocks, q.k0 + p->k_part);
    q.begin = cpu_part(places, p->slots, slot);
    q.end = cpu_part(places, p->slots, slot + 1);
    return q;
}

struct wino_weights dw_parts_weights(const struct dw_parts *p, int64_t i, const float *sums, int r,
                                     int64_t taps, float *out)
{
    const int64_t kb = i / p->c_blocks, cb = i % p->c_blocks;
    const int64_t cp = cb / p->c_part, kp = kb / p->k_part;
    const int64_t c_here = least(p->c_blocks, (cp + 1) * p->c_part) - cp * p->c_part;
    return (struct wino_weights){
        .u = sums + (cp * p->k_parts + kp) * p->freqs * p->u_step +
             (kb % p->k_part * c_here + cb % p->c_part) * LANES * LANES,
        .u_step = p->u_step,
        .slot_step = p->c_parts * p->k_parts * p->freqs * p->u_step,
        .slots = (int) p->slots,
        .r = r,
        .taps = (int) taps,
        .w = out + (kb * LANES * p->c + cb * LANES) * taps,
        .w_lane = p->c * taps,
        .channels = (int) least(LANES, p->c - cb * LANES),
        .lanes = (int) least(LANES, p->k - kb * LANES),
    };
}
