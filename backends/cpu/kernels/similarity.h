/* SPDX-License-Identifier: MIT */
/* Structural similarity and its adjoint in one pass over each plane: the windows are taken row by row, and
 * what lies between them stays in cache. */
#ifndef LBK_CPU_SIMILARITY_H
#define LBK_CPU_SIMILARITY_H
#include "cpu.h"
#include "plane_taps.h"

enum { SIMILARITY_FIELDS = 4, SIMILARITY_SLOPES = 3, SIMILARITY_ROWS = 2 };

/* taps, of two results at a time, which share what they are made of: those of pair k are
 * index[first[k]] .. index[first[k + 1] - 1], times two weights each. */
struct pairs {
    int32_t *first, *index;
    float *weight;
};
/* A plane of blocks of channels, and all that is known of its windows. */
struct similarity_plane {
    const float *a, *b, *dy; /* dy NULL: similarity, else its adjoint at a */
    float *y;
    int64_t h, w;
    const struct pairs *row, *column; /* of the windows */
    const struct pairs *up, *across;  /* of their adjoint */
    float c1, c2;
    int lanes;     /* that are channels; the others get zeros */
    float *line;   /* room for SIMILARITY_ROWS rows of SIMILARITY_FIELDS */
    float *slopes; /* and for SIMILARITY_SLOPES planes, of the adjoint */
};

struct similarity_loops {
    void (*run)(const struct similarity_plane *p);
};

int similarity_supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o);
lbk_status similarity_prepare(lbk_drv *d, const struct lbk_group *g, void **own);
lbk_status similarity_launch(lbk_drv *d, const struct lbk_group *g, const void *own);
void similarity_release(void *own);

#endif
