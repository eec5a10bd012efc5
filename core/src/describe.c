/* SPDX-License-Identifier: MIT */
/* What models and methods are made of, without a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loose.h"
#include "opt.h"
#include "plan.h"
#include "schedule.h"
#include "str.h"

lbk_status lbk_model_describe(lbk_ctx *ctx, const char *model, lbk_shape input, int n,
                              const struct lbk_setting *options, struct lbk_model_info *io)
{
    struct loose l;
    const void *found = NULL;
    lbk_status st = lbk__registry_need(ctx, LBK_MODELS, model, &found);
    if (st)
        return st;
    io->parameters = io->buffers = 0;
    io->multiply_adds = 0;
    const struct lbk_model *m = found;
    if (m->reads && strcmp(m->reads, "image"))
        return LBK_OK; /* its weights are what a run leaves */
    st = lbk__loose_open(ctx, model, input, 1, 0, LBK_TRAINED, n, options, NULL, &l);
    for (int64_t i = 0; !st && i < l.o->g->n_node; i++) {
        const lbk_node *x = l.o->g->node[i];
        if (x->kind != NODE_STATE)
            continue;
        *(x->trainable ? &io->parameters : &io->buffers) += lbk_shape_count(x->shape);
        if (io->weight)
            io->weight(io->ud, x->name + strlen(l.role.path), x->shape, x->trainable);
    }
    if (!st)
        io->multiply_adds = lbk__graph_flops(l.o->g, node_of(lbk_pass_out(l.pass))) / 2;
    if (io->multiply_adds < 0)
        st = lbk_fail(ctx, LBK_ENOMEM, "model '%s': out of memory", model);
    for (const struct tap *t = st ? NULL : l.pass->piece.net.taps; t && io->tap; t = t->next)
        io->tap(io->ud, t->name, lbk_shape_of(t->v));
    lbk__loose_close(&l);
    return st;
}

static void span_text(struct lbk_span s, char buf[64])
{
    char v[32];
    static const char *const units[] = { " steps", " epochs", "% of the run" };
    if (s.n > 0)
        snprintf(buf, 64, "%s%s", lbk__number_text(s.n, v), units[s.unit]);
    else
        snprintf(buf, 64, "rest of the run");
}

static void describe_stage(const struct stage *s, char *line, size_t size)
{
    char length[64];
    span_text(s->d.length, length);
    int n = snprintf(line, size, "%s: %s, roles", s->d.name,
                     s->d.sweep ? "one pass over the data" : length);
    for (int i = 0; i < s->n_roles && n > 0 && (size_t) n < size; i++)
        n += snprintf(line + n, size - (size_t) n, "%s %s%s", i ? "," : "", s->d.roles[i].name,
                      s->d.roles[i].mode == LBK_TRAINED ? "" : " (frozen)");
    if (!s->n_roles && n > 0 && (size_t) n < size)
        n += snprintf(line + n, size - (size_t) n, " none");
    if (n > 0 && (size_t) n < size)
        n += snprintf(line + n, size - (size_t) n, "; streams");
    for (int i = 0; i < s->n_streams && n > 0 && (size_t) n < size; i++)
        n += snprintf(line + n, size - (size_t) n, "%s %s", i ? "," : "", s->d.streams[i].name);
}

lbk_status lbk_method_describe(lbk_ctx *ctx, const char *method, int n,
                               const struct lbk_setting *options,
                               void (*put)(void *ud, const char *line), void *ud)
{
    struct settings *set = NULL;
    lbk_schedule *s = NULL;
    struct lbk_setting *full = calloc((size_t) n + 1, sizeof *full);
    struct arena a = { NULL };
    char line[512];
    lbk_status st = full ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "method '%s': out of memory", method);
    for (int i = 0; !st && i < n; i++) {
        full[i].value = options[i].value;
        full[i].name = strchr(options[i].name, '.')
                           ? options[i].name
                           : lbk__arena_str(&a, "%s.%s", method, options[i].name);
        if (!full[i].name)
            st = lbk_fail(ctx, LBK_ENOMEM, "method '%s': out of memory", method);
    }
    if (!st)
        st = lbk__settings_create(ctx, n, full, &set);
    if (!st)
        st = lbk__schedule_create(ctx, set, method, false, &s);
    if (!st)
        st = lbk__settings_done(set);
    for (int64_t i = 0; !st && i < s->n; i++) {
        describe_stage(&s->stage[i], line, sizeof line);
        put(ud, line);
    }
    lbk__schedule_destroy(&s);
    lbk__settings_destroy(&set);
    lbk__arena_finish(&a);
    free(full);
    return st;
}
