/* SPDX-License-Identifier: MIT */
/* A registered loss on tensors of a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ckpt.h>
#include "loose.h"
#include "safetensors.h"

enum { MAX_IN = 16 };
struct trial {
    lbk_ctx *ctx;
    const struct lbk_loss *loss;
    lbk_objective *o;
    lbk_device *device;
    lbk_store *data, *state, *result;
    lbk_exec *exec;
    int n, n_grad;
    char name[MAX_IN][64];
    lbk_val *in[MAX_IN], *grad[MAX_IN];
    struct lbk_wire wire[MAX_IN + 1];
    struct lbk_bind bind[MAX_IN];
};

static lbk_status add_input(struct trial *t, const char *spec)
{
    const size_t n = strcspn(spec, "?");
    char *name = t->name[t->n];
    snprintf(name, sizeof t->name[0], "%.*s", (int) n, spec);
    lbk_tensor *x = lbk_store_get(t->data, name);
    if (!x && spec[n])
        return LBK_OK;
    if (!x)
        return lbk_fail(t->ctx, LBK_ENOENT, "loss '%s': the file has no tensor '%s'", t->loss->name,
                        name);
    t->in[t->n] = lbk_input(t->o->g, name, x->dtype, x->shape);
    t->wire[t->n] = (struct lbk_wire){ name, t->in[t->n] };
    t->bind[t->n] = (struct lbk_bind){ name, x };
    t->n++;
    return lbk_graph_status(t->o->g);
}

static bool grows_name(const struct trial *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->name[i], name))
            return true;
    return false;
}

static lbk_status no_strangers(struct trial *t)
{
    for (int64_t i = 0; i < t->data->n; i++)
        if (!grows_name(t, t->data->at[i].name))
            return lbk_fail(t->ctx, LBK_ENOENT, "loss '%s' has no input '%s'; its first is '%s'",
                            t->loss->name, t->data->at[i].name, t->loss->inputs[0]);
    return LBK_OK;
}

static char *options_text(int n, const struct lbk_setting *options)
{
    size_t size = 1;
    for (int i = 0; i < n; i++)
        size += strlen(options[i].name) + strlen(options[i].value) + 4;
    char *text = calloc(1, size);
    for (int i = 0; text && i < n; i++)
        snprintf(text + strlen(text), size - strlen(text), "%s%s=[%s]", i ? "," : "",
                 options[i].name, options[i].value);
    return text;
}

static lbk_status build(struct trial *t, int n, const struct lbk_setting *options)
{
    char *text = options_text(n, options);
    lbk_val *wrt[MAX_IN], *dx[MAX_IN];
    int at[MAX_IN], k = 0;
    if (!text)
        return lbk_fail(t->ctx, LBK_ENOMEM, "loss: out of memory");
    lbk_val *v = lbk__loss_build(lbk__objective_scope(t->o, "loss/"), t->loss->name, t->wire, text);
    free(text);
    if (v && lbk_shape_of(v).n)
        return lbk_graph_fail(t->o->g, LBK_EINVAL, "loss '%s': it is not a scalar", t->loss->name);
    lbk_output(t->o->g, "loss", v);
    for (int i = 0; i < t->n; i++)
        if (lbk_dtype_of(t->in[i]) == LBK_F32)
            at[k] = i, wrt[k++] = t->in[i];
    lbk_status st = lbk_graph_status(t->o->g);
    if (!st)
        st = lbk_grad(t->o->g, v, k, wrt, dx);
    for (int i = 0; !st && i < k; i++) {
        char name[80];
        snprintf(name, sizeof name, "grad.%s", t->name[at[i]]);
        st = lbk_output(t->o->g, name, dx[i]);
    }
    return st;
}

static lbk_status compute(struct trial *t, double *value)
{
    const lbk_graph *g = t->o->g;
    struct lbk_bind out[MAX_IN + 1];
    lbk_status st = lbk__store_fill(t->state, g);
    if (!st)
        st = lbk_compile(t->o->g, t->state, NULL, &t->exec);
    for (int64_t i = 0; !st && i < g->n_output; i++) {
        lbk_tensor *x = NULL;
        st = lbk_tensor_create(t->device, g->output[i].v->dtype, g->output[i].v->shape, &x);
        if (!st)
            st = lbk_store_put(t->result, g->output[i].name, x);
        out[i] = (struct lbk_bind){ g->output[i].name, x };
        lbk_tensor_unref(&x);
    }
    float v = 0;
    if (!st)
        st = lbk_run(t->exec, t->n, t->bind, (int) g->n_output, out);
    if (!st)
        st = lbk_tensor_read(lbk_store_get(t->result, "loss"), &v, sizeof v);
    if (value)
        *value = (double) v;
    return st;
}

static lbk_status open_trial(struct trial *t, const char *device, const char *loss, const char *in)
{
    const void *found = NULL;
    lbk_status st = lbk__registry_need(t->ctx, LBK_LOSSES, loss, &found);
    t->loss = found;
    if (!st)
        st = lbk_device_open(t->ctx, device ? device : "cpu", &t->device);
    if (!st)
        st = lbk_store_create(t->device, &t->data);
    if (!st)
        st = lbk_store_create(t->device, &t->state);
    if (!st)
        st = lbk_store_create(t->device, &t->result);
    if (!st)
        st = lbk_ckpt_restore(t->data, in, NULL);
    t->o = st ? NULL : calloc(1, sizeof *t->o);
    if (!st && !t->o)
        st = lbk_fail(t->ctx, LBK_ENOMEM, "loss: out of memory");
    if (!st)
        t->o->ctx = t->ctx, st = lbk_graph_create(t->ctx, &t->o->g);
    for (int i = 0; !st && t->loss->inputs[i] && i < MAX_IN; i++)
        st = add_input(t, t->loss->inputs[i]);
    return st ? st : no_strangers(t);
}

lbk_status lbk_loss_eval(lbk_ctx *ctx, const char *device, const char *loss, const char *in,
                         const char *out, int n, const struct lbk_setting *options, double *value)
{
    struct trial t = { .ctx = ctx };
    lbk_status st = open_trial(&t, device, loss, in);
    if (!st)
        st = build(&t, n, options);
    if (!st)
        st = compute(&t, value);
    if (!st)
        st = lbk_ckpt_save(t.result, out, NULL, 0, NULL);
    lbk_exec_destroy(&t.exec);
    lbk__objective_destroy(&t.o);
    lbk_store_destroy(&t.data);
    lbk_store_destroy(&t.state);
    lbk_store_destroy(&t.result);
    lbk_device_close(&t.device);
    return st;
}
