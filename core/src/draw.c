/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/task.h>
#include "record.h"

static void add(lbk_record *r, struct view v, const char *array)
{
    if (r->n_view == RECORD_VIEWS || strlen(array) >= sizeof v.array) {
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected at most %d arrays, found '%s' beside them",
                 RECORD_VIEWS, array);
        return;
    }
    snprintf(v.array, sizeof v.array, "%s", array);
    r->view[r->n_view++] = v;
}

static void view(lbk_record *r, const char *array, enum view_kind kind)
{
    struct lbk_array a;
    if (lbk_record_get(r, array, kind == VIEW_LABELS ? LBK_I32 : LBK_F32, &a))
        return;
    const int64_t h = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 2],
                  w = a.shape.n < 2 ? 0 : a.shape.d[a.shape.n - 1], n = lbk_shape_count(a.shape);
    if (kind == VIEW_SCORES ? n < 1 : h < 1 || w < 1 || n != h * w)
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected '%s' to be %s, found %d axes", array,
                 kind == VIEW_SCORES ? "scores" : "one map", a.shape.n);
    else
        add(r, (struct view){ kind, "", 0 }, array);
}

void lbk_draw_map(lbk_record *r, const char *array, const char *palette)
{
    if (!strcmp(palette, "classes"))
        view(r, array, VIEW_LABELS);
    else if (!strcmp(palette, "turbo"))
        view(r, array, VIEW_METRES);
    else
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected the palette classes or turbo, got '%s'",
                 palette);
}

void lbk_draw_scores(lbk_record *r, const char *array) { view(r, array, VIEW_SCORES); }

void lbk_draw_boxes(lbk_record *r, const char *array, double least)
{
    struct lbk_array a;
    if (lbk_record_get(r, array, LBK_F32, &a))
        return;
    if (a.shape.n != 2 || a.shape.d[1] != 6)
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected '%s' to be n x 6, found %d axes", array,
                 a.shape.n);
    else
        add(r, (struct view){ VIEW_BOXES, "", least }, array);
}
