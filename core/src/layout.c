/* SPDX-License-Identifier: MIT */
/* Layouts of the stored values. Maps and indifferent operators tie what they touch into regions;
 * the other groups vote for the regions of their operands by the bytes they would move; a lost vote
 * costs a reorder on that edge. */
#include <stdlib.h>
#include <string.h>
#include "plan.h"

static const struct lbk_layout row_major = { LBK_ROW_MAJOR, 0 };

/* Regions are a union-find over values, then groups. */
struct regions {
    struct plan *p;
    int64_t n_value;
    uint32_t *up;
    double *blocked, *rows;
    uint8_t block;
};

static uint32_t find(struct regions *r, uint32_t i)
{
    while (r->up[i] != i)
        i = r->up[i] = r->up[r->up[i]];
    return i;
}

static void tie(struct regions *r, uint32_t a, uint32_t b)
{
    a = find(r, a), b = find(r, b);
    if (a == b)
        return;
    r->up[b] = a;
    r->blocked[a] += r->blocked[b];
    r->rows[a] += r->rows[b];
}

static bool free_layout(const struct value *v)
{
    return v->kind == VALUE_TEMP && !v->row_major && v->shape.n == 4 && v->dtype == LBK_F32 &&
           v->home == NONE;
}

static double bytes_of(const struct lbk_arg *a) { return 4.0 * (double) lbk_shape_count(a->shape); }

static uint32_t own(const struct regions *r, int64_t group)
{
    return (uint32_t) (r->n_value + group);
}

static void vote_map(struct regions *r, int64_t id)
{
    struct group *g = &r->p->group[id];
    const uint32_t me = own(r, id);
    if (g->g.acc.n != 4)
        r->rows[find(r, me)] += 1e30;
    for (int i = 0; i < g->g.n_arg + g->g.n_out; i++) {
        const bool arg = i < g->g.n_arg;
        const struct lbk_arg *a = arg ? &g->g.arg[i] : &g->g.out[i - g->g.n_arg];
        const uint32_t v = arg ? g->arg[i] : g->out[i - g->g.n_arg];
        if (!lbk__same_shape(a->shape, g->g.acc))
            r->rows[find(r, me)] += lbk_beside_blocks(a->shape, g->g.acc) ? 0 : 1e30;
        else if (free_layout(&r->p->value[v]) && g->g.acc.n == 4)
            tie(r, me, v);
        else
            r->rows[find(r, me)] += bytes_of(a);
    }
}

static void vote(struct regions *r, int64_t id, const struct lbk_arg *a, uint32_t v,
                 struct lbk_layout want)
{
    const bool can = free_layout(&r->p->value[v]);
    const uint32_t at = find(r, can ? v : own(r, id));
    if (want.order == LBK_ANY) {
        if (can)
            tie(r, own(r, id), v);
        else
            r->rows[find(r, own(r, id))] += bytes_of(a);
    } else if (want.order == LBK_CBLK) {
        r->block = want.block;
        r->blocked[at] += can ? bytes_of(a) : 0;
    } else if (can) {
        r->rows[at] += bytes_of(a);
    }
}

static void vote_anchor(struct regions *r, int64_t id)
{
    struct group *g = &r->p->group[id];
    for (int i = 0; i < g->g.n_arg; i++)
        vote(r, id, &g->g.arg[i], g->arg[i], g->fallback ? row_major : g->offer.want_arg[i]);
    for (int i = 0; i < g->g.n_out; i++)
        vote(r, id, &g->g.out[i], g->out[i], g->fallback ? row_major : g->offer.want_out[i]);
}

static struct lbk_layout of_region(struct regions *r, uint32_t i)
{
    i = find(r, i);
    return r->blocked[i] > r->rows[i] ? (struct lbk_layout){ LBK_CBLK, r->block } : row_major;
}

/* Without an image, whole blocks of channels are the same bytes in either layout: no reorder. */
static bool same_bytes(lbk_shape s, struct lbk_layout a, struct lbk_layout b)
{
    if (a.order == b.order)
        return a.order == LBK_ROW_MAJOR || a.block == b.block;
    const int block = a.order == LBK_CBLK ? a.block : b.block;
    return s.n == 4 && s.d[2] == 1 && s.d[3] == 1 && s.d[1] % block == 0;
}

static struct lbk_layout needed(struct regions *r, int64_t id, const struct lbk_arg *a,
                                struct lbk_layout want)
{
    const struct group *g = &r->p->group[id];
    if (g->fallback)
        return row_major;
    if (!g->anchor)
        return lbk__same_shape(a->shape, g->g.acc) ? of_region(r, own(r, id)) : row_major;
    return want.order == LBK_ANY ? of_region(r, own(r, id)) : want;
}

/* A new value with the elements of v, seen as that arg; the caller adds the group that makes it, or
 * v from it. */
static uint32_t add_twin(struct plan *p, uint32_t v, const struct lbk_arg *a)
{
    const struct value t = { .kind = VALUE_TEMP,
                             .dtype = p->value[v].dtype,
                             .shape = a->shape,
                             .layout = a->layout,
                             .home = NONE,
                             .maker = NONE,
                             .twin = NONE };
    return lbk__plan_add_value(p, &t);
}

static uint32_t add_reorder(struct plan *p, uint32_t from, uint32_t to)
{
    static const struct lbk_op reorder = {
        .size = sizeof reorder, .name = "reorder", .doc = "another layout", .n_min = 1, .n_max = 1
    };
    struct group *g = lbk__plan_add_group(p);
    if (!g)
        return NONE;
    /* The row-major side may be known in another shape, through a view. */
    const lbk_shape shape = p->value[p->value[from].layout.order == LBK_CBLK ? from : to].shape;
    g->g = (struct lbk_group){
        .size = sizeof g->g, .op = &reorder, .n_arg = 1, .n_operand = 1, .n_out = 1, .acc = shape
    };
    g->g.operand[0] = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ARG } } };
    g->g.epi = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ACC } } };
    g->g.arg[0] = (struct lbk_arg){ .dtype = p->value[from].dtype,
                                    .shape = shape,
                                    .layout = p->value[from].layout };
    g->g.out[0] = (struct lbk_arg){ .dtype = p->value[from].dtype,
                                    .shape = shape,
                                    .layout = p->value[to].layout };
    g->arg[0] = from, g->out[0] = to;
    p->value[to].maker = (uint32_t) (p->n_group - 1);
    p->n_reorder++;
    return (uint32_t) (p->n_group - 1);
}

struct sequence {
    uint32_t *at;
    int64_t n, cap;
};

static bool push(struct sequence *s, uint32_t group)
{
    if (group == NONE || !lbk__grow(&s->at, s->n, &s->cap, sizeof *s->at))
        return false;
    s->at[s->n++] = group;
    return true;
}

static bool fix_args(struct regions *r, int64_t id, struct sequence *seq)
{
    struct plan *p = r->p;
    for (int i = 0; i < p->group[id].g.n_arg; i++) {
        struct lbk_arg *a = &p->group[id].g.arg[i];
        uint32_t v = p->group[id].arg[i];
        a->layout = needed(r, id, a, p->group[id].offer.want_arg[i]);
        if (same_bytes(a->shape, p->value[v].layout, a->layout))
            continue;
        const uint32_t twin = p->value[v].twin;
        if (twin == NONE || !same_bytes(a->shape, p->value[twin].layout, a->layout) ||
            !lbk__same_shape(p->value[twin].shape, a->shape)) {
            const uint32_t t = add_twin(p, v, a);
            if (t == NONE || !push(seq, add_reorder(p, v, t)))
                return false;
            p->value[v].twin = t;
        }
        p->group[id].arg[i] = p->value[v].twin;
    }
    return true;
}

static bool fix_outs(struct regions *r, int64_t id, struct sequence *seq)
{
    struct plan *p = r->p;
    for (int i = 0; i < p->group[id].g.n_out; i++) {
        struct lbk_arg *a = &p->group[id].g.out[i];
        const uint32_t v = p->group[id].out[i];
        a->layout = needed(r, id, a, p->group[id].offer.want_out[i]);
        if (same_bytes(a->shape, p->value[v].layout, a->layout))
            continue;
        const uint32_t t = add_twin(p, v, a);
        if (t == NONE)
            return false;
        p->group[id].out[i] = t;
        p->value[t].maker = (uint32_t) id;
        p->value[v].twin = t; /* readers that want this layout take it from here */
        if (!push(seq, add_reorder(p, t, v)))
            return false;
    }
    return true;
}

static lbk_status ask_again(struct plan *p)
{
    for (int64_t i = 0; i < p->n_group; i++) {
        struct group *g = &p->group[i];
        if (!g->fallback && !lbk__plan_ask(p, g))
            return lbk_fail(p->device->ctx, LBK_EDEVICE,
                            "device '%s': declines '%s' in the layouts it asked for",
                            p->device->spec, g->g.op ? g->g.op->name : "map");
    }
    return LBK_OK;
}

static lbk_status assign_layouts(struct regions *r)
{
    struct plan *p = r->p;
    const int64_t n_group = p->n_group, n_value = p->n_value;
    struct sequence seq = { NULL, 0, 0 };
    bool ok = true;
    for (int64_t i = 0; i < n_value; i++)
        p->value[i].layout = free_layout(&p->value[i]) ? of_region(r, (uint32_t) i) : row_major;
    for (int64_t i = 0; ok && i < n_group; i++)
        ok = fix_args(r, p->order[i], &seq) && push(&seq, p->order[i]) &&
             fix_outs(r, p->order[i], &seq);
    if (!ok) {
        free(seq.at);
        return lbk__plan_no_memory(p);
    }
    free(p->order);
    p->order = seq.at;
    return LBK_OK;
}

lbk_status lbk__plan_layout(struct plan *p)
{
    const size_t n = (size_t) (p->n_value + p->n_group) + 1;
    struct regions r = { p,
                         p->n_value,
                         malloc(n * sizeof *r.up),
                         calloc(n, sizeof *r.blocked),
                         calloc(n, sizeof *r.rows),
                         0 };
    lbk_status st = LBK_OK;
    if (!r.up || !r.blocked || !r.rows)
        st = lbk__plan_no_memory(p);
    for (uint32_t i = 0; !st && i < n; i++)
        r.up[i] = i;
    for (int64_t i = 0; !st && i < p->n_group; i++)
        if (p->group[i].anchor)
            vote_anchor(&r, i);
        else
            vote_map(&r, i);
    if (!st)
        st = assign_layouts(&r);
    free(r.up), free(r.blocked), free(r.rows);
    return st ? st : ask_again(p);
}
