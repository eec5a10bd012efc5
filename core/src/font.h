/* SPDX-License-Identifier: MIT */
/* A font of one size: printable ASCII, each character five columns wide, seven rows above the line it stands on and two below. */
#ifndef LBK_SRC_FONT_H
#define LBK_SRC_FONT_H
#include <stdbool.h>

enum { FONT_COLUMNS = 5, FONT_ROWS = 9, FONT_ADVANCE = 6, FONT_LINE = 11 };

/* Ink at that place? What is not printable ASCII is a box. */
bool lbk__font_ink(int character, int column, int row);

#endif
