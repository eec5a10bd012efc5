/* SPDX-License-Identifier: MIT */
/* Weights from PyTorch and back. What PyTorch counts beside a batch norm is kept as metadata,
 * "limbeck.counted.<name>". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/train.h>
#include "ckpt.h"
#include "loose.h"
#include "opt.h"
#include "str.h"

#define COUNTED "limbeck.counted."

struct convert {
    const struct lbk_convert_params *p;
    lbk_ctx *ctx;
    struct st_file in;
    struct loose net;
    const char **anew; /* states whose shape depends on the number of classes, ended by NULL */
    int64_t n_anew;
    lbk_device *device;
    lbk_store *store;
    struct arena arena;
    struct st_item *item;
    struct st_meta *meta;
    int64_t n_item, n_meta;
};

static lbk_status no_memory(const struct convert *c)
{
    return lbk_fail(c->ctx, LBK_ENOMEM, "%s: out of memory", c->p->in);
}

/* ---- the network, for as many classes as the file is ---- */

/* Where the option "classes" is; NULL = the model has none. */
static const int64_t *classes_of(const struct role *r)
{
    const struct lbk_opt *o = r->model->opts;
    while (o && o->type != LBK_OPT_END && strcmp(o->name, "classes"))
        o++;
    return o && o->type == LBK_OPT_INT
               ? (const int64_t *) ((const char *) lbk_opts_cfg(r->opts) + o->offset)
               : NULL;
}

/* classes 0: as the options say. */
static lbk_status open_net(const struct convert *c, int64_t classes, struct loose *out)
{
    static const char *const not [] = { "classes", NULL };
    const struct lbk_convert_params *p = c->p;
    return lbk__loose_open(c->ctx, p->model, p->input, 1, classes, LBK_FROZEN, p->n_options,
                           p->options, classes ? not : NULL, out);
}

/* The state of that name in the file, or NULL. */
static const struct st_tensor *partner(const struct convert *c, const char *name)
{
    char ours[RENAME_SIZE];
    for (int64_t i = 0; i < c->in.n; i++) {
        lbk__rename_ours(c->in.at[i].name, c->net.role.path, c->net.role.model->renames, ours);
        if (!strcmp(ours, name))
            return &c->in.at[i];
    }
    return NULL;
}

/* Axis of a that has another extent in b; -1 = none. */
static int other_axis(lbk_shape a, lbk_shape b)
{
    for (int i = 0; i < a.n && a.n == b.n; i++)
        if (a.d[i] != b.d[i])
            return i;
    return -1;
}

/* Fills c->anew by a network that differs in the number of classes alone. found: how many the file
 * is for, by the tensor `by`; left alone if it has none of them. */
static lbk_status find_classes(struct convert *c, int64_t now, int64_t *found, const char **by)
{
    struct loose next;
    const lbk_graph *g = c->net.o->g;
    const lbk_status st = open_net(c, now + 1, &next);
    c->n_anew = 0;
    c->anew = lbk__arena_get(&c->arena, ((size_t) g->n_node + 1) * sizeof *c->anew);
    for (int64_t i = 0; !st && c->anew && i < g->n_node && i < next.o->g->n_node; i++) {
        const lbk_node *n = g->node[i];
        const int axis =
            n->kind == NODE_STATE ? other_axis(n->shape, next.o->g->node[i]->shape) : -1;
        if (axis < 0)
            continue;
        c->anew[c->n_anew++] = n->name;
        const struct st_tensor *t = *by ? NULL : partner(c, n->name);
        if (t && t->rank == n->shape.n)
            *found = (int64_t) t->dim[axis], *by = t->name;
    }
    lbk__loose_close(&next);
    return st || c->anew ? st : no_memory(c);
}

static bool told(const struct lbk_convert_params *p, const char *option)
{
    for (int i = 0; i < p->n_options; i++)
        if (!strcmp(p->options[i].name, option))
            return true;
    return false;
}

static lbk_status reopen(struct convert *c, int64_t classes)
{
    const char *by = NULL;
    int64_t found;
    lbk__loose_close(&c->net);
    const lbk_status st = open_net(c, classes, &c->net);
    return st ? st : find_classes(c, classes, &found, &by);
}

static lbk_status fit_classes(struct convert *c)
{
    const int64_t *classes = classes_of(&c->net.role);
    const char *by = NULL;
    const bool given = told(c->p, "classes");
    if (c->p->anew && (!classes || !given))
        return lbk_fail(c->ctx, LBK_EINVAL, "model '%s': last=new: expected classes=N %s",
                        c->p->model, classes ? "beside it" : "to be an option of the model");
    if (!classes)
        return LBK_OK;
    int64_t found = *classes;
    const lbk_status st = find_classes(c, *classes, &found, &by);
    if (st || found == *classes || c->p->anew)
        return st;
    if (found >= 1 && !given)
        return reopen(c, found);
    return lbk_fail(c->ctx, LBK_EFORMAT,
                    "%s: tensor '%s' is for %" PRId64 " classes, expected %" PRId64
                    ": leave 'classes' out to keep them, or start that layer anew with last=new",
                    c->p->in, by, found, *classes);
}

/* ---- into the network ---- */

static lbk_status load(struct convert *c)
{
    const struct role *r = &c->net.role;
    const struct ckpt_rule rule = { r->path, r->model->renames, c->p->anew ? c->anew : NULL, true };
    lbk_status st = lbk_device_open(c->ctx, "cpu", &c->device);
    if (!st)
        st = lbk_store_create(c->device, &c->store);
    if (!st)
        st = lbk__store_fill_under(c->store, c->net.o->g, r->path);
    return st ? st : lbk__ckpt_fetch(c->store, &c->in, &rule);
}

/* ---- and out again ---- */

static lbk_status add_state(struct convert *c, const struct store_entry *e,
                            struct lbk_converted *out)
{
    char name[RENAME_SIZE], plain[RENAME_SIZE];
    const char *ours = e->name + strlen(c->net.role.path);
    snprintf(plain, sizeof plain, "%s", ours);
    lbk__rename_parts(plain, '/', '.');
    if (!lbk__rename_theirs(ours, c->net.role.model->renames, name))
        return lbk_fail(c->ctx, LBK_EUNSUPPORTED, "model '%s': no published name becomes '%s'",
                        c->p->model, plain);
    out->renamed += strcmp(name, plain) != 0;
    struct st_item *it = &c->item[c->n_item++];
    *it = (struct st_item){ .dtype = e->tensor->dtype,
                            .shape = e->tensor->shape,
                            .tensor = e->tensor };
    it->name = lbk__arena_str(&c->arena, "%s", c->p->back ? name : plain);
    return it->name ? LBK_OK : no_memory(c);
}

/* A count, wherever it came from: a tensor of theirs, metadata of ours. */
static lbk_status add_count(struct convert *c, const char *name, int64_t count)
{
    int64_t *v = lbk__arena_copy(&c->arena, &count, sizeof count);
    struct st_meta *m = &c->meta[c->n_meta];
    if (c->p->back) {
        c->item[c->n_item++] = (struct st_item){ .name = name, .stored = "I64", .data = v };
        return v ? LBK_OK : no_memory(c);
    }
    m->key = lbk__arena_str(&c->arena, COUNTED "%s", name);
    m->value = lbk__arena_str(&c->arena, "%" PRId64, count);
    c->n_meta++;
    return m->key && m->value ? LBK_OK : no_memory(c);
}

static lbk_status counts_of_file(struct convert *c)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < c->in.n; i++) {
        const struct st_tensor *t = &c->in.at[i];
        int64_t v;
        if (!lbk__rename_is_count(t->name) || strcmp(t->dtype->name, "I64") || t->rank)
            continue;
        st = lbk__st_read(&c->in, t, &v);
        if (!st)
            st = add_count(c, t->name, v);
    }
    return st;
}

/* Ours says which model it is; theirs has no word of us. */
static lbk_status add_meta(struct convert *c)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < c->in.n_meta; i++) {
        const struct st_meta *m = &c->in.meta[i];
        const bool counted = !strncmp(m->key, COUNTED, strlen(COUNTED));
        int64_t count;
        if (counted && lbk__parse_int(m->value, strlen(m->value), &count))
            st = add_count(c, m->key + strlen(COUNTED), count);
        else if (!counted && strcmp(m->key, "model"))
            c->meta[c->n_meta++] = *m;
    }
    if (!c->p->back)
        c->meta[c->n_meta++] = (struct st_meta){ "model", c->p->model };
    return st;
}

static lbk_status save(struct convert *c, struct lbk_converted *out)
{
    const size_t n_item = (size_t) (c->store->n + c->in.n_meta + c->in.n + 1),
                 n_meta = (size_t) (c->in.n_meta + c->in.n + 1);
    lbk_status st = LBK_OK;
    c->item = lbk__arena_get(&c->arena, n_item * sizeof *c->item);
    c->meta = lbk__arena_get(&c->arena, n_meta * sizeof *c->meta);
    if (!c->item || !c->meta)
        return no_memory(c);
    for (int64_t i = 0; !st && i < c->store->n; i++)
        st = add_state(c, &c->store->at[i], out);
    out->tensors = c->n_item;
    if (!st)
        st = counts_of_file(c);
    if (!st)
        st = add_meta(c);
    if (!st)
        st = lbk__st_save(c->ctx, c->p->out, c->n_item, c->item, c->n_meta, c->meta);
    return st;
}

lbk_status lbk_convert(lbk_ctx *ctx, const struct lbk_convert_params *p, struct lbk_converted *out)
{
    struct convert c = { .p = p, .ctx = ctx };
    lbk_status st = lbk__st_open(ctx, p->in, &c.in);
    if (st)
        return st;
    st = open_net(&c, 0, &c.net);
    if (!st)
        st = fit_classes(&c);
    if (!st)
        st = load(&c);
    if (!st)
        st = save(&c, out);
    const int64_t *classes = st ? NULL : classes_of(&c.net.role);
    out->classes = classes ? *classes : 0;
    out->anew = p->anew ? c.n_anew : 0;
    lbk__loose_close(&c.net);
    lbk_store_destroy(&c.store);
    lbk_device_close(&c.device);
    lbk__arena_finish(&c.arena);
    lbk__st_close(&c.in);
    return st;
}
