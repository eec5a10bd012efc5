/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "reduce.h"

enum { PARAMS_MOST = 64, PARAMS_OWN = 29, GROUP = 256, TASK = 4096 };

/* ---- the walk over the operands of a group ---- */

static bool same_shape(lbk_shape a, lbk_shape b)
{
    return a.n == b.n && memcmp(a.d, b.d, sizeof a.d[0] * (size_t) a.n) == 0;
}

static uint32_t axes_of(const struct lbk_group *g, enum ocl_reduce kind)
{
    return kind >= OCL_STATS ? ~2u : (uint32_t) ((const struct lbk_reduce *) g->params)->axes;
}

static int n_reduced(enum ocl_reduce kind) { return kind == OCL_SUMS ? 2 : 1; }

static bool reduced(const struct lbk_group *g, enum ocl_reduce kind, int arg)
{
    for (int i = 0; i < n_reduced(kind); i++)
        if (ocl_reads(&g->operand[i], arg))
            return true;
    return false;
}

/* Steps of a source of shape a along the axes of the operand's storage. */
static void steps_of(lbk_shape a, lbk_shape s, bool blocked, int64_t step[OCL_AXES])
{
    int64_t at = 1;
    if (blocked) {
        const bool whole = same_shape(a, s), lanes = whole || a.d[1] > 1;
        const int64_t pixels = a.d[2] * a.d[3], unit = whole ? OCL_BLOCK : 1,
                      plane = whole ? pixels * unit : OCL_BLOCK,
                      image = whole ? ocl_blocks(s.d[1]) * plane : a.d[1] * pixels;
        step[0] = a.d[0] > 1 ? image : 0;
        step[1] = lanes ? plane : 0;
        step[2] = pixels > 1 ? unit : 0;
        step[3] = lanes;
        return;
    }
    for (int i = s.n - 1; i >= 0; i--) {
        step[i] = a.d[i] == 1 ? 0 : at;
        at *= a.d[i];
    }
}

/* Inside of those that are there; neighbours that every source steps through alike are one. */
static void append(struct ocl_walk *w, const struct ocl_axis *a)
{
    struct ocl_axis *last = w->n_axis ? &w->axis[w->n_axis - 1] : NULL;
    bool joins = last && last->gone == a->gone;
    if (a->n == 1)
        return;
    for (int k = 0; k < w->n_source && joins; k++)
        joins = last->step[k] == a->step[k] * a->n;
    if (!joins) {
        w->axis[w->n_axis++] = *a;
        return;
    }
    last->n *= a->n;
    memcpy(last->step, a->step, sizeof a->step);
}

static void add_axes(struct ocl_walk *w, lbk_shape s, uint32_t axes, bool blocked,
                     const lbk_shape source[])
{
    int64_t step[OCL_SOURCES][OCL_AXES] = { 0 };
    const int64_t n[] = { s.d[0], ocl_blocks(s.d[1]), s.d[2] * s.d[3], OCL_BLOCK };
    const bool gone[] = { axes & 1, false, true, false };
    for (int k = 0; k < w->n_source; k++)
        if (w->source[k].used)
            steps_of(source[k], s, blocked, step[k]);
    for (int i = 0; i < (blocked ? 4 : s.n); i++) {
        struct ocl_axis a = { .n = blocked ? n[i] : s.d[i],
                              .gone = blocked ? gone[i] : axes >> i & 1 };
        for (int k = 0; k < w->n_source; k++)
            a.step[k] = step[k][i];
        append(w, &a);
    }
}

/* Nothing is reduced: no element is read, and each result is what a reduction begins with. Mean and
 * variance are there all the same, one of each for each result. */
static void empty_walk(struct ocl_walk *w, lbk_shape s, uint32_t axes)
{
    int64_t kept = 1;
    for (int i = 0; i < s.n; i++)
        kept *= axes >> i & 1 ? 1 : s.d[i];
    w->axis[0] = (struct ocl_axis){ .n = 0, .gone = true };
    w->axis[1] = (struct ocl_axis){ .n = kept };
    for (int k = 0; k < w->n_source; k++)
        w->axis[w->kind == OCL_SUMS && k >= w->n_source - 2].step[k] = 1;
    w->n_axis = 2;
    w->channels = 0, w->fold = false;
}

static void walk_of(const struct lbk_group *g, enum ocl_reduce kind, bool blocked,
                    struct ocl_walk *w)
{
    const uint32_t axes = axes_of(g, kind);
    lbk_shape s = { 0 }, source[OCL_SOURCES];
    ocl_operand_shape(g, 0, &s);
    *w = (struct ocl_walk){ .kind = kind == OCL_MEAN ? OCL_SUM : kind, .n_source = g->n_arg };
    for (int i = 0; i < g->n_arg; i++) {
        w->source[i] = (struct ocl_source){ .used = reduced(g, kind, i),
                                            .arg = i,
                                            .limit = (int64_t) lbk_arg_bytes(&g->arg[i]) / 4 };
        source[i] = g->arg[i].shape;
    }
    for (int i = 0; kind == OCL_SUMS && i < 2; i++) {
        const int k = w->n_source++;
        source[k] = s;
        for (int a = 0; a < s.n; a++)
            source[k].d[a] = a == 1 ? s.d[1] : 1;
        w->source[k] = (struct ocl_source){ .used = true,
                                            .arg = ocl_plain_operand(g, 2),
                                            .at = (size_t) (i * s.d[1]),
                                            .limit = s.d[1] };
    }
    w->channels = blocked ? s.d[1] : 0;
    w->fold = blocked && (axes & 2);
    if (lbk_shape_count(s))
        add_axes(w, s, axes, blocked, source);
    else
        empty_walk(w, s, axes);
}

/* ---- what is taken ---- */

static bool few_params(lbk_drv *d, const struct lbk_group *g, const struct ocl_walk *w)
{
    struct ocl_pass p;
    ocl_pass_choose(d->family, w, &p);
    int n = PARAMS_OWN + 3 * p.n_kept;
    for (int k = 0; k < w->n_source; k++) {
        n += w->source[k].used ? 4 + (w->source[k].at > 0) : 0;
        for (int j = 0; j < p.n_kept && w->source[k].used; j++)
            n += w->axis[p.kept[j]].step[k] != 0;
    }
    return n + (ocl_plain_epi(g) ? 1 : g->n_arg + g->n_out) <= PARAMS_MOST;
}

static size_t scratch_of(lbk_drv *d, const struct ocl_walk *first)
{
    struct ocl_walk w = *first, next;
    struct ocl_pass p;
    size_t at = 0;
    for (ocl_pass_choose(d->family, &w, &p); !p.last; ocl_pass_choose(d->family, &w, &p)) {
        ocl_pass_next(&w, &p, at, &next);
        at += ocl_pass_bytes(&w, &p);
        w = next;
    }
    return at;
}

static bool may_block(const struct lbk_group *g, enum ocl_reduce kind, lbk_shape s)
{
    if (s.n != 4 || (axes_of(g, kind) & 12) != 12 || !lbk_shape_count(s))
        return false;
    for (int i = 0; i < g->n_arg; i++)
        if (reduced(g, kind, i) &&
            (ocl_in_epi(g, i) ||
             (!same_shape(g->arg[i].shape, s) && !lbk_beside_blocks(g->arg[i].shape, s))))
            return false;
    return true;
}

int ocl_reduce_supports(lbk_drv *d, const struct lbk_group *g, enum ocl_reduce kind,
                        struct lbk_offer *o)
{
    lbk_shape s = { 0 }, other = { 0 };
    struct ocl_walk w;
    if (kind >= OCL_STATS ? !ocl_plain_epi(g) : !ocl_epi_fits(g, -1))
        return 0;
    if (!ocl_operand_shape(g, 0, &s))
        return 0;
    if (kind == OCL_SUMS &&
        (ocl_plain_operand(g, 2) < 0 || !ocl_operand_shape(g, 1, &other) || !same_shape(other, s)))
        return 0;
    const bool blocks = may_block(g, kind, s);
    for (int i = 0; i < g->n_arg; i++)
        if (blocks && reduced(g, kind, i) && same_shape(g->arg[i].shape, s))
            o->want_arg[i] = OCL_ANY;
    for (int blocked = 0; blocked <= blocks; blocked++) { /* the layout is not known at first */
        walk_of(g, kind, blocked, &w);
        if (!few_params(d, g, &w))
            return 0;
        const size_t bytes = scratch_of(d, &w);
        o->scratch = bytes > o->scratch ? bytes : o->scratch;
    }
    return 1;
}

/* ---- steps ---- */

static int log2_of(int64_t power)
{
    int n = 0;
    while (power >> n > 1)
        n++;
    return n;
}

struct emit {
    lbk_drv *d;
    const struct lbk_group *g;
    struct ocl_step *s;
    const struct ocl_walk *w;
    const struct ocl_pass *p;
    bool wide, along;
};

static int64_t step_at(const struct emit *e, int source, int axis)
{
    return axis < 0 ? 0 : e->w->axis[axis].step[source];
}

/* Differs from element to element of what is summed; else it is read once for each unit. */
static bool moves(const struct emit *e, int source)
{
    return step_at(e, source, e->p->rows) || step_at(e, source, e->p->runs);
}

/* Differs from lane to lane. */
static bool spreads(const struct emit *e, int source)
{
    return step_at(e, source, e->along ? e->p->rows : e->p->inner) != 0;
}

/* Lanes past the last channel may lie past the end of what has no such lanes itself. */
static bool overruns(const struct emit *e, int source)
{
    int64_t last = 0;
    for (int j = 0; j < e->w->n_axis; j++)
        last += (e->w->axis[j].n - 1) * e->w->axis[j].step[source];
    return last >= e->w->source[source].limit;
}

static void load(struct ocl_text *t, int k, const void *ud)
{
    const struct emit *e = ud;
    if (!moves(e, k))
        ocl_put(t, "a%d_v", k);
    else if (!e->wide && overruns(e, k))
        ocl_put(t, "a%d[min(a%d_o + (r) * a%d_run + (k) * a%d_row, a%d_limit - 1)]", k, k, k, k, k);
    else if (e->wide && !spreads(e, k))
        ocl_put(t, "(float16)(a%d[a%d_o + (r) * a%d_run + (k) * a%d_row])", k, k, k, k);
    else
        ocl_put(t, "LOAD(a%d, a%d_o + (r) * a%d_run + (k) * a%d_row, a%d_limit)", k, k, k, k, k);
}

/* Where a unit begins in a source, and what is read only once. */
static void begin_source(const struct emit *e, struct ocl_text *unit, int k)
{
    ocl_put(unit, "const int a%d_o = 0", k);
    for (int j = 0; j < e->p->n_kept; j++)
        if (step_at(e, k, e->p->kept[j]))
            ocl_put(unit, " + c%d * a%d_c%d", j, k, j);
    ocl_put(unit, step_at(e, k, e->p->inner) ? " + i; " : "; ");
    if (moves(e, k))
        return;
    if (!e->wide)
        ocl_put(unit, "const float a%d_v = a%d[min(a%d_o, a%d_limit - 1)]; ", k, k, k, k);
    else if (spreads(e, k))
        ocl_put(unit, "const float16 a%d_v = ocl_channels(a%d, a%d_o, a%d_limit); ", k, k, k, k);
    else
        ocl_put(unit, "const float16 a%d_v = (float16)(a%d[a%d_o]); ", k, k, k);
}

/* Parameters of a source. Vectors along the rows hold 16 of them. */
static void add_source(const struct emit *e, struct ocl_text *params, struct ocl_text *open, int k)
{
    const struct ocl_source *from = &e->w->source[k];
    ocl_put(params, ", IN(float, a%d), const int a%d_limit, ", k, k);
    ocl_put(params, "const int a%d_run, const int a%d_row", k, k);
    ocl_put(open, "OPEN_IN(float, a%d) ", k);
    if (from->arg < 0)
        ocl_scratch(e->s, from->at, sizeof(float));
    else
        ocl_arg(e->s, from->arg);
    ocl_int(e->s, from->limit);
    ocl_int(e->s, step_at(e, k, e->p->runs));
    ocl_int(e->s, step_at(e, k, e->p->rows) * (e->wide && e->along ? OCL_BLOCK : 1));
    if (from->arg >= 0 && from->at) {
        ocl_put(params, ", const int a%d_skip", k);
        ocl_put(open, "a%d += a%d_skip; ", k, k);
        ocl_int(e->s, (int64_t) from->at);
    }
    for (int j = 0; j < e->p->n_kept; j++) {
        if (!step_at(e, k, e->p->kept[j]))
            continue;
        ocl_put(params, ", const int a%d_c%d", k, j);
        ocl_int(e->s, step_at(e, k, e->p->kept[j]));
    }
}

/* Coordinates of the kept axes; all of these texts are short of what is read. */
static void add_kept(const struct emit *e, struct ocl_text *params, struct ocl_text *unit)
{
    ocl_put(unit, "int rest = o; ");
    for (int j = e->p->n_kept - 1; j > 0; j--) {
        ocl_put(params, ", DIVISOR(e%d)", j);
        ocl_divisor(e->s, e->w->axis[e->p->kept[j]].n);
        ocl_put(unit, "const int q%d = QUOTIENT(rest, e%d), ", j, j);
        ocl_put(unit, "c%d = rest - q%d * e%d; rest = q%d; ", j, j, j, j);
    }
    ocl_put(unit, "const int c0 = rest; ");
}

static void add_sources(const struct emit *e)
{
    struct ocl_text params = { 0 }, open = { 0 }, unit = { 0 }, fits = { 0 };
    add_kept(e, &params, &unit);
    ocl_put(&fits, "1");
    for (int k = 0; k < e->w->n_source; k++) {
        if (!e->w->source[k].used)
            continue;
        add_source(e, &params, &open, k);
        begin_source(e, &unit, k);
        if (moves(e, k) && spreads(e, k))
            ocl_put(&fits, " && a%d_o + (r) * a%d_run + (k) * a%d_row + 16 <= a%d_limit", k, k, k,
                    k);
    }
    ocl_define_text(e->s, "PARAMS", &params);
    ocl_define_text(e->s, "OPEN", &open);
    ocl_define_text(e->s, "UNIT", &unit);
    ocl_define_text(e->s, "FITS(r, k)", &fits);
}

static void set(const struct emit *e, const char *macro, const char *prefix,
                const struct lbk_expr *x)
{
    struct ocl_text t = { 0 };
    ocl_put(&t, "{ ");
    ocl_expr_text(&t, x, prefix, load, e);
    ocl_put(&t, "to = %s%d; }", prefix, x->n - 1);
    ocl_define_text(e->s, macro, &t);
}

/* What a reduction of this kind begins with, and how two partial results become one. */
static void define_join(struct ocl_step *s, enum ocl_reduce kind)
{
    const bool max = kind == OCL_MAX, min = kind == OCL_MIN;
    ocl_define(s, "START", "%s", max ? "-INFINITY" : min ? "INFINITY" : "0.0f");
    ocl_define(s, "JOIN(a, b)", "%s",
               max   ? "((b) > (a) ? (b) : (a))"
               : min ? "((b) < (a) ? (b) : (a))"
                     : "((a) + (b))");
}

static void add_values(const struct emit *e)
{
    static const char *const macros[] = { "SET_X(to, r, k, LOAD)", "SET_Y(to, r, k, LOAD)",
                                          "SET_Z(to, r, k, LOAD)" };
    static const char *const names[] = { "x", "y", "z" };
    static const char *const kinds[] = {
        [OCL_SUM] = "KIND_SUM",     [OCL_MAX] = "KIND_MAX",     [OCL_MIN] = "KIND_MIN",
        [OCL_STATS] = "KIND_STATS", [OCL_MERGE] = "KIND_MERGE", [OCL_SUMS] = "KIND_SUMS"
    };
    const bool first = e->w->source[0].arg >= 0;
    const int n = e->w->kind == OCL_MERGE ? 3 : n_reduced(e->w->kind);
    ocl_define(e->s, kinds[e->w->kind], "1");
    define_join(e->s, e->w->kind);
    if (e->wide)
        ocl_define(e->s, "REAL", "float16");
    for (int i = 0; i < n; i++) {
        const struct lbk_expr plain = { 1, { { .kind = LBK_WORD_ARG, .arg = (uint8_t) i } } };
        set(e, macros[i], names[i], first ? &e->g->operand[i] : &plain);
    }
    if (e->w->kind == OCL_SUMS) {
        ocl_define(e->s, "MEAN", "a%d_v", e->w->n_source - 2);
        ocl_define(e->s, "VAR", "a%d_v", e->w->n_source - 1);
    }
}

/* Whatever does not go with blocks of channels is one run of results. */
static void add_result(const struct emit *e, size_t at)
{
    static const struct ocl_places places = { "at", -1, "" };
    const struct ocl_pass *p = e->p;
    const bool cut = p->last && e->w->channels;
    const lbk_shape *out = &e->g->out[0].shape;
    ocl_int(e->s, p->n_inner);
    ocl_divisor(e->s, cut ? ocl_up(e->w->channels, OCL_BLOCK) : INT32_MAX);
    ocl_int(e->s, cut ? e->w->channels : INT32_MAX);
    ocl_int(e->s, p->last ? out->n == 2 ? out->d[1] : 0
                          : ocl_up(p->outer * p->slots * p->n_inner, OCL_BLOCK));
    ocl_int(e->s, p->last);
    add_sources(e);
    if (p->last && e->w->kind < OCL_STATS && !ocl_plain_epi(e->g))
        ocl_epi(e->s, e->g, &places);
    else if (p->last)
        ocl_out(e->s, 0);
    else
        ocl_scratch(e->s, at, sizeof(float));
}

static void begin_step(const struct emit *e, double divisor, double eps)
{
    const struct ocl_pass *p = e->p;
    const int64_t lanes = e->wide && e->along ? OCL_BLOCK : 1;
    ocl_float(e->s, (float) (p->last ? divisor : 1));
    ocl_float(e->s, (float) eps);
    ocl_divisor(e->s, p->tiles);
    ocl_divisor(e->s, p->slots);
    ocl_int(e->s, p->n_runs);
    ocl_int(e->s, p->n_rows / lanes);
    ocl_int(e->s, p->slot_runs);
    ocl_int(e->s, p->slot_rows / lanes);
}

/* A task walks over units until they are worth it. */
static void wide_step(const struct emit *e, size_t at)
{
    const struct ocl_pass *p = e->p;
    const int64_t units = p->outer * p->tiles * p->slots,
                  each = p->n_runs * p->n_rows / p->slots * (e->along ? 1 : OCL_BLOCK) + 1,
                  per = 1 + TASK / each, groups[3] = { (units + per - 1) / per, 1, 1 };
    ocl_int(e->s, units);
    ocl_int(e->s, per);
    ocl_int(e->s, e->along);
    ocl_int(e->s, e->along ? p->n_rows % OCL_BLOCK : 0);
    add_result(e, at);
    ocl_groups(e->s, groups, (int64_t[3]){ 1, 1, 1 });
}

/* A group holds as many rows side by side as have some 8 elements each, and then other units. */
static void tile_step(const struct emit *e, size_t at)
{
    const struct ocl_pass *p = e->p;
    int64_t all = GROUP, high = 1;
    while (all > (int64_t) e->d->limits.group)
        all /= 2;
    const int64_t most = p->n_runs * p->n_rows / p->slots / 8;
    while (2 * high <= most && 2 * high * p->tile <= all)
        high *= 2;
    const int64_t deep = all > p->tile * high ? all / (p->tile * high) : 1,
                  per = p->n_rows > 1 ? p->n_rows : 1;
    ocl_int(e->s, p->outer);
    ocl_int(e->s, log2_of(p->tile));
    ocl_int(e->s, log2_of(high));
    ocl_int(e->s, deep);
    ocl_divisor(e->s, per);
    ocl_int(e->s, p->slot_rows ? 0 : high / per);
    ocl_int(e->s, p->slot_rows ? high : high % per);
    add_result(e, at);
    ocl_local(e->s, 3 * sizeof(float) * (size_t) (p->tile * high * deep));
    ocl_groups(e->s, (int64_t[3]){ (p->outer + deep - 1) / deep * p->tiles * p->slots, 1, 1 },
               (int64_t[3]){ p->tile * high * deep, 1, 1 });
}

static void add_step(lbk_drv *d, const struct lbk_group *g, const struct ocl_walk *w,
                     const struct ocl_pass *p, size_t at, double divisor, lbk_code *c)
{
    const bool wide = d->family == OCL_WIDE;
    const struct emit e = { .d = d,
                            .g = g,
                            .s = ocl_step(c, wide ? "reduce_wide" : "reduce_tile"),
                            .w = w,
                            .p = p,
                            .wide = wide,
                            .along = p->inner < 0 };
    begin_step(&e, divisor, w->kind == OCL_SUMS ? ((const struct lbk_bn *) g->params)->eps : 0);
    if (wide)
        wide_step(&e, at);
    else
        tile_step(&e, at);
    add_values(&e);
}

/* Elements that go into one. */
static double count_of(const struct lbk_group *g, enum ocl_reduce kind)
{
    lbk_shape s = { 0 };
    double n = 1;
    ocl_operand_shape(g, 0, &s);
    for (int i = 0; i < s.n; i++)
        n *= axes_of(g, kind) >> i & 1 ? (double) s.d[i] : 1;
    return n;
}

void ocl_reduce_prepare(lbk_drv *d, const struct lbk_group *g, enum ocl_reduce kind, lbk_code *c)
{
    struct ocl_walk w, next;
    struct ocl_pass p = { .last = false };
    const double divisor = kind == OCL_MEAN ? count_of(g, kind) : 1;
    bool blocked = false;
    for (int i = 0; i < g->n_arg; i++)
        blocked |= reduced(g, kind, i) && ocl_is_cblk(&g->arg[i]);
    walk_of(g, kind, blocked, &w);
    for (size_t at = 0; !p.last;) {
        ocl_pass_choose(d->family, &w, &p);
        add_step(d, g, &w, &p, at, divisor, c);
        if (p.last)
            return;
        ocl_pass_next(&w, &p, at, &next);
        at += ocl_pass_bytes(&w, &p);
        w = next;
    }
}
