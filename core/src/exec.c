/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "plan.h"

struct lbk_exec {
    struct plan plan;
    lbk_mem **slab;  /* of the arena */
    lbk_mem **owned;
    int64_t n_owned; /* constants, by value id */
    size_t used;     /* bytes on the device beside the plan, when it was made */
    /* Inputs, then states, as values; hint: where the bind of an input was the last time. */
    int64_t n_input, n_leaf;
    struct leaf {
        uint32_t value;
        int hint;
    } *leaf;
    uint64_t seen; /* changes of the store that the states are up to date with */
    bool bound;    /* every arg has its memory */
    bool settled;  /* groups that run once have run */
    bool timed;      /* by the device, for its profile */
};

/* ---- compile ---- */

static lbk_status check_states(struct plan *p)
{
    char a[96], b[96];
    for (int64_t i = 0; i < p->graph->n_node; i++) {
        const lbk_node *n = p->graph->node[i];
        if (n->kind != NODE_STATE)
            continue;
        lbk_tensor *t = lbk_store_get(p->store, n->name);
        if (!t && n->init)
            return lbk_fail(p->device->ctx, LBK_ENOENT, "compile: the store has no '%s'", n->name);
        if (!t) {
            lbk_status st = lbk_tensor_create(p->device, n->dtype, n->shape, &t);
            if (!st)
                st = lbk_store_put(p->store, n->name, t);
            lbk_tensor *mine = t;
            lbk_tensor_unref(&mine);
            if (st)
                return st;
        }
        if (t->dtype != n->dtype || !lbk__same_shape(t->shape, n->shape))
            return lbk_fail(p->device->ctx, LBK_EINVAL,
                            "compile: '%s' is %s in the store, expected %s", n->name,
                            lbk__shape_text(t->shape, a, sizeof a),
                            lbk__shape_text(n->shape, b, sizeof b));
    }
    return LBK_OK;
}

static lbk_status get_memory(const lbk_exec *x, size_t bytes, lbk_mem **out)
{
    const lbk_status st = lbk__mem_alloc(x->plan.device, bytes, out);
    return st == LBK_ENOMEM ? lbk__plan_too_large(&x->plan, x->used) : st;
}

const struct plan *lbk__exec_plan(const lbk_exec *x) { return &x->plan; }

lbk_status lbk__exec_tensor(const lbk_exec *x, lbk_dtype t, lbk_shape s, lbk_tensor **out)
{
    const lbk_status st = lbk__tensor_make(x->plan.device, t, s, out);
    return st == LBK_ENOMEM ? lbk__plan_too_large(&x->plan, x->used) : st;
}

static lbk_status place_constants(lbk_exec *x)
{
    struct plan *p = &x->plan;
    x->owned = calloc((size_t) p->n_value + 1, sizeof *x->owned);
    if (!x->owned)
        return lbk__plan_no_memory(p);
    x->n_owned = p->n_value;
    for (int64_t i = 0; i < p->n_value; i++) {
        struct value *v = &p->value[i];
        if (v->kind != VALUE_CONST)
            continue;
        lbk__shape_bytes(v->dtype, v->shape, &v->bytes);
        lbk_status st = get_memory(x, v->bytes, &x->owned[i]);
        if (!st && v->bytes)
            st = p->device->fns.write(p->device->drv, x->owned[i], 0, v->data, v->bytes);
        if (st)
            return st;
        v->mem = x->owned[i];
    }
    return LBK_OK;
}

static lbk_status make_arena(lbk_exec *x)
{
    struct plan *p = &x->plan;
    lbk_status st = LBK_OK;
    x->slab = calloc(p->n_slab, sizeof *x->slab);
    if (!x->slab)
        return lbk__plan_no_memory(p);
    for (size_t i = 0; !st && i < p->n_slab; i++)
        st = get_memory(x, p->slab[i], &x->slab[i]);
    return st;
}

static void bind_place(const lbk_exec *x, struct lbk_arg *a, size_t at)
{
    a->mem = x->slab[at / x->plan.slab_most];
    a->offset = at % x->plan.slab_most;
}

static void bind_arg(const lbk_exec *x, struct lbk_arg *a, uint32_t v)
{
    const struct value *s = &x->plan.value[lbk__plan_storage(&x->plan, v)];
    if (s->kind == VALUE_TEMP)
        bind_place(x, a, s->offset);
    else
        a->mem = s->mem, a->offset = 0;
}

static void bind(lbk_exec *x)
{
    for (int64_t i = 0; i < x->plan.n_group; i++) {
        struct group *g = &x->plan.group[i];
        for (int k = 0; k < g->g.n_arg; k++) {
            bind_arg(x, &g->g.arg[k], g->arg[k]);
            g->g.arg[k].offset += g->skip[k];
        }
        for (int k = 0; k < g->g.n_out; k++)
            bind_arg(x, &g->g.out[k], g->out[k]);
        g->g.scratch = (struct lbk_arg){ .dtype = LBK_U8,
                                         .shape = LBK_SHAPE((int64_t) g->offer.scratch) };
        bind_place(x, &g->g.scratch, g->scratch_offset);
        g->g.also = g->next == NONE ? NULL : &x->plan.group[g->next].g;
    }
}

static lbk_status find_leaves(lbk_exec *x)
{
    struct plan *p = &x->plan;
    x->leaf = calloc((size_t) p->n_value + 1, sizeof *x->leaf);
    if (!x->leaf)
        return lbk__plan_no_memory(p);
    for (uint32_t i = 0; i < p->n_value; i++)
        if (p->value[i].kind == VALUE_INPUT)
            x->leaf[x->n_leaf++].value = i;
    x->n_input = x->n_leaf;
    for (uint32_t i = 0; i < p->n_value; i++)
        if (p->value[i].kind == VALUE_STATE)
            x->leaf[x->n_leaf++].value = i;
    return LBK_OK;
}

static lbk_status prepare(lbk_exec *x)
{
    struct plan *p = &x->plan;
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < p->n_group; i++) {
        struct group *g = &p->group[i];
        if (g->chained)
            continue;
        if (g->fallback)
            lbk_ctx_log(p->device->ctx, LBK_LOG_WARN,
                        "device '%s' has no kernel for '%s' here: it runs on the host",
                        p->device->spec, g->g.op->name);
        else
            st = p->device->fns.prepare(p->device->drv, &g->g, &g->code);
    }
    return st;
}

static lbk_status refuse_fallbacks(const struct plan *p)
{
    for (int64_t i = 0; i < p->n_group; i++)
        if (p->group[i].fallback)
            return lbk_fail(p->device->ctx, LBK_EUNSUPPORTED,
                            "strict: device '%s' has no kernel for '%s' here (%d in all)",
                            p->device->spec, p->group[i].g.op->name, p->n_fallback);
    return LBK_OK;
}

lbk_status lbk_compile(lbk_graph *g, lbk_store *state, const struct lbk_compile_params *params,
                       lbk_exec **out)
{
    *out = NULL;
    if (lbk_graph_status(g))
        return lbk_graph_status(g);
    lbk_exec *x = calloc(1, sizeof *x);
    if (!x)
        return lbk_fail(state->device->ctx, LBK_ENOMEM, "compile: out of memory");
    struct plan *p = &x->plan;
    p->device = state->device, p->store = state;
    p->device->refs++;
    if (params)
        memcpy(&p->params, params,
               params->size < sizeof p->params ? params->size : sizeof p->params);
    lbk_status st = lbk__plan_build(p, g);
    if (!st && p->params.strict)
        st = refuse_fallbacks(p);
    if (!st)
        st = check_states(p);
    x->used = p->device->bytes;
    if (!st)
        st = make_arena(x);
    if (!st)
        st = place_constants(x);
    if (!st)
        st = find_leaves(x);
    if (!st) {
        bind(x);
        st = prepare(x);
    }
    if (!st && p->params.profile) {
        st = lbk__device_timing(p->device, true);
        x->timed = true;
    }
    if (st)
        lbk_exec_destroy(&x);
    *out = x;
    return st;
}

void lbk_exec_destroy(lbk_exec **out)
{
    lbk_exec *x = *out;
    *out = NULL;
    if (!x)
        return;
    lbk_device *d = x->plan.device;
    d->fns.finish(d->drv);
    if (x->timed)
        lbk__device_timing(d, false);
    for (int64_t i = 0; i < x->n_owned; i++)
        lbk__mem_free(d, x->owned[i], x->plan.value[i].bytes);
    for (size_t i = 0; x->slab && i < x->plan.n_slab; i++)
        lbk__mem_free(d, x->slab[i], x->plan.slab[i]);
    lbk__plan_finish(&x->plan);
    free(x->leaf);
    free(x->slab);
    free(x->owned);
    free(x);
    lbk__device_unref(d);
}

/* ---- run ---- */

/* A caller binds in the same order each time, so what was at *hint is looked at first. */
static const struct lbk_bind *bound(int n, const struct lbk_bind b[], const char *name, int *hint)
{
    for (int i = 0; i < n; i++) {
        const int k = (*hint + i) % n;
        if (!strcmp(b[k].name, name)) {
            *hint = k;
            return &b[k];
        }
    }
    return NULL;
}

static lbk_status check_bind(const struct plan *p, const char *kind, const struct lbk_bind *b,
                             const char *name, lbk_dtype t, lbk_shape s)
{
    char have[96], want[96];
    if (!b || !b->tensor)
        return lbk_fail(p->device->ctx, LBK_EINVAL, "run: %s '%s' is not bound", kind, name);
    if (b->tensor->dtype == t && lbk__same_shape(b->tensor->shape, s))
        return LBK_OK;
    return lbk_fail(p->device->ctx, LBK_EINVAL, "run: %s '%s' is bound to %s %s, expected %s %s",
                    kind, name, lbk__dtype_name(b->tensor->dtype),
                    lbk__shape_text(b->tensor->shape, have, sizeof have), lbk__dtype_name(t),
                    lbk__shape_text(s, want, sizeof want));
}

static lbk_status bind_inputs(lbk_exec *x, int n_in, const struct lbk_bind in[], bool *changed)
{
    struct plan *p = &x->plan;
    for (int64_t i = 0; i < x->n_input; i++) {
        struct value *v = &p->value[x->leaf[i].value];
        const struct lbk_bind *b = bound(n_in, in, v->name, &x->leaf[i].hint);
        const lbk_status st = check_bind(p, "input", b, v->name, v->dtype, v->shape);
        if (st)
            return st;
        *changed = *changed || v->mem != b->tensor->mem;
        v->mem = b->tensor->mem;
    }
    return LBK_OK;
}

static lbk_status bind_states(lbk_exec *x, bool *changed)
{
    struct plan *p = &x->plan;
    if (x->bound && x->seen == p->store->changes)
        return LBK_OK;
    for (int64_t i = x->n_input; i < x->n_leaf; i++) {
        struct value *v = &p->value[x->leaf[i].value];
        const lbk_tensor *t = lbk_store_get(p->store, v->name);
        if (!t)
            return lbk_fail(p->device->ctx, LBK_ENOENT, "run: the store has lost '%s'", v->name);
        *changed = *changed || v->mem != t->mem;
        v->mem = t->mem;
    }
    x->seen = p->store->changes;
    x->settled = false;
    return LBK_OK;
}

/* Inputs may be other tensors each time, and the store may have been given new ones. */
static lbk_status bind_leaves(lbk_exec *x, int n_in, const struct lbk_bind in[])
{
    bool changed = !x->bound;
    lbk_status st = bind_inputs(x, n_in, in, &changed);
    if (!st)
        st = bind_states(x, &changed);
    if (st)
        return st;
    if (changed)
        bind(x);
    x->bound = true;
    return LBK_OK;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double) t.tv_sec + (double) t.tv_nsec;
}

/* Through the reference, on the host. */
static lbk_status fall_back(struct plan *p, struct group *g)
{
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    const void *data[LBK_OPERAND_MAX] = { NULL };
    void *own[LBK_ARG_MAX] = { NULL }, *out = malloc(lbk_arg_bytes(&g->g.out[0]) + 1);
    lbk_status st = out ? LBK_OK : lbk__plan_no_memory(p);
    for (int i = 0; !st && i < g->g.n_arg; i++) {
        const size_t n = lbk_arg_bytes(&g->g.arg[i]);
        own[i] = malloc(n + 1);
        st = !own[i] ? lbk__plan_no_memory(p)
             : n ? p->device->fns.read(p->device->drv, g->g.arg[i].mem, g->g.arg[i].offset, own[i],
                                       n)
                 : LBK_OK;
    }
    for (int i = 0; i < g->g.n_operand; i++) {
        const int a = g->g.operand[i].w[0].arg;
        shape[i] = g->g.arg[a].shape, type[i] = g->g.arg[a].dtype, data[i] = own[a];
    }
    const struct lbk_ref r = {
        g->g.n_operand,    shape, type,  data,     g->g.params, g->g.out[0].shape,
        g->g.out[0].dtype, out,   false, g->g.seed
    };
    if (!st)
        st = lbk__eval_op(p->device->ctx, g->g.op, &r);
    if (!st && lbk_arg_bytes(&g->g.out[0]))
        st = p->device->fns.write(p->device->drv, g->g.out[0].mem, g->g.out[0].offset, out,
                                  lbk_arg_bytes(&g->g.out[0]));
    for (int i = 0; i < g->g.n_arg; i++)
        free(own[i]);
    free(out);
    return st;
}

static lbk_status launch(struct plan *p, struct group *g)
{
    if (g->fallback)
        return fall_back(p, g);
    return p->device->fns.launch(p->device->drv, &g->g, g->code);
}

/* A driver may still be compiling in the first run. */
static void count(struct timing *t, double ns)
{
    if (t->runs == 1 && !t->warm)
        *t = (struct timing){ .warm = true };
    t->ns += ns, t->runs++;
}

static lbk_status launch_timed(struct plan *p, struct group *g)
{
    const double start = now();
    lbk_status st = launch(p, g);
    if (!st)
        st = p->device->fns.finish(p->device->drv);
    double ns = now() - start;
    if (!st && !g->fallback && p->device->fns.elapsed)
        st = p->device->fns.elapsed(p->device->drv, &ns);
    count(&g->time, ns);
    return st;
}

static lbk_status copy_value(lbk_exec *x, lbk_mem *to, uint32_t v, size_t skip, size_t bytes)
{
    struct lbk_arg from;
    bind_arg(x, &from, v);
    return lbk__mem_copy(x->plan.device, to, 0, from.mem, from.offset + skip, bytes);
}

static lbk_status write_outputs(lbk_exec *x, int n_out, const struct lbk_bind out[])
{
    struct plan *p = &x->plan;
    const int64_t all = p->graph->n_output;
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < n_out; i++) {
        lbk_node *n = NULL;
        size_t skip;
        for (int64_t k = i; !n && k < i + all; k++)
            if (!strcmp(p->graph->output[k % all].name, out[i].name))
                n = p->graph->output[k % all].v;
        if (!n)
            return lbk_fail(p->device->ctx, LBK_ENOENT, "run: the graph has no output '%s'",
                            out[i].name);
        st = check_bind(p, "output", &out[i], out[i].name, n->dtype, n->shape);
        lbk__storage_node(n, &skip);
        if (!st)
            st = copy_value(x, out[i].tensor->mem, p->value_of[n->id], skip, out[i].tensor->bytes);
    }
    return st;
}

static lbk_status copy_states(lbk_exec *x)
{
    struct plan *p = &x->plan;
    lbk_status st = LBK_OK;
    const double start = p->params.profile ? now() : 0;
    for (int64_t i = 0; !st && i < p->n_copy; i++)
        st = copy_value(x, p->value[p->copy[i].state].mem, p->copy[i].value, p->copy[i].skip,
                        lbk__plan_copy_bytes(p, i));
    if (!st && p->params.profile && p->n_copy) {
        st = p->device->fns.finish(p->device->drv);
        count(&p->copying, now() - start);
    }
    return st;
}

lbk_status lbk_run(lbk_exec *x, int n_in, const struct lbk_bind in[], int n_out,
                   const struct lbk_bind out[])
{
    struct plan *p = &x->plan;
    lbk_status st = bind_leaves(x, n_in, in);
    for (int64_t i = 0; !st && i < p->n_group; i++) {
        struct group *g = &p->group[p->order[i]];
        if (!g->chained && !(g->once && x->settled))
            st = p->params.profile ? launch_timed(p, g) : launch(p, g);
    }
    x->settled = !st;
    if (!st)
        st = write_outputs(x, n_out, out);
    return st ? st : copy_states(x);
}

/* ---- report ---- */

static size_t state_bytes(const struct plan *p)
{
    size_t sum = 0;
    for (int64_t i = 0; i < p->n_value; i++) {
        size_t n;
        if (p->value[i].kind == VALUE_STATE &&
            lbk__shape_bytes(p->value[i].dtype, p->value[i].shape, &n))
            sum += n;
    }
    return sum;
}

static void add_group(struct lbk_exec_info *i, const struct group *g)
{
    const bool reorder = g->g.op && !strcmp(g->g.op->name, "reorder");
    const uint64_t bytes = lbk__group_bytes(&g->g);
    i->flops += g->flops;
    i->moved_bytes += bytes, i->reorder_bytes += reorder ? bytes : 0;
    if (g->fallback)
        return;
    i->ns += g->time.ns, i->reorder_ns += reorder ? g->time.ns : 0;
}

void lbk_exec_info(const lbk_exec *x, struct lbk_exec_info *out)
{
    const struct plan *p = &x->plan;
    struct lbk_exec_info i = { .size = out->size,
                               .nodes = p->n_node_before,
                               .groups = (int) p->n_group - p->n_reorder,
                               .launches = (int) (p->n_group + p->n_copy) - p->n_chained -
                                           p->n_once,
                               .reorders = p->n_reorder,
                               .fallbacks = p->n_fallback,
                               .arena_bytes = p->arena_bytes,
                               .live_bytes = p->live_bytes,
                               .state_bytes = state_bytes(p) };
    for (int64_t k = 0; k < p->n_group; k++)
        if (!p->group[k].once)
            add_group(&i, &p->group[k]);
    memcpy(out, &i, out->size < sizeof i ? out->size : sizeof i);
}

struct line {
    char text[1024];
    size_t n;
};

static void add(struct line *l, const char *fmt, ...) LBK_PRINTF(2, 3);
static void add(struct line *l, const char *fmt, ...)
{
    va_list v;
    va_start(v, fmt);
    const int n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, v);
    va_end(v);
    l->n += n < 0 ? 0 : (size_t) n;
    if (l->n > sizeof l->text - 1)
        l->n = sizeof l->text - 1;
}

static void add_expr(struct line *l, const struct lbk_expr *e)
{
    for (int i = 0; i < e->n; i++)
        if (e->w[i].kind == LBK_WORD_OP)
            add(l, " %s", e->w[i].op->name);
}

static void add_arg(struct line *l, const struct plan *p, const struct lbk_arg *a, uint32_t v)
{
    static const char *const kinds[] = { [VALUE_TEMP] = "",
                                         [VALUE_STATE] = "state ",
                                         [VALUE_INPUT] = "input ",
                                         [VALUE_CONST] = "const " };
    char s[96];
    const struct value *at = &p->value[lbk__plan_storage(p, v)];
    add(l, " %s%s", kinds[at->kind], lbk__shape_text(a->shape, s, sizeof s));
    if (a->layout.order == LBK_CBLK)
        add(l, "/c%d", a->layout.block);
    if (at->kind == VALUE_TEMP)
        add(l, "@%zu", at->offset);
    else if (at->name)
        add(l, " %s", at->name);
}

static void describe(struct line *l, const struct plan *p, const struct group *g)
{
    const char *how = g->fallback  ? "FALLBACK "
                      : g->chained ? "with another: "
                      : g->once    ? "once: "
                                   : "";
    add(l, "%s%s", how, g->g.op ? g->g.op->name : "map");
    for (int i = 0; i < g->g.n_operand; i++)
        if (g->g.operand[i].n > 1)
            add(l, " load%d(", i), add_expr(l, &g->g.operand[i]), add(l, " )");
    if (g->g.epi.n > 1)
        add_expr(l, &g->g.epi);
    add(l, " <-");
    for (int i = 0; i < g->g.n_arg; i++)
        add_arg(l, p, &g->g.arg[i], g->arg[i]);
    add(l, " ->");
    for (int i = 0; i < g->g.n_out; i++)
        add_arg(l, p, &g->g.out[i], g->out[i]);
    if (g->offer.scratch)
        add(l, " scratch %zu", g->offer.scratch);
    const struct timing *t = &g->time;
    if (t->runs)
        add(l, " %.1f us", t->ns / (double) t->runs / 1e3);
    if (t->runs && g->flops > 0)
        add(l, " %.1f GFLOP/s", g->flops * (double) t->runs / t->ns);
}

void lbk_exec_dump(const lbk_exec *x, void (*put)(void *ud, const char *line), void *ud)
{
    const struct plan *p = &x->plan;
    struct lbk_exec_info i = { .size = sizeof i };
    struct line l = { .n = 0 };
    lbk_exec_info(x, &i);
    add(&l,
        "plan: %d nodes, %d groups, %d reorders, %d launches, %d fallbacks; %zu bytes of "
        "temporaries in %zu buffers (%zu alive at most), "
        "%zu of state; %.4g GFLOP",
        i.nodes, i.groups, i.reorders, i.launches, i.fallbacks, i.arena_bytes, p->n_slab,
        i.live_bytes,
        i.state_bytes, i.flops / 1e9);
    put(ud, l.text);
    for (int64_t k = 0; k < p->n_group; k++) {
        l = (struct line){ .n = 0 };
        add(&l, "%4" PRId64 "  ", k);
        describe(&l, p, &p->group[p->order[k]]);
        put(ud, l.text);
    }
    for (int64_t k = 0; k < p->n_copy; k++) {
        l = (struct line){ .n = 0 };
        add(&l, "      copy -> %s", p->value[p->copy[k].state].name);
        put(ud, l.text);
    }
}
