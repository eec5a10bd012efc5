/* SPDX-License-Identifier: MIT */
#ifndef LBK_CPU_RAMP_H
#define LBK_CPU_RAMP_H
#include "expr.h"
#include "simd.h"

/* A ramp (expr.h) of one vector: as the operators one by one, to the bit. */
INL vf ramp_at(enum cpu_limit limit, vf x, vf scale, vf shift, float high)
{
    vf y = x * scale + shift;
    if (limit != CPU_LIMIT_NONE)
        y = vsel(y > 0.0f, y, (vf){ 0 });
    return limit == CPU_LIMIT_BOTH ? vmin(y, vset(high)) : y;
}

#endif
