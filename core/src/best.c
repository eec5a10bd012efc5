/* SPDX-License-Identifier: MIT */
/* Copies of states inside a store: the best so far travels with every checkpoint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "trainer.h"

bool lbk__is_best(const char *name) { return !strncmp(name, "best/", 5); }

bool lbk__is_optim(const char *name) { return strchr(name, '@') != NULL; }

void lbk__store_drop(lbk_store *s, bool (*which)(const char *name))
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (which(s->at[i].name)) {
            free(s->at[i].name);
            lbk_tensor_unref(&s->at[i].tensor);
        } else {
            s->at[n++] = s->at[i];
        }
    }
    s->n = n;
    s->changes++;
}

static lbk_status copy(lbk_store *s, const char *from, const char *to)
{
    const lbk_tensor *a = lbk_store_get(s, from);
    lbk_tensor *b = lbk_store_get(s, to), *own = NULL;
    lbk_status st = b ? LBK_OK : lbk_tensor_create(s->device, a->dtype, a->shape, &own);
    if (own)
        b = own;
    if (!st)
        st = lbk__mem_copy(s->device, b->mem, 0, a->mem, 0, a->bytes);
    if (!st && own)
        st = lbk_store_put(s, to, own);
    lbk_tensor_unref(&own);
    return st;
}

lbk_status lbk__best_keep(lbk_store *s, const char *path)
{
    char name[1100];
    lbk_status st = LBK_OK;
    const size_t n = strlen(path);
    for (int64_t i = 0; !st && i < s->n; i++) {
        const char *from = s->at[i].name;
        if (strncmp(from, path, n) || lbk__is_optim(from))
            continue;
        const int64_t before = s->n;
        snprintf(name, sizeof name, "best/%s", from);
        st = copy(s, from, name);
        i += strcmp(name, from) < 0 ? s->n - before : 0;
    }
    return st;
}

lbk_status lbk__best_use(lbk_store *s)
{
    lbk_status st = LBK_OK;
    for (int64_t i = 0; !st && i < s->n; i++)
        if (lbk__is_best(s->at[i].name) && lbk_store_get(s, s->at[i].name + 5))
            st = copy(s, s->at[i].name, s->at[i].name + 5);
    lbk__store_drop(s, lbk__is_best);
    return st;
}
