/* SPDX-License-Identifier: MIT */
/* A picture to draw on. What lies outside is cut off; the same calls give the same bytes everywhere. [one thread at a time] */
#ifndef LBK_SRC_CANVAS_H
#define LBK_SRC_CANVAS_H
#include "image.h"

struct rgb {
    uint8_t r, g, b;
};
#define RGB(r, g, b) ((struct rgb){ r, g, b })
#define INK RGB(32, 32, 32)
#define PAPER RGB(255, 255, 255)

/* 8-bit RGB, rows from the top. */
struct canvas {
    int64_t w, h;
    uint8_t *data;
};
struct area {
    int64_t x, y, w, h;
};

/* Of one colour. LBK_ENOMEM; LBK_EINVAL for a size that no PNG file is written of. free(out->data). */
lbk_status lbk__canvas_create(lbk_ctx *ctx, int64_t w, int64_t h, struct rgb paper, struct canvas *out);
/* PNG file, whole or not at all; text as lbk__image_write_png has it. */
lbk_status lbk__canvas_save(lbk_ctx *ctx, const char *path, const struct canvas *c, const struct image_text *text);

/* Outside: cut off. */
void lbk__canvas_dot(struct canvas *c, int64_t x, int64_t y, struct rgb colour);
void lbk__canvas_fill(struct canvas *c, struct area a, struct rgb colour);
/* A rectangle's edge, `wide` pixels inwards. */
void lbk__canvas_frame(struct canvas *c, struct area a, int64_t wide, struct rgb colour);
/* As if a sheet of that colour lay over the area, through which 1 - share of what is below is seen. */
void lbk__canvas_tint(struct canvas *c, struct area a, struct rgb colour, double share);
/* With smooth edges and round ends. Coordinates grow to the right and down; the first pixel's centre is 0.5, 0.5. */
struct stroke {
    double x0, y0, x1, y1, wide;
};
void lbk__canvas_line(struct canvas *c, struct stroke s, struct rgb colour);

/* The picture stretched to the area. CANVAS_NEAREST: no colour that was not there, for maps; CANVAS_MEAN: the mean of what a pixel
 * covers, where it shrinks. */
enum canvas_fit { CANVAS_NEAREST, CANVAS_MEAN };
void lbk__canvas_blit(struct canvas *c, struct area to, const struct canvas *from, enum canvas_fit fit);

/* Size 1 is of 5 x 7 pixels a character, in lines of 11; of UTF-8 what is not ASCII shows as a box. */
int64_t lbk__text_width(int size, const char *text);
int64_t lbk__text_height(int size);
void lbk__canvas_text(struct canvas *c, int64_t x, int64_t y, int size, struct rgb colour, const char *text);
/* In the middle of the area's height, by TEXT_LEFT at its left edge; what is too long ends in "..". */
enum text_align { TEXT_LEFT, TEXT_CENTRE, TEXT_RIGHT };
struct label {
    const char *text;
    int size;
    enum text_align align;
    struct rgb colour;
};
void lbk__canvas_label(struct canvas *c, struct area a, const struct label *l);

#endif
