/* SPDX-License-Identifier: MIT */
/* Lifetimes, memory reused in place, and places in the arena. A place is an address: slab k of the
 * arena begins at k * slab_most, and nothing lies across such a border. */
#include <stdlib.h>
#include "plan.h"

enum { ALIGN = 64 };

/* A stretch of bytes alive over positions first..last. */
struct item {
    size_t bytes, offset;
    uint32_t first, last;
    size_t *to;
    uint32_t value;
    const struct group *group; /* whose scratch memory it is; NULL: it is the value */
};

static bool in_arena(const struct plan *p, uint32_t v)
{
    return p->value[v].kind == VALUE_TEMP && p->value[v].home == NONE && p->value[v].first != NONE;
}

static void lives_until(struct plan *p, uint32_t v, uint32_t at)
{
    struct value *x = &p->value[lbk__plan_storage(p, v)];
    if (x->last < at)
        x->last = at;
}

static void lifetimes(struct plan *p)
{
    for (int64_t i = 0; i < p->n_value; i++)
        p->value[i].first = NONE, p->value[i].last = 0;
    for (uint32_t t = 0; t < p->n_group; t++) {
        const struct group *g = &p->group[p->order[t]];
        for (int k = 0; k < g->g.n_out; k++) {
            struct value *v = &p->value[g->out[k]];
            v->first = g->once ? 0 : t;
            v->last = g->once ? (uint32_t) p->n_group : t;
            v->bytes = lbk_arg_bytes(
                &(struct lbk_arg){ .dtype = v->dtype, .shape = v->shape, .layout = v->layout });
        }
        for (int k = 0; k < g->g.n_arg; k++)
            lives_until(p, g->arg[k], t);
    }
    for (int64_t i = 0; i < p->graph->n_output; i++)
        lives_until(p, p->value_of[p->graph->output[i].v->id], (uint32_t) p->n_group);
    for (int64_t i = 0; i < p->n_copy; i++)
        lives_until(p, p->copy[i].value, (uint32_t) p->n_group);
}

/* The first out takes over an operand that dies here, when the device can work so and nothing else
 * sees that memory. */
static void take_over(struct plan *p, uint32_t t)
{
    struct group *g = &p->group[p->order[t]];
    struct value *out = g->g.n_out ? &p->value[g->out[0]] : NULL;
    if (!out || out->kind != VALUE_TEMP || out->home != NONE || g->fallback)
        return;
    for (int i = 0; i < g->g.n_arg; i++) {
        const uint32_t s = lbk__plan_storage(p, g->arg[i]);
        bool alone = true;
        for (int k = 0; k < g->g.n_arg; k++)
            alone &= k == i || lbk__plan_storage(p, g->arg[k]) != s;
        if (!(g->offer.inplace >> i & 1) || !alone || g->skip[i] || !in_arena(p, s) ||
            p->value[s].last != t || p->value[s].bytes != out->bytes)
            continue;
        out->home = s;
        p->value[s].last = out->last;
        return;
    }
}

static int by_size(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1)
           : x->to < y->to      ? -1
                                : x->to > y->to;
}

static int by_offset(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *) a, *y = *(struct item *const *) b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* At `at`, or where the next slab begins. */
static size_t within_slab(const struct plan *p, size_t at, size_t bytes)
{
    const size_t left = p->slab_most - at % p->slab_most;
    return bytes > left ? at + left : at;
}

/* The lowest gap among the items placed before that are alive at the same time. */
static size_t gap(const struct plan *p, const struct item *x, struct item **busy, int64_t n)
{
    size_t at = 0;
    qsort(busy, (size_t) n, sizeof *busy, by_offset);
    for (int64_t i = 0; i < n; i++) {
        if (busy[i]->offset >= at + x->bytes)
            break;
        if (busy[i]->offset + busy[i]->bytes > at)
            at = within_slab(p, busy[i]->offset + busy[i]->bytes, x->bytes);
    }
    return at;
}

static void place(struct plan *p, struct item *item, int64_t n, struct item **busy)
{
    qsort(item, (size_t) n, sizeof *item, by_size);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = 0;
        for (int64_t j = 0; j < i; j++)
            if (item[j].first <= item[i].last && item[i].first <= item[j].last)
                busy[k++] = &item[j];
        item[i].offset = *item[i].to = gap(p, &item[i], busy, k);
    }
}

/* How many slabs there are, at least one, and how much of each is used. */
static bool measure(struct plan *p, const struct item *item, int64_t n)
{
    p->n_slab = 1;
    for (int64_t i = 0; i < n; i++)
        if (item[i].offset / p->slab_most >= p->n_slab)
            p->n_slab = item[i].offset / p->slab_most + 1;
    p->slab = calloc(p->n_slab, sizeof *p->slab);
    for (int64_t i = 0; p->slab && i < n; i++) {
        size_t *used = &p->slab[item[i].offset / p->slab_most];
        const size_t end = item[i].offset % p->slab_most + item[i].bytes;
        *used = end > *used ? end : *used;
    }
    for (size_t i = 0; p->slab && i < p->n_slab; i++)
        p->arena_bytes += p->slab[i];
    return p->slab;
}

/* A value that no buffer of the device can hold. */
static lbk_status check_sizes(const struct plan *p, const struct item *item, int64_t n)
{
    char text[160];
    for (int64_t i = 0; i < n; i++) {
        if (item[i].bytes <= p->slab_most)
            continue;
        const struct group *g = item[i].group;
        if (!g)
            lbk__plan_value_text(p, item[i].value, text, sizeof text);
        return lbk_fail(p->device->ctx, LBK_ENOMEM,
                        "plan: %s%s needs a buffer of %zu bytes, device '%s' has %llu at most",
                        g ? "the scratch memory of " : "", g ? lbk__plan_group_name(g) : text,
                        item[i].bytes, p->device->spec,
                        (unsigned long long) p->device->limits.max_alloc);
    }
    return LBK_OK;
}

static size_t aligned(size_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static int64_t collect(struct plan *p, struct item *item)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < p->n_value; i++)
        if (in_arena(p, i))
            item[n++] = (struct item){ .bytes = aligned(p->value[i].bytes),
                                       .first = p->value[i].first,
                                       .last = p->value[i].last,
                                       .to = &p->value[i].offset,
                                       .value = i };
    for (uint32_t t = 0; t < p->n_group; t++) {
        struct group *g = &p->group[p->order[t]];
        if (g->offer.scratch && !g->fallback)
            item[n++] = (struct item){ .bytes = aligned(g->offer.scratch),
                                       .first = t,
                                       .last = t,
                                       .to = &g->scratch_offset,
                                       .group = g };
    }
    return n;
}

static size_t most_alive(const struct plan *p, const struct item *item, int64_t n)
{
    size_t most = 0;
    for (uint32_t t = 0; t <= p->n_group; t++) {
        size_t sum = 0;
        for (int64_t i = 0; i < n; i++)
            sum += item[i].first <= t && t <= item[i].last ? item[i].bytes : 0;
        most = sum > most ? sum : most;
    }
    return most;
}

lbk_status lbk__plan_memory(struct plan *p)
{
    const size_t n = (size_t) (p->n_value + p->n_group) + 1;
    struct item *item = malloc(n * sizeof *item), **busy = malloc(n * sizeof *busy);
    const uint64_t most = p->device->limits.max_alloc;
    lbk_status st = LBK_OK;
    p->slab_most = (most >= ALIGN && most < SIZE_MAX ? (size_t) most : SIZE_MAX) / ALIGN * ALIGN;
    if (item && busy) {
        lifetimes(p);
        for (uint32_t t = 0; t < p->n_group; t++)
            take_over(p, t);
        const int64_t k = collect(p, item);
        p->live_bytes = most_alive(p, item, k);
        st = check_sizes(p, item, k);
        if (!st)
            place(p, item, k, busy);
        if (!st && !measure(p, item, k))
            st = lbk__plan_no_memory(p);
    } else {
        st = lbk__plan_no_memory(p);
    }
    free(item), free(busy);
    return st;
}
