/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/task.h>
#include "palette.h"
#include "record.h"

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
    else if (r->n_view == RECORD_VIEWS || strlen(array) >= sizeof r->view[0].array)
        lbk_fail(r->ctx, LBK_EINVAL, "draw: expected at most %d arrays, found '%s' beside them",
                 RECORD_VIEWS, array);
    else {
        struct view *v = &r->view[r->n_view++];
        v->kind = kind;
        snprintf(v->array, sizeof v->array, "%s", array);
    }
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

void lbk_draw_box(lbk_record *r, const float box[4], int colour)
{
    struct lbk_array p;
    if (lbk_record_get(r, "picture", LBK_U8, &p))
        return;
    if (p.shape.n != 3 || p.shape.d[2] != 3) {
        lbk_fail(r->ctx, LBK_EINVAL,
                 "draw: expected 'picture' to be height x width x 3, found %d axes", p.shape.n);
        return;
    }
    struct canvas c = { p.shape.d[1], p.shape.d[0], p.data };
    const float w = (float) c.w, h = (float) c.h;
    const int64_t x0 = (int64_t) fminf(fmaxf(box[0], 0), w),
                  y0 = (int64_t) fminf(fmaxf(box[1], 0), h);
    const int64_t x1 = (int64_t) fminf(fmaxf(box[2], 0), w),
                  y1 = (int64_t) fminf(fmaxf(box[3], 0), h);
    if (x1 > x0 && y1 > y0)
        lbk__canvas_frame(&c, (struct area){ x0, y0, x1 - x0, y1 - y0 }, 1,
                          lbk__class_colour(colour));
}
