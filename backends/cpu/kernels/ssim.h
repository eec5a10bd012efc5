/* SPDX-License-Identifier: MIT */
/* Structural similarity and its adjoint in one pass over each plane: the windows are taken row by row, and
 * what lies between them stays in cache. */
#ifndef LBK_CPU_SSIM_H
#define LBK_CPU_SSIM_H
#include "cpu.h"
#include "plane_taps.h"

/* A plane of blocks of channels, and all that is known of its windows. */
struct ssim_plane {
    const float *a, *b, *dy;           /* dy NULL: similarity, else its adjoint at a */
    float *y;
    int64_t h, w;
    const struct taps *row, *column;   /* of the windows */
    const struct taps *up, *across;    /* of their adjoint */
    float c1, c2;
    int lanes;                         /* that are channels; the others get zeros */
    float *line;                       /* room for SSIM_FIELDS rows */
    float *slopes;                     /* and for SSIM_SLOPES planes, of the adjoint */
};
enum { SSIM_FIELDS = 5, SSIM_SLOPES = 3 };

struct ssim_loops {
    void (*run)(const struct ssim_plane *p);
};

int ssim_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
lbk_status ssim_prepare(lbk_drv *d, const struct lbk_group *g, void **own);
lbk_status ssim_launch(lbk_drv *d, const struct lbk_group *g, const void *own);
void ssim_release(void *own);

#endif
