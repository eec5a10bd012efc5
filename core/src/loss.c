/* SPDX-License-Identifier: MIT */
/* Registered losses by name, and those that settings add. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"
#include "opt.h"

enum { MAX_INPUTS = 16 };

static bool same(const char *input, const char *name)
{
    const size_t n = strcspn(input, "?");
    return strlen(name) == n && !strncmp(input, name, n);
}

static void no_input(lbk_graph *g, const struct lbk_loss *l, const char *name)
{
    const char *near = lbk__nearest(name, l->inputs);
    if (near)
        lbk_graph_fail(g, LBK_ENOENT, "loss '%s' has no input '%s'; did you mean '%s'?", l->name,
                       name, near);
    else
        lbk_graph_fail(g, LBK_ENOENT, "loss '%s' has no input '%s'; its first is '%s'", l->name,
                       name, l->inputs[0]);
}

/* The letter of an axis in "N x K x H"; 0 = any size. */
static char letter_at(const char *shape, int axis)
{
    for (; axis > 0 && shape; axis--) {
        shape = strstr(shape, " x ");
        shape = shape ? shape + 3 : NULL;
    }
    return shape && isalpha((unsigned char) *shape) && strchr(" ", shape[1]) ? *shape : 0;
}

/* Sizes that have one letter are one. Ranks are the loss's own business. */
static bool sizes_agree(lbk_graph *g, const struct lbk_loss *l, lbk_val *const in[])
{
    struct {
        int64_t size;
        int input;
    } seen[128] = { { 0 } };
    for (int i = 0; l->shapes && l->inputs[i] && l->shapes[i]; i++) {
        const lbk_shape s = in[i] ? lbk_shape_of(in[i]) : (lbk_shape){ 0 };
        for (int k = 0; k < s.n; k++) {
            const int c = letter_at(l->shapes[i], k);
            if (c && seen[c].size && seen[c].size != s.d[k]) {
                const int j = seen[c].input;
                lbk_graph_fail(g, LBK_EINVAL,
                               "loss '%s': expected one %c in '%s' (%s) and '%s' (%s), found %s "
                               "and %s",
                               l->name, c, l->inputs[j], l->shapes[j], l->inputs[i], l->shapes[i],
                               SHAPE(lbk_shape_of(in[j])), SHAPE(s));
                return false;
            }
            if (c)
                seen[c].size = s.d[k], seen[c].input = i;
        }
    }
    return true;
}

static bool wire(lbk_graph *g, const struct lbk_loss *l, const struct lbk_wire *wires,
                 lbk_val *in[])
{
    int n = 0;
    while (l->inputs[n])
        n++;
    if (n > MAX_INPUTS) {
        lbk_graph_fail(g, LBK_EINVAL, "loss '%s' has %d inputs, expected %d at most", l->name, n,
                       MAX_INPUTS);
        return false;
    }
    for (const struct lbk_wire *w = wires; w && w->input; w++) {
        int i = 0;
        while (i < n && !same(l->inputs[i], w->input))
            i++;
        if (i == n) {
            no_input(g, l, w->input);
            return false;
        }
        in[i] = w->v;
    }
    for (int i = 0; i < n; i++)
        if (!in[i] && !strchr(l->inputs[i], '?')) {
            lbk_graph_fail(g, LBK_EINVAL, "loss '%s': input '%s' is not wired", l->name,
                           l->inputs[i]);
            return false;
        }
    return sizes_agree(g, l, in);
}

static lbk_status find_loss(lbk_scope *s, const char *name, const void **out)
{
    lbk_ctx *ctx = lbk_graph_ctx(lbk_scope_graph(s));
    const struct run *r = s->net->ud;
    const char *by = r ? lbk__settings_valued(r->set, name) : NULL;
    const char *before = lbk__about(ctx, by ? by : ctx->about);
    const lbk_status st = lbk__registry_need(ctx, LBK_LOSSES, name, out);
    lbk__about(ctx, before);
    return st;
}

lbk_val *lbk__loss_build(lbk_scope *s, const char *name, const struct lbk_wire *wires,
                         const char *text)
{
    static const struct lbk_opt none[] = { LBK_OPTS_END };
    lbk_val *in[MAX_INPUTS] = { NULL }, *v = NULL;
    const void *found = NULL;
    lbk_opts *o = NULL;
    lbk_graph *g = lbk_scope_graph(s);
    if (!g || lbk_graph_status(g))
        return NULL;
    lbk_status st = find_loss(s, name, &found);
    const struct lbk_loss *l = found;
    if (!st)
        st = lbk_opts_create(lbk_graph_ctx(g), l->opts ? l->opts : none, l->cfg_size, &o);
    if (!st)
        st = lbk__opts_prefix(o, name);
    if (!st)
        st = lbk_opts_parse(o, text);
    if (st)
        g->status = st; /* said already */
    else {
        const char *before = lbk__scope_enter(g, s->path);
        v = wire(g, l, wires, in) ? l->build(s, in, lbk_opts_cfg(o)) : NULL;
        lbk__scope_leave(g, before);
    }
    lbk_opts_destroy(&o);
    return v;
}

lbk_val *lbk_loss_call(lbk_scope *s, const char *loss, const struct lbk_wire *wires,
                       const char *fmt, ...)
{
    char text[1024] = "";
    if (fmt) {
        va_list v;
        va_start(v, fmt);
        vsnprintf(text, sizeof text, fmt, v);
        va_end(v);
    }
    return lbk__loss_build(s, loss, wires, text);
}

/* ---- term.<label>.* ---- */

/* "role/tap", "role/tap@stream", "@stream/field"; false: its role or stream is not of this stage.
 */
static bool find_wire(lbk_objective *o, const char *text, lbk_val **out)
{
    char a[160], b[160];
    lbk_pass *p;
    if (sscanf(text, "@%150[^/]/%150s", a, b) == 2) {
        const char *role = o->stage->n_roles ? o->stage->d.roles[0].name : "";
        if (lbk_obj_passes(o, role, a, 1, &p) < 1)
            return false;
        *out = lbk_pass_field(p, b);
        return true;
    }
    const size_t n = strcspn(text, "/");
    if (!text[n] || n >= sizeof a) {
        lbk_graph_fail(o->g, LBK_EINVAL,
                       "wire '%s': expected role/tap, role/tap@stream or @stream/field", text);
        return true;
    }
    snprintf(a, sizeof a, "%.*s", (int) n, text);
    snprintf(b, sizeof b, "%s", text + n + 1);
    char *stream = strchr(b, '@');
    if (stream)
        *stream++ = 0;
    if (lbk_obj_passes(o, a, stream, 1, &p) < 1)
        return false;
    *out = lbk_pass_tap(p, b);
    return true;
}

struct extra {
    char label[96];
    const char *loss, *weight;
    char with[512];
    int n;
    struct lbk_wire wire[MAX_INPUTS + 1];
    bool fits;
};

static const char *part_name(lbk_objective *o, const char *label, const char *name)
{
    return lbk__arena_str(&o->g->arena, "term.%s.%s", label, name);
}

static bool wire_up(lbk_objective *o, const struct extra *e, const char *name, const char *value,
                    lbk_val **out)
{
    const char *before = lbk__about(o->ctx, part_name(o, e->label, name));
    const bool fits = find_wire(o, value, out);
    lbk__about(o->ctx, before);
    return fits;
}

static void add_part(lbk_objective *o, struct extra *e, const char *name, const char *value)
{
    if (!strcmp(name, "loss"))
        e->loss = value;
    else if (!strcmp(name, "weight"))
        e->weight = value;
    else if (!strcmp(name, "with"))
        snprintf(e->with, sizeof e->with, "%s", value);
    else if (e->n < MAX_INPUTS) {
        e->wire[e->n].input = name;
        e->fits = e->fits && wire_up(o, e, name, value, &e->wire[e->n].v);
        e->n++;
    }
}

static void add_extra(lbk_objective *o, struct extra *e)
{
    struct lbk_ramp weight = LBK_CONST(1);
    const char *before = lbk__about(o->ctx, part_name(o, e->label, "loss"));
    const char *wrong =
        e->weight ? lbk__parse_ramp(&o->g->arena, e->weight, strlen(e->weight), &weight) : NULL;
    if (wrong)
        lbk_graph_fail(o->g, LBK_EINVAL, "term.%s.weight: expected %s, got '%s'", e->label, wrong,
                       e->weight);
    else if (!e->loss)
        lbk_graph_fail(o->g, LBK_EINVAL, "term.%s.loss is missing", e->label);
    else if (e->fits && !o->run->schedule->plain)
        lbk_obj_term(o, e->label, weight, e->loss, e->wire, "%s", e->with);
    lbk__about(o->ctx, before);
}

/* ---- terms that fit no stage ---- */

/* The name in a wire; "" = it names none. */
static void names_of(const char *wire, char role[96], char stream[96])
{
    const char *at = strchr(wire, '@');
    const bool field = at == wire;
    snprintf(role, 96, "%.*s", field ? 0 : (int) strcspn(wire, "/"), wire);
    snprintf(stream, 96, "%.*s", at ? (int) strcspn(at + 1, "/") : 0, at ? at + 1 : "");
}

static lbk_status check_name(struct run *r, const char *setting, const char *what, const char *name,
                             bool streams)
{
    const char *names[256];
    int n = 0;
    for (int64_t i = 0; i < r->schedule->n; i++) {
        const struct stage *s = &r->schedule->stage[i];
        for (int k = 0; k < (streams ? s->n_streams : s->n_roles) && n < 255; k++)
            names[n++] = streams ? s->d.streams[k].name : s->d.roles[k].name;
    }
    names[n] = NULL;
    for (int i = 0; i < n; i++)
        if (!*name || !strcmp(names[i], name))
            return LBK_OK;
    const char *near = lbk__nearest(name, names);
    return lbk_fail(r->ctx, LBK_ENOENT, "%s: no stage has a %s '%s'%s%s%s", setting, what, name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* A part of a term whose loss is known: one of its inputs, or misspelt. */
static lbk_status check_part(struct run *r, const char *term, int label, const char *part)
{
    static const char *const fixed[] = { "loss", "weight", "with" };
    const char *names[MAX_INPUTS + 4] = { NULL };
    const char *name = lbk__setting(r->set, "term.%.*s.loss", label, term);
    const struct lbk_loss *l = name ? lbk_registry_find(r->ctx, LBK_LOSSES, name) : NULL;
    int n = 0;
    for (; l && n < MAX_INPUTS && l->inputs[n]; n++)
        if (!strcmp(l->inputs[n], part))
            return LBK_OK;
    if (!l)
        return LBK_OK;
    memcpy(names, l->inputs, (size_t) n * sizeof *names);
    memcpy(names + n, fixed, sizeof fixed);
    const char *near = lbk__nearest(part, names);
    return lbk_fail(r->ctx, LBK_ENOENT,
                    "term.%s: neither loss, weight, with nor an input of '%s'%s%s%s", term, name,
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

lbk_status lbk__terms_check(struct run *r)
{
    const struct lbk_setting *list;
    const int n = lbk__settings_list(r->set, "term", &list);
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < n; i++) {
        char role[96], stream[96], setting[256];
        const char *part = strrchr(list[i].name, '.');
        part = part ? part + 1 : list[i].name;
        if (!strcmp(part, "loss") || !strcmp(part, "weight") || !strcmp(part, "with"))
            continue;
        snprintf(setting, sizeof setting, "term.%s", list[i].name);
        names_of(list[i].value, role, stream);
        if (part > list[i].name)
            st = check_part(r, list[i].name, (int) (part - 1 - list[i].name), part);
        if (!st)
            st = check_name(r, setting, "role", role, false);
        if (!st)
            st = check_name(r, setting, "stream", stream, true);
    }
    return st;
}

void lbk__objective_extra(lbk_objective *o)
{
    const struct lbk_setting *list;
    const int n = lbk__settings_list(o->run->set, "term", &list);
    for (int i = 0; i < n; i++) {
        struct extra e = { .fits = true };
        const size_t length = strcspn(list[i].name, ".");
        snprintf(e.label, sizeof e.label, "%.*s", (int) length, list[i].name);
        bool first = true;
        for (int k = 0; k < n; k++) {
            if (strncmp(list[k].name, e.label, length) || list[k].name[length] != '.')
                continue;
            first = first && k >= i;
            if (k >= i)
                add_part(o, &e, list[k].name + length + 1, list[k].value);
        }
        if (first)
            add_extra(o, &e);
    }
}
