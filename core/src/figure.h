/* SPDX-License-Identifier: MIT */
/* The curves of one run, or of several over each other: a panel for every score on validation, then one for every logged value.
 * The same drawing for the same history. */
#ifndef LBK_SRC_FIGURE_H
#define LBK_SRC_FIGURE_H
#include "history.h"
#include "pen.h"

enum { FIGURE_PANELS = 96, PANEL_WIDTH = 320, PANEL_HEIGHT = 212 };

struct level {
    const char *role, *name; /* "teacher", "accuracy" */
    double v;
};
struct figure {
    const char *title, *subtitle;
    int n;                            /* runs, 1 at least */
    const struct history *const *run; /* with the one that has most to say first */
    /* Of several: runs of one group have one colour, explained by the group's label. */
    const int *group;
    int n_group;
    const char *const *label;
    int n_level;                      /* of one alone: scores of networks that it does not train */
    const struct level *level;
};
struct panel {
    const char *part, *name; /* of the series it shows */
    const char *better;      /* "higher", "lower", "" */
};
int lbk__figure_panels(const struct figure *f, struct panel out[FIGURE_PANELS]);
/* In a box of PANEL_WIDTH x PANEL_HEIGHT whose upper left corner is at. */
void lbk__panel_draw(const struct figure *f, const struct panel *p, const struct pen *pen,
                     struct point at);
/* All of them under title, subtitle and legend, with begin and end of the pen. */
void lbk__figure_draw(const struct figure *f, const struct pen *pen);
/* What the marks mean, "" at the end: ink and text. Returns how many. */
struct legend_mark {
    enum ink ink;
    bool dashed, dot;
    const char *text;
};
int lbk__figure_legend(const struct figure *f, int most, struct legend_mark out[]);

#endif
