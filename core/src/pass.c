/* SPDX-License-Identifier: MIT */
/* A network run on a stream. */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"
#include "opt.h"

lbk_graph *lbk_pass_graph(const lbk_pass *p) { return p ? p->o->g : NULL; }

static lbk_shape stored_shape(void *ud, const char *state)
{
    const struct run *r = ud;
    const lbk_tensor *t = r ? lbk_store_get(r->store, state) : NULL;
    return t ? t->shape : LBK_SHAPE_ANY;
}

lbk_pass *lbk__objective_pass(lbk_objective *o, struct role *role, const char *name,
                              enum lbk_mode mode, int stream)
{
    for (int i = 0; i < o->n_pass; i++)
        if (o->pass[i]->role == role && o->pass[i]->stream == stream &&
            !strcmp(o->pass[i]->name, name))
            return o->pass[i];
    lbk_pass *p = o->n_pass < OBJ_PASSES ? lbk__arena_get(&o->g->arena, sizeof *p) : NULL;
    if (!p) {
        lbk_graph_fail(o->g, LBK_ENOMEM, "role '%s': too many passes", name);
        return NULL;
    }
    *p = (lbk_pass){ .o = o, .role = role, .stream = stream };
    p->name = lbk__arena_str(&o->g->arena, "%s", name);
    p->piece.net = (struct net){ .g = o->g,
                                 .path = role ? lbk__arena_str(&o->g->arena, "%s", role->path) : "",
                                 .mode = mode,
                                 /* a stage makes sure of it */
                                 .settled = o->stage && mode != LBK_TRAINED,
                                 .shape_of = stored_shape,
                                 .ud = o->run };
    o->pass[o->n_pass++] = p;
    return p;
}

/* ---- fields ---- */

static const struct batch_field *find_field(const lbk_pass *p, const char *field)
{
    const struct batch *b = p->o->stream[p->stream].layout;
    for (int i = 0; i < b->n; i++)
        if (!strcmp(b->fields[i].name, field))
            return &b->fields[i];
    return NULL;
}

/* NULL = not the data set's. Boxes are no field of a batch. */
static const struct lbk_field *find_spec(const lbk_pass *p, const char *field)
{
    const struct batch_field *b = find_field(p, field);
    const struct lbk_field *f = p->o->stream[p->stream].fields;
    if (b)
        return b->spec;
    while (f && f->name && strcmp(f->name, field))
        f++;
    return f && f->name ? f : NULL;
}

static void no_field(lbk_pass *p, const char *field)
{
    const struct batch *b = p->o->stream[p->stream].layout;
    char list[256] = "";
    for (int i = 0; i < b->n; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
                 b->fields[i].name);
    const char *before = lbk__about(p->o->ctx, p->o->stream[p->stream].by);
    lbk_graph_fail(p->o->g, LBK_ENOENT, "stream '%s' has no field '%s', it has %s",
                   p->o->stream[p->stream].name, field, list);
    lbk__about(p->o->ctx, before);
}

static bool ready(lbk_pass *p);

/* What a task made of the stream's fields for one network means the same to another whose taps, of
 * those that were asked for, are of the same shapes. */
static bool may_read(lbk_pass *p, const char *field)
{
    const struct obj_stream *s = &p->o->stream[p->stream];
    const struct encoder *e = s->encoder;
    const struct role *r = p->role;
    if (!r || !lbk__encoder_made(e, field) || e->role == r)
        return true;
    if (r->task != e->role->task) {
        lbk_graph_fail(p->o->g, LBK_EINVAL,
                       "role '%s' reads '%s', which stream '%s' has for role '%s', whose task is "
                       "'%s'",
                       r->name, field, s->name, e->role->name, e->role->task->name);
        return false;
    }
    const bool reads = r->model->reads && !strcmp(r->model->reads, field);
    const struct encoder_tap *t =
        reads || !ready(p) ? NULL : lbk__encoder_differs(e, &p->piece.net);
    const struct tap *own = t ? lbk__net_tap(&p->piece.net, t->name) : NULL;
    if (t)
        lbk_graph_fail(
            p->o->g, LBK_EINVAL,
            "'%s' of stream '%s' is for role '%s', whose tap '%s' is %s of a batch of 1; "
            "that of role '%s' is %s of its batch",
            field, s->name, e->role->name, t->name, SHAPE(t->shape), r->name,
            own ? SHAPE(lbk_shape_of(own->v)) : "not there");
    return !lbk_graph_status(p->o->g);
}

lbk_val *lbk_pass_field(lbk_pass *p, const char *field)
{
    if (!p || lbk_graph_status(p->o->g))
        return NULL;
    char name[160];
    const struct obj_stream *s = &p->o->stream[p->stream];
    snprintf(name, sizeof name, "%s/%s", s->name, field);
    if (!strcmp(field, "index")) {
        lbk_val *v = lbk_input(p->o->g, name, LBK_I32,
                               LBK_SHAPE(s->layout->n ? s->layout->fields[0].shape.d[0] : 0));
        if (v)
            v->node.range = s->count;
        return v;
    }
    const struct batch_field *f = find_field(p, field);
    if (!f) {
        no_field(p, field);
        return NULL;
    }
    if (!may_read(p, field))
        return NULL;
    lbk_val *v = lbk_input(p->o->g, name, f->dtype, f->shape);
    if (v && f->spec && f->spec->classes > 0)
        v->node.range = f->spec->classes;
    return v;
}

const struct lbk_field *lbk_pass_spec(lbk_pass *p, const char *field)
{
    static const struct lbk_field none = { .name = "", .ignore = -1 };
    const struct lbk_field *f = p ? find_spec(p, field) : NULL;
    if (p && !f && !find_field(p, field))
        no_field(p, field);
    return f ? f : &none;
}

/* ---- taps ---- */

/* by: the setting that asks for it, or NULL. */
static void no_tap(lbk_pass *p, const char *by, const char *name)
{
    const char *names[256];
    char list[512] = "";
    int n = 0;
    for (struct tap *t = p->piece.net.taps; t && n < 255; t = t->next) {
        names[n++] = t->name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", n > 1 ? ", " : "",
                 t->name);
    }
    names[n] = NULL;
    const char *near = lbk__nearest(name, names);
    const char *before = by ? lbk__about(p->o->ctx, by) : p->o->ctx->about;
    lbk_graph_fail(p->o->g, LBK_ENOENT, "role '%s' has no tap '%s'%s%s%s; it has %s", p->name, name,
                   near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", list);
    lbk__about(p->o->ctx, before);
}

static void set_taps(lbk_pass *p)
{
    char prefix[128];
    if (!p->o->run)
        return;
    struct settings *set = p->o->run->set;
    const struct lbk_setting *list;
    snprintf(prefix, sizeof prefix, "%s.tap", p->role->name);
    const int n = lbk__settings_list(set, prefix, &list);
    for (int i = 0; i < n; i++) {
        struct tap *t = lbk__net_tap(&p->piece.net, list[i].value);
        if (!t)
            no_tap(p, lbk__arena_str(&p->o->g->arena, "%s.%s", prefix, list[i].name),
                   list[i].value);
        else
            lbk_tap(lbk__scope_root(&p->piece.net), list[i].name, t->v);
    }
}

static void build(lbk_pass *p)
{
    lbk_graph *g = p->o->g;
    const struct lbk_model *m = p->role->model;
    const char *by = lbk__about(p->o->ctx, p->role->by);
    lbk_val *x = lbk_pass_field(p, m->reads ? m->reads : "image");
    p->built = true;
    p->piece.node[0] = g->n_node, p->piece.assign[0] = g->n_assign;
    const char *before = lbk__scope_enter(g, p->piece.net.path);
    lbk_scope *s = lbk__scope_root(&p->piece.net);
    lbk_val *y =
        x && s ? m->build(s, lbk__role_input(g, p->role, x), lbk_opts_cfg(p->role->opts)) : NULL;
    if (!y)
        lbk_graph_fail(g, LBK_EINVAL, "model '%s' built nothing", m->name);
    if (!lbk__net_tap(&p->piece.net, "out"))
        lbk_tap(s, "out", y);
    lbk__about(p->o->ctx, by);
    set_taps(p);
    lbk__scope_leave(g, before);
    lbk__piece_end(p->o, &p->piece);
}

static bool ready(lbk_pass *p)
{
    if (!p || !p->role)
        return false;
    if (!p->built && !lbk_graph_status(p->o->g))
        build(p);
    return !lbk_graph_status(p->o->g);
}

lbk_val *lbk_pass_find(lbk_pass *p, const char *name)
{
    const struct tap *t = ready(p) ? lbk__net_tap(&p->piece.net, name) : NULL;
    return t ? t->v : NULL;
}

lbk_val *lbk_pass_tap(lbk_pass *p, const char *name)
{
    lbk_val *v = lbk_pass_find(p, name);
    if (v || !p || !p->role || lbk_graph_status(p->o->g))
        return v;
    no_tap(p, p->o->run ? lbk__settings_valued(p->o->run->set, name) : NULL, name);
    return NULL;
}

const struct tap *lbk__pass_next(lbk_pass *p, const char *pattern, const struct tap *after)
{
    const struct tap *t = after ? after->next : ready(p) ? p->piece.net.taps : NULL;
    while (t && fnmatch(pattern, t->name, 0))
        t = t->next;
    return t;
}

int lbk_pass_taps(lbk_pass *p, const char *pattern, int max, lbk_val *out[])
{
    int n = 0;
    for (const struct tap *t = NULL; (t = lbk__pass_next(p, pattern, t)); n++)
        if (n < max)
            out[n] = t->v;
    return n;
}

void lbk_pass_read(lbk_pass *p, const char *name, lbk_val *v)
{
    if (!p || !v)
        return;
    lbk_objective *o = p->o;
    const char *own = lbk__arena_str(&o->g->arena, "%s", name);
    const struct batch *b = o->stream[p->stream].layout;
    const lbk_shape s = lbk_shape_of(v);
    if (!own || o->n_read == OBJ_READS)
        lbk_graph_fail(o->g, LBK_ENOMEM, "read '%s': too many", name);
    else if (s.n < 1 || (b->n && s.d[0] != b->fields[0].shape.d[0]))
        lbk_graph_fail(o->g, LBK_EINVAL, "read '%s' is %s, expected a row for each sample", name,
                       SHAPE(s));
    else
        o->read[o->n_read++] = (struct obj_read){ own, v };
}

/* ---- task ---- */

static const char *kind_text(enum lbk_kind kind)
{
    static const char *const text[] = {
        [LBK_PLAIN] = "numbers",   [LBK_IMAGE] = "an image", [LBK_MAP] = "a value for each pixel",
        [LBK_CLASS] = "one class", [LBK_BOXES] = "boxes",    [LBK_OF_BOXES] = "a row for each box",
        [LBK_PLACE] = "a place"
    };
    return text[kind];
}

/* A network with fewer classes than labels would meet one that it cannot give. */
static void classes_fit(lbk_pass *p, const char *field, int64_t labels)
{
    const struct role *r = p->role;
    const char *before = lbk__about(p->o->ctx, r->classes_by ? r->classes_by : r->by);
    for (const struct lbk_opt *t = lbk__opts_table(r->opts); t && t->name; t++) {
        const char *at = (const char *) lbk_opts_cfg(r->opts) + t->offset;
        int64_t n;
        if (t->type != LBK_OPT_INT || strcmp(t->name, "classes"))
            continue;
        memcpy(&n, at, sizeof n);
        if (n > 0 && n < labels)
            lbk_graph_fail(p->o->g, LBK_EINVAL,
                           "model '%s' has %lld classes, expected the %lld of field '%s'",
                           r->model->name, (long long) n, (long long) labels, field);
    }
    lbk__about(p->o->ctx, before);
}

/* What the stream calls a field may not be what the task means by it. */
bool lbk__pass_fields_fit(lbk_pass *p)
{
    const struct lbk_task *t = p->role->task;
    for (const struct lbk_field *f = t->fields; f && f->name; f++) {
        const struct lbk_field *s = find_spec(p, f->name);
        if (s && s->kind != f->kind)
            lbk_graph_fail(p->o->g, LBK_EINVAL, "task '%s': '%s' is %s, expected %s", t->name,
                           f->name, kind_text(s->kind), kind_text(f->kind));
        if (s && s->classes)
            classes_fit(p, f->name, s->classes);
        if (!s && t->encode && !find_field(p, f->name))
            no_field(p, f->name);
    }
    return !lbk_graph_status(p->o->g);
}

int lbk_pass_terms(lbk_pass *p, int max, struct lbk_term out[])
{
    if (!p || !p->role || lbk_graph_status(p->o->g))
        return 0;
    if (!p->role->task) {
        lbk_graph_fail(p->o->g, LBK_EINVAL, "role '%s' has no task: set %s.task=NAME", p->name,
                       p->name);
        return 0;
    }
    return lbk__pass_fields_fit(p)
               ? p->role->task->terms(p, lbk_opts_cfg(p->role->task_opts), max, out)
               : 0;
}

lbk_val *lbk_pass_loss(lbk_pass *p)
{
    struct lbk_term t[32];
    const int n = lbk_pass_terms(p, 32, t);
    if (!p || n < 1)
        return NULL;
    if (n > 32) {
        lbk_graph_fail(p->o->g, LBK_EINVAL, "task '%s' has %d terms, expected 32 at most",
                       p->role->task->name, n);
        return NULL;
    }
    return lbk_terms_reduce(p->o->g, n, t);
}
