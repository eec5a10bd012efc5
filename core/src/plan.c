/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include "plan.h"

lbk_status lbk__plan_no_memory(const struct plan *p)
{
    return lbk_fail(p->device->ctx, LBK_ENOMEM, "plan: out of memory");
}

struct group *lbk__plan_add_group(struct plan *p)
{
    if (p->n_group == NONE || !lbk__grow(&p->group, p->n_group, &p->cap_group, sizeof *p->group))
        return NULL;
    p->group[p->n_group] = (struct group){ 0 };
    return &p->group[p->n_group++];
}

uint32_t lbk__plan_add_value(struct plan *p, const struct value *v)
{
    if (p->n_value == NONE || !lbk__grow(&p->value, p->n_value, &p->cap_value, sizeof *p->value))
        return NONE;
    p->value[p->n_value] = *v;
    return (uint32_t) p->n_value++;
}

uint32_t lbk__plan_storage(const struct plan *p, uint32_t v)
{
    while (p->value[v].home != NONE)
        v = p->value[v].home;
    return v;
}

const char *lbk__plan_group_name(const struct group *g)
{
    const lbk_node *root = g->root[0];
    return g->g.op ? g->g.op->name : root && root->op ? root->op->name : "map";
}

const char *lbk__plan_value_text(const struct plan *p, uint32_t v, char *buf, size_t size)
{
    static const char *const kinds[] = { [VALUE_STATE] = "state '",
                                         [VALUE_INPUT] = "input '",
                                         [VALUE_CONST] = "a constant" };
    const struct value *x = &p->value[v];
    const struct group *g = x->maker != NONE ? &p->group[x->maker] : NULL;
    const lbk_node *root = g ? g->root[0] : NULL;
    char shape[96];
    lbk__shape_text(x->shape, shape, sizeof shape);
    if (g)
        snprintf(buf, size, "%s%s of %s", root && root->where ? root->where : "",
                 lbk__plan_group_name(g), shape);
    else
        snprintf(buf, size, "%s%s%s of %s", kinds[x->kind] ? kinds[x->kind] : "a value",
                 x->name ? x->name : "", x->name ? "'" : "", shape);
    return buf;
}

uint64_t lbk__group_bytes(const struct lbk_group *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < g->n_arg; i++)
        sum += lbk_arg_bytes(&g->arg[i]);
    for (int i = 0; i < g->n_out; i++)
        sum += lbk_arg_bytes(&g->out[i]);
    return sum;
}

size_t lbk__plan_copy_bytes(const struct plan *p, int64_t copy)
{
    const struct value *to = &p->value[p->copy[copy].state];
    size_t bytes = 0;
    lbk__shape_bytes(to->dtype, to->shape, &bytes);
    return bytes;
}

double lbk__node_flops(const lbk_node *n)
{
    lbk_shape shape[LBK_OPERAND_MAX];
    lbk_dtype type[LBK_OPERAND_MAX];
    if (!n->op->flops || n->n > LBK_OPERAND_MAX)
        return 0;
    for (int i = 0; i < n->n; i++)
        shape[i] = n->in[i]->shape, type[i] = n->in[i]->dtype;
    const struct lbk_infer i = { .g = n->g,
                                 .op = n->op,
                                 .n = n->n,
                                 .in = shape,
                                 .in_t = type,
                                 .params = n->params,
                                 .out = n->shape,
                                 .out_t = n->dtype };
    return n->op->flops(&i);
}

double lbk__graph_flops(const lbk_graph *g, const lbk_node *v)
{
    bool *need = calloc((size_t) g->n_node + 1, sizeof *need);
    double flops = need ? 0 : -1;
    if (need)
        need[v->id] = true;
    for (int64_t i = g->n_node - 1; need && i >= 0; i--) {
        const lbk_node *n = g->node[i];
        for (int k = 0; need[i] && k < n->n; k++)
            need[n->in[k]->id] = true;
        flops += need[i] && n->kind == NODE_OP ? lbk__node_flops(n) : 0;
    }
    free(need);
    return flops;
}

lbk_status lbk__plan_build(struct plan *p, const lbk_graph *from)
{
    static lbk_status (*const passes[])(struct plan * p) = { lbk__plan_group, lbk__plan_order,
                                                             lbk__plan_layout };
    lbk_status st = lbk__plan_simplify(p, from);
    for (size_t i = 0; !st && i < sizeof passes / sizeof *passes; i++)
        st = passes[i](p);
    if (!st) {
        lbk__plan_once(p);
        st = lbk__plan_memory(p);
    }
    if (!st)
        lbk__plan_chain(p);
    return st;
}

void lbk__plan_finish(struct plan *p)
{
    for (int64_t i = 0; i < p->n_group; i++)
        if (p->group[i].code)
            p->device->fns.release(p->device->drv, p->group[i].code);
    lbk_graph_destroy(&p->graph);
    free(p->group), free(p->value), free(p->value_of), free(p->made_by);
    free(p->order), free(p->copy), free(p->before), free(p->slab);
    *p = (struct plan){ 0 };
}
