/* SPDX-License-Identifier: MIT */
#include "ocl.h"

/* TASK: elements; OUTER_MOST: groups along y or z */
enum { TASK = 8192, PARAM_BYTES = 1024, CHAIN_MOST = 8, OUTER_MOST = 65535 };

/* How many maps one launch can be for: a device takes at least 1024 bytes of parameters. */
static int chain_most(const struct lbk_group *g)
{
    const int buffers = g->n_arg + g->n_out, by_bytes = PARAM_BYTES / (16 * buffers + 4),
              by_count = OCL_PARAM_MAX / (buffers + 1);
    const int most = by_bytes < by_count ? by_bytes : by_count;
    return most < CHAIN_MOST ? most : CHAIN_MOST;
}

static int supports(lbk_drv *d, const struct lbk_group *g, struct lbk_offer *o)
{
    for (int i = 0; i < g->n_arg; i++) {
        if (!ocl_is_whole(g, &g->arg[i]))
            continue;
        o->want_arg[i] = OCL_ANY;
        o->inplace |= 1u << i;
    }
    for (int k = 0; k < g->n_out; k++)
        o->want_out[k] = OCL_ANY;
    o->also = chain_most(g);
    return 1;
}

/* The axes of the map, innermost first; neighbours that every arg has, or that the same args lack,
 * are one. */
struct axes {
    int n;
    int64_t extent[LBK_MAX_DIMS];
    uint32_t has[LBK_MAX_DIMS]; /* bit i: arg i has this axis */
};

static uint32_t who_has(const struct lbk_group *g, int axis)
{
    uint32_t has = 0;
    for (int i = 0; i < g->n_arg; i++)
        has |= (uint32_t) (g->arg[i].shape.n == g->acc.n && g->arg[i].shape.d[axis] > 1) << i;
    return has;
}

static struct axes axes_of(const struct lbk_group *g)
{
    struct axes a = { .n = 0 };
    for (int k = g->acc.n - 1; k >= 0; k--) {
        if (g->acc.d[k] == 1)
            continue;
        const uint32_t has = who_has(g, k);
        if (a.n && a.has[a.n - 1] == has) {
            a.extent[a.n - 1] *= g->acc.d[k];
        } else {
            a.extent[a.n] = g->acc.d[k];
            a.has[a.n++] = has;
        }
    }
    if (!a.n)
        a.extent[0] = 1, a.n = 1;
    return a;
}

/* How an element of an arg is found, in the words of the text. */
struct find {
    const struct lbk_group *g;
    struct axes axes;
};

static void load(struct ocl_text *t, int arg, const void *ud)
{
    const struct find *f = ud;
    ocl_put(t, "arg%d[", arg);
    if (ocl_is_whole(f->g, &f->g->arg[arg]))
        ocl_put(t, "at]");
    else if (lbk_shape_count(f->g->arg[arg].shape) == 1)
        ocl_put(t, "0]");
    else {
        const char *plus = "";
        for (int k = 0; k < f->axes.n; k++) {
            if (!(f->axes.has[k] >> arg & 1))
                continue;
            ocl_put(t, "%sq%d", plus, k);
            for (int j = 0; j < k; j++)
                if (f->axes.has[j] >> arg & 1)
                    ocl_put(t, " * n%d", j);
            plus = " + ";
        }
        ocl_put(t, "]");
    }
}

/* Beside blocks (backend.h): one number for all channels of a pixel. */
static bool each_pixel(const struct lbk_arg *a)
{
    return a->shape.n == 4 && a->shape.d[2] * a->shape.d[3] > 1;
}

static void load_blocked(struct ocl_text *t, int arg, const void *ud)
{
    const struct find *f = ud;
    if (ocl_is_whole(f->g, &f->g->arg[arg]))
        ocl_put(t, "vload16(0, arg%d + at)", arg);
    else if (each_pixel(&f->g->arg[arg]))
        ocl_put(t, "(float16)(arg%d[%sp])", arg,
                f->g->arg[arg].shape.d[0] > 1 ? "n * pixels + " : "");
    else
        ocl_put(t, "channels%d", arg);
}

static void load_row(struct ocl_text *t, int arg, const void *ud)
{
    const struct find *f = ud;
    if (ocl_is_whole(f->g, &f->g->arg[arg]))
        ocl_put(t, "ocl_channels(arg%d, at, n)", arg);
    else
        ocl_put(t, "channels%d", arg);
}

/* What does not change from one pixel to the next. */
static void load_before(struct ocl_text *t, const struct lbk_group *g, int arg)
{
    const struct lbk_arg *a = &g->arg[arg];
    const bool one = lbk_shape_count(a->shape) == 1, each = !one && a->shape.d[0] > 1;
    if (!ocl_in_epi(g, arg) || ocl_is_whole(g, a) || (!one && each_pixel(a)))
        return;
    ocl_put(t, "const float16 channels%d = ", arg);
    if (one || a->shape.d[1] == 1)
        ocl_put(t, "arg%d[%s]; ", arg, each ? "n" : "0");
    else
        ocl_put(t, "ocl_channels(arg%d%s, c, channels); ", arg, each ? " + n * channels" : "");
}

/* 16 elements at once. */
static void vector_body(struct ocl_step *s, const struct find *f, bool blocked)
{
    struct ocl_text t = { 0 }, before = { 0 };
    for (int i = 0; i < f->g->n_arg; i++)
        load_before(&before, f->g, i);
    ocl_expr_text(&t, &f->g->epi, "p", blocked ? load_blocked : load_row, f);
    for (int k = 0; k < f->g->n_out; k++)
        if (blocked)
            ocl_put(&t, "vstore16(ocl_used(p%d, c, channels), 0, out%d + at); ", f->g->result[k],
                    k);
        else
            ocl_put(&t, "ocl_store(out%d + at, p%d, used); ", k, f->g->result[k]);
    ocl_define(s, "REAL", "float16");
    ocl_define_text(s, "MAP_CHANNELS", &before);
    ocl_define_text(s, "MAP_BODY", &t);
}

static void rows_body(struct ocl_step *s, const struct find *f)
{
    struct ocl_text t = { 0 };
    ocl_expr_text(&t, &f->g->epi, "p", load, f);
    for (int k = 0; k < f->g->n_out; k++)
        ocl_put(&t, "out%d[at] = p%d; ", k, f->g->result[k]);
    ocl_define_text(s, "MAP_BODY", &t);
}

/* x, y and z are the axes; those past the third are taken out of z. Flat, all are taken out of x.
 */
static void place_rows(struct ocl_step *s, const struct axes *a, bool flat)
{
    struct ocl_text t = { 0 }, params = { 0 };
    const int from = flat ? 0 : 2;
    ocl_put(&t, flat ? "const int at = x, r0 = x" : "const int at = (z * ny + y) * nx + x, q0 = x");
    if (!flat)
        ocl_put(&t, a->n > 1 ? ", n0 = nx, q1 = y, n1 = ny, r2 = z" : "");
    for (int k = from; k < a->n; k++) {
        ocl_put(&params, ", DIVISOR(n%d)", k);
        if (k + 1 < a->n)
            ocl_put(&t, ", r%d = QUOTIENT(r%d, n%d), q%d = r%d - r%d * n%d", k + 1, k, k, k, k,
                    k + 1, k);
        else
            ocl_put(&t, ", q%d = r%d", k, k);
    }
    ocl_put(&t, ";");
    ocl_define_text(s, "AXES_PARAMS", &params);
    ocl_define_text(s, "MAP_PLACE", &t);
}

static void prepare_rows(struct ocl_step *s, const struct find *f)
{
    const struct axes *a = &f->axes;
    const int64_t second = a->n > 1 ? a->extent[1] : 1;
    int64_t rest = 1;
    for (int k = 2; k < a->n; k++)
        rest *= a->extent[k];
    const bool flat = second > OUTER_MOST || rest > OUTER_MOST;
    const int64_t x = flat ? a->extent[0] * second * rest : a->extent[0];
    place_rows(s, a, flat);
    ocl_int(s, x);
    ocl_int(s, flat ? 1 : second);
    ocl_int(s, flat ? 1 : rest);
    for (int k = flat ? 0 : 2; k < a->n; k++)
        ocl_divisor(s, a->extent[k]);
    ocl_grid(s, x, flat ? 1 : second, flat ? 1 : rest);
}

/* Tasks of about TASK elements, so that a processor's cost of a group does not show. */
static void prepare_blocked(struct ocl_step *s, const struct find *f)
{
    const lbk_shape *d = &f->g->acc;
    const int64_t pixels = d->d[2] * d->d[3], blocks = ocl_blocks(d->d[1]);
    const int64_t parts = (pixels + TASK / OCL_BLOCK - 1) / (TASK / OCL_BLOCK);
    const int64_t groups[] = { parts, blocks, d->d[0] }, one[] = { 1, 1, 1 };
    ocl_int(s, pixels);
    ocl_int(s, blocks);
    ocl_int(s, d->d[1]);
    ocl_int(s, parts ? (pixels + parts - 1) / parts : 1);
    ocl_groups(s, groups, one);
}

/* Buffer v of this chain, for the part a work-item belongs to. */
static void choose(struct ocl_text *t, const char *type, const char *v, int i, int parts)
{
    ocl_put(t, "__global %s *%s%d = ", type, v, i);
    for (int k = 0; k + 1 < parts; k++)
        ocl_put(t, "part == %d ? %s%d_%d_base + %s%d_%d_at : ", k, v, i, k, v, i, k);
    ocl_put(t, "%s%d_%d_base + %s%d_%d_at; ", v, i, parts - 1, v, i, parts - 1);
}

static void chain_params(struct ocl_step *s, const struct lbk_group *g, int parts)
{
    struct ocl_text params = { 0 }, open = { 0 };
    ocl_put(&open, "const int nx = ");
    for (int k = 0; k < parts; k++, g = g->also) {
        ocl_put(&params, "%sconst int n_%d", k ? ", " : "", k);
        if (k + 1 < parts)
            ocl_put(&open, "part == %d ? n_%d : ", k, k);
        else
            ocl_put(&open, "n_%d;", k);
        ocl_int(s, lbk_shape_count(g->acc));
        ocl_link(s, k);
        for (int i = 0; i < g->n_arg; i++)
            if (ocl_in_epi(g, i))
                ocl_put(&params, ", IN(float, arg%d_%d)", i, k), ocl_arg(s, i);
        for (int i = 0; i < g->n_out; i++)
            ocl_put(&params, ", OUT(float, out%d_%d)", i, k), ocl_out(s, i);
    }
    ocl_define_text(s, "CHAIN_PARAMS", &params);
    ocl_define_text(s, "CHAIN_LENGTH", &open);
}

static void prepare_chain(const struct lbk_group *g, lbk_code *c)
{
    struct ocl_step *s = ocl_step(c, "map_chain");
    struct ocl_text open = { 0 };
    struct find f = { .g = g };
    int parts = 0;
    int64_t longest = 0;
    for (const struct lbk_group *l = g; l; l = l->also, parts++)
        longest = lbk_shape_count(l->acc) > longest ? lbk_shape_count(l->acc) : longest;
    chain_params(s, g, parts);
    for (int i = 0; i < g->n_arg; i++)
        if (ocl_in_epi(g, i))
            choose(&open, "const float", "arg", i, parts);
    for (int i = 0; i < g->n_out; i++)
        choose(&open, "float", "out", i, parts);
    ocl_define_text(s, "CHAIN_OPEN", &open);
    ocl_define(s, "PARTS", "%d", parts);
    rows_body(s, &f);
    ocl_grid(s, longest, parts, 1);
}

static void prepare_row(struct ocl_step *s, const struct find *f)
{
    const int64_t n = lbk_shape_count(f->g->acc);
    const int64_t groups[] = { (n + TASK - 1) / TASK, 1, 1 }, one[] = { 1, 1, 1 };
    ocl_int(s, n);
    ocl_int(s, TASK);
    ocl_groups(s, groups, one);
}

/* On a processor: are all args whole or numbers? */
static bool is_row(const lbk_drv *d, const struct lbk_group *g)
{
    bool yes = d->family == OCL_WIDE;
    for (int i = 0; i < g->n_arg; i++)
        yes = yes && (ocl_is_whole(g, &g->arg[i]) || lbk_shape_count(g->arg[i].shape) == 1);
    return yes;
}

static void prepare(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    const struct find f = { .g = g, .axes = axes_of(g) };
    const bool blocked = ocl_is_cblk(&g->out[0]), row = !blocked && is_row(d, g);
    if (g->also) {
        prepare_chain(g, c);
        return;
    }
    struct ocl_step *s = ocl_step(c, blocked ? "map_blocked" : row ? "map_row" : "map");
    if (!s)
        return;
    if (blocked)
        prepare_blocked(s, &f);
    else if (row)
        prepare_row(s, &f);
    else
        prepare_rows(s, &f);
    ocl_epi_buffers(s, g);
    if (blocked || row)
        vector_body(s, &f, blocked);
    else
        rows_body(s, &f);
}

const struct ocl_kernel ocl_kernel_map = { .op = "map", OCL_ANY_FAMILY(supports, prepare) };
