/* SPDX-License-Identifier: MIT */
#include "pen.h"

uint32_t lbk__ink_colour(enum ink ink, bool dark)
{
    static const uint32_t on_white[INK_COUNT] = { 0xffffff, 0x9aa3ad, 0xe4e7eb, 0x1c2430, 0x5b6673,
                                                  0xc62828, 0x0a66b2, 0xd1570b, 0x0b8a63, 0xa8488f,
                                                  0x8a6d00, 0x2f9fd8, 0x6b4fbb, 0x5b6673 };
    static const uint32_t on_dark[INK_COUNT] = { 0x14181d, 0x5f6975, 0x2a3038, 0xe8ebee, 0xa3adb8,
                                                 0xff7b72, 0x58a6f0, 0xf5985a, 0x4cc79d, 0xe08bca,
                                                 0xd8b93c, 0x8fd0f5, 0xb6a0f5, 0xa3adb8 };
    return dark ? on_dark[ink] : on_white[ink];
}

double lbk__pen_width(const char *s, double size)
{
    return 0.56 * size * (double) lbk__utf8_count(s);
}
