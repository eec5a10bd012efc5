/* SPDX-License-Identifier: MIT */
/* Between weights and the panels of conv_plan.h: packs them, or adds up what the slots of conv2d_dw have summed. A work-item
 * does some terms of one panel. */
#if PACK
KERNEL(conv_weights)(IN(float, weights), OUT(float, panels),
#else
KERNEL(conv_weights)(OUT(float, weights), IN(float, panels), const int slots, const int n_b,
#endif
                     TABLE(int2, term), TABLE(int, panel), const int blocks, const int oc, DIVISOR(of_group),
                     const int in_group, const int w_group, const int w_oc, const int w_ic, const int depthwise)
{
#if PACK
    OPEN_IN(float, weights)
    OPEN_OUT(float, panels)
#else
    OPEN_OUT(float, weights)
    OPEN_IN(float, panels)
#endif
    const int kb = (int) get_group_id(1), i = (int) get_group_id(2) * blocks + kb, q0 = (int) get_group_id(0) * TERMS;
    const int n = panel[3 * i];
    for (int q = q0; q < min(q0 + TERMS, n); q++) {
        const int2 t = term[panel[3 * i + 1] + q];
        const int b = panel[3 * i + 2] + q * 16;
#if !PACK
        float16 sum = vload16(0, panels + b);
        float each[16];
        for (int s = 1; s < slots; s++)
            sum += vload16(0, panels + s * n_b + b);
        vstore16(sum, 0, each);
#endif
        for (int lane = 0; lane < 16; lane++) {
            const int o = min(kb * 16 + lane, oc - 1), group = QUOTIENT(o, of_group);
            const int c = depthwise ? 0 : t.x - group * in_group;
            const int at = group * w_group + (o - group * of_group) * w_oc + c * w_ic + t.y;
            const bool is = c >= 0 && c < in_group && kb * 16 + lane < oc;
#if PACK
            panels[b + lane] = is ? weights[at] : 0.0f;
#else
            if (is)
                weights[at] = each[lane];
#endif
        }
    }
}
