/* SPDX-License-Identifier: MIT */
/* What objective() of a stage may call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "objective.h"
#include "opdef.h"
#include "opt.h"

lbk_status lbk__objective_create(struct run *r, const struct stage *stage, lbk_objective **out)
{
    lbk_objective *o = calloc(1, sizeof *o);
    *out = o;
    if (!o)
        return lbk_fail(r->ctx, LBK_ENOMEM, "objective: out of memory");
    o->ctx = r->ctx, o->run = r, o->stage = stage;
    const lbk_status st = lbk_graph_create(r->ctx, &o->g);
    if (st)
        lbk__objective_destroy(out);
    return st;
}

void lbk__objective_destroy(lbk_objective **o)
{
    if (!*o)
        return;
    lbk_graph_destroy(&(*o)->g);
    free(*o);
    *o = NULL;
}

lbk_graph *lbk_obj_graph(lbk_objective *o) { return o->g; }

/* ---- passes ---- */

static int stream_of(const lbk_objective *o, const char *name)
{
    for (int i = 0; i < o->n_stream; i++)
        if (!name || !strcmp(o->stream[i].name, name))
            return i;
    return -1;
}

static const struct lbk_role *role_of(const lbk_objective *o, const char *name)
{
    for (int i = 0; o->stage && i < o->stage->n_roles; i++)
        if (!strcmp(o->stage->d.roles[i].name, name))
            return &o->stage->d.roles[i];
    return NULL;
}

int lbk_obj_passes(lbk_objective *o, const char *role, const char *stream, int max, lbk_pass *out[])
{
    const struct lbk_role *d = role_of(o, role);
    const int s = stream_of(o, stream);
    if (!d || s < 0 || lbk_graph_status(o->g))
        return 0;
    if (o->stage->off && d->mode != LBK_TRAINED) {
        if (max > 0)
            out[0] = lbk__objective_pass(o, NULL, role, d->mode, s);
        return 1;
    }
    int n = lbk__role_count(o->run, o->stage, d);
    if (!n && (d->flags & LBK_ROLE_OPTIONAL))
        return 0;
    if (!(d->flags & LBK_ROLE_MANY) || n < 1)
        n = 1;
    for (int i = 0; i < n && i < max; i++) {
        struct role *r = lbk__role_get(o->run, o->stage, role, d->model, n > 1 ? i : -1);
        if (!r) {
            o->g->status = o->run->failed; /* said already */
            return 0;
        }
        out[i] = lbk__objective_pass(o, r, r->name, d->mode, s);
        if (!out[i])
            return 0;
    }
    return n;
}

lbk_pass *lbk_obj_pass(lbk_objective *o, const char *role, const char *stream)
{
    lbk_pass *p = NULL;
    if (lbk_obj_passes(o, role, stream, 1, &p) > 0 || lbk_graph_status(o->g))
        return p;
    if (!role_of(o, role))
        lbk_graph_fail(o->g, LBK_ENOENT, "stage '%s' has no role '%s'",
                       o->stage ? o->stage->d.name : "", role);
    else if (stream && stream_of(o, stream) < 0)
        lbk_graph_fail(o->g, LBK_ENOENT, "stage '%s' has no stream '%s'",
                       o->stage ? o->stage->d.name : "", stream);
    else
        lbk__role_get(o->run, o->stage, role, NULL, -1), o->g->status = o->run->failed;
    return NULL;
}

lbk_val *lbk_obj_artifact(lbk_objective *o, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "artifact/%s", name);
    const lbk_tensor *t = lbk_store_get(o->run->store, path);
    o->artifact_used = true;
    if (t)
        return lbk_state(o->g, path, t->dtype, t->shape, false);
    lbk_graph_fail(o->g, LBK_ENOENT, "no stage has left '%s'", name);
    return NULL;
}

/* ---- scopes ---- */

lbk_scope *lbk__objective_scope(lbk_objective *o, const char *path)
{
    struct piece *p = o->n_piece < OBJ_SCOPES ? lbk__arena_get(&o->g->arena, sizeof *p) : NULL;
    if (!p) {
        lbk_graph_fail(o->g, LBK_ENOMEM, "scope '%s': too many", path);
        return NULL;
    }
    p->net = (struct net){ .g = o->g,
                           .path = lbk__arena_str(&o->g->arena, "%s", path),
                           .mode = LBK_TRAINED,
                           .ud = o->run };
    p->node[0] = p->node[1] = o->g->n_node, p->assign[0] = p->assign[1] = o->g->n_assign;
    o->piece[o->n_piece++] = p;
    return lbk__scope_root(&p->net);
}

void lbk__piece_end(lbk_objective *o, struct piece *p)
{
    p->node[1] = o->g->n_node, p->assign[1] = o->g->n_assign;
}

/* Whatever is built after it may use it, so it is kept with any of that. */
lbk_scope *lbk_obj_scope(lbk_objective *o, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "scope/%s/", name);
    for (int i = 0; i < o->n_piece; i++)
        if (!strcmp(o->piece[i]->net.path, path))
            return lbk__scope_root(&o->piece[i]->net);
    lbk_scope *s = lbk__objective_scope(o, path);
    if (s)
        o->piece[o->n_piece - 1]->node[1] = o->piece[o->n_piece - 1]->assign[1] = INT64_MAX;
    return s;
}

/* ---- terms ---- */

static bool label_free(lbk_objective *o, const char *label)
{
    for (int i = 0; i < o->n_term; i++)
        if (!strcmp(o->term[i].label, label)) {
            lbk_graph_fail(o->g, LBK_EINVAL, "term '%s' is there twice", label);
            return false;
        }
    if (o->n_term == OBJ_TERMS)
        lbk_graph_fail(o->g, LBK_ENOMEM, "term '%s': too many", label);
    return o->n_term < OBJ_TERMS;
}

void lbk_obj_loss(lbk_objective *o, const char *label, struct lbk_ramp weight, lbk_val *v)
{
    if (lbk_ramp_off(weight) || lbk_graph_status(o->g) || !label_free(o, label))
        return;
    if (!v) {
        lbk_graph_fail(o->g, LBK_EINVAL, "term '%s' has no value", label);
        return;
    }
    if (lbk_shape_of(v).n != 0) {
        lbk_graph_fail(o->g, LBK_EINVAL, "term '%s' is %s, expected a scalar", label,
                       SHAPE(lbk_shape_of(v)));
        return;
    }
    struct obj_term *t = &o->term[o->n_term++];
    *t = (struct obj_term){ .label = lbk__arena_str(&o->g->arena, "%s", label),
                            .weight = weight,
                            .v = v };
    t->constant = lbk__ramp_constant(weight, &t->value);
}

void lbk_obj_watch(lbk_objective *o, const char *label, lbk_val *v)
{
    if (v && o->n_watch < OBJ_TERMS && lbk_shape_of(v).n == 0)
        o->watch[o->n_watch++] = (struct obj_watch){ lbk__arena_str(&o->g->arena, "%s", label), v };
    else if (v)
        lbk_graph_fail(o->g, LBK_EINVAL, "watch '%s' is %s, expected one of %d scalars", label,
                       SHAPE(lbk_shape_of(v)), OBJ_TERMS);
}

void lbk_obj_term(lbk_objective *o, const char *label, struct lbk_ramp weight, const char *loss,
                  const struct lbk_wire *wires, const char *fmt, ...)
{
    char text[1024] = "", path[160];
    if (lbk_ramp_off(weight) || lbk_graph_status(o->g))
        return;
    if (fmt) {
        va_list v;
        va_start(v, fmt);
        vsnprintf(text, sizeof text, fmt, v);
        va_end(v);
    }
    snprintf(path, sizeof path, "loss/%s/", label);
    lbk_scope *s = lbk__objective_scope(o, path);
    struct piece *p = s ? o->piece[o->n_piece - 1] : NULL;
    lbk_val *v = lbk__loss_build(s, loss, wires, text);
    if (p)
        lbk__piece_end(o, p);
    lbk_obj_loss(o, label, weight, v);
}
