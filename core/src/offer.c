/* SPDX-License-Identifier: MIT */
/* One anchor as a group, and what the device says to it. */
#include <stdlib.h>
#include <string.h>
#include "group.h"

bool lbk__group_operands(struct work *w, struct group *to, lbk_node *n)
{
    if (n->n > LBK_OPERAND_MAX)
        return false;
    for (int i = 0; i < n->n; i++) {
        to->g.operand[i].n = 0;
        struct builder b = { .w = w, .to = to, .shape = n->in[i]->shape, .e = &to->g.operand[i] };
        if (is_number(n->in[i]))
            lbk__put_load(&b, n->in[i]);
        else
            lbk__put_node(&b, n->in[i], false);
        if (b.full)
            return false;
    }
    to->g.n_operand = n->n;
    return true;
}

void lbk__group_anchor(struct work *w, struct group *to, lbk_node *n)
{
    to->anchor = n;
    to->g.size = sizeof to->g;
    to->g.op = n->op, to->g.params = n->params;
    to->g.acc = n->shape;
    to->g.seed = w->p->device->ctx->params.seed;
}

void lbk__group_out(struct group *to, int i, lbk_node *root, uint32_t v, int result)
{
    to->root[i] = root;
    to->out[i] = v;
    to->g.out[i] = (struct lbk_arg){ .dtype = root->dtype, .shape = to->g.acc };
    to->g.result[i] = (uint8_t) result;
    to->g.n_out = i + 1;
}

void lbk__group_plain(struct group *to, lbk_node *root, uint32_t v)
{
    to->g.epi = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ACC } } };
    lbk__group_out(to, 0, root, v, 0);
}

bool lbk__plan_ask(struct plan *p, struct group *to)
{
    memset(&to->offer, 0, sizeof to->offer);
    to->offer.size = sizeof to->offer;
    return p->device->fns.supports(p->device->drv, &to->g, &to->offer) != 0;
}

bool lbk__plan_takes(struct plan *p, const lbk_node *n)
{
    struct group *to = calloc(1, sizeof *to);
    bool yes = to && n->n <= LBK_OPERAND_MAX;
    if (yes) {
        to->g.size = sizeof to->g;
        to->g.op = n->op, to->g.params = n->params, to->g.acc = n->shape;
        for (int i = 0; i < n->n; i++) {
            int k = 0;
            while (k < i && n->in[k] != n->in[i])
                k++;
            if (k == i) {
                k = to->g.n_arg++;
                to->g.arg[k] =
                    (struct lbk_arg){ .dtype = n->in[i]->dtype, .shape = n->in[i]->shape };
            } else {
                k = to->g.operand[k].w[0].arg;
            }
            to->g.operand[i] =
                (struct lbk_expr){ 1, { { .kind = LBK_WORD_ARG, .arg = (uint8_t) k } } };
        }
        to->g.n_operand = n->n;
        to->anchor = NULL;
        to->g.epi = (struct lbk_expr){ 1, { { .kind = LBK_WORD_ACC } } };
        to->g.out[0] = (struct lbk_arg){ .dtype = n->dtype, .shape = n->shape };
        to->g.n_out = 1;
        yes = lbk__plan_ask(p, to);
    }
    free(to);
    return yes;
}

/* Forgets values made for a group that came to nothing. */
void lbk__group_forget(struct work *w, int64_t n_value)
{
    for (int64_t i = 0; i < w->n; i++)
        if (w->p->value_of[i] != NONE && w->p->value_of[i] >= n_value)
            w->p->value_of[i] = NONE;
    w->p->n_value = n_value;
}

/* Would the device compute the pointwise operands of this anchor as it loads them? */
bool lbk__group_takes(struct work *w, lbk_node *n)
{
    struct group *to = calloc(1, sizeof *to);
    const int64_t before = w->p->n_value;
    bool yes = false;
    if (to) {
        lbk__group_anchor(w, to, n);
        if (lbk__group_operands(w, to, n)) {
            lbk__group_plain(to, n, NONE);
            yes = lbk__plan_ask(w->p, to);
        }
    }
    free(to);
    lbk__group_forget(w, before);
    return yes;
}
