/* SPDX-License-Identifier: MIT */
#include "dw_parts.h"
#include "sizes.h"

enum { LANES = CPU_BLOCK, PART_BLOCKS = 4, SLOTS = 32, FEW_TASKS = 4, TASKS = 16 };
enum { SLOT_BYTES = 8 << 20 };

void dw_parts_init(struct dw_parts *p, int64_t c, int64_t k, int64_t freqs)
{
    *p = (struct dw_parts){ .c = c, .k = k, .freqs = freqs, .slots = 1 };
    p->c_blocks = cpu_blocks(c);
    p->k_blocks = cpu_blocks(k);
    p->c_parts = up_div(p->c_blocks, PART_BLOCKS);
    p->k_parts = up_div(p->k_blocks, PART_BLOCKS);
    p->c_part = up_div(p->c_blocks, p->c_parts);
    p->k_part = up_div(p->k_blocks, p->k_parts);
    p->u_step = wino_step(p->c_part * p->k_part * LANES * LANES);
}

void dw_parts_slots(struct dw_parts *p, int64_t places, int64_t enough, int64_t few)
{
    const int64_t parts = p->c_parts * p->k_parts, bytes = parts * p->freqs * p->u_step * 4;
    p->slots = 1;
    for (int64_t s = 2; s <= SLOTS && s * parts <= TASKS && s * bytes <= SLOT_BYTES; s *= 2)
        if (places >= s * (s * parts <= FEW_TASKS ? few : enough))
            p->slots = s;
}

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
