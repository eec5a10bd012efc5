/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include "device.h"

lbk_status lbk_store_create(lbk_device *d, lbk_store **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return lbk_fail(d->ctx, LBK_ENOMEM, "store: out of memory");
    (*out)->device = d;
    d->refs++;
    return LBK_OK;
}

void lbk_store_destroy(lbk_store **s)
{
    if (!*s)
        return;
    for (int64_t i = 0; i < (*s)->n; i++) {
        free((*s)->at[i].name);
        lbk_tensor_unref(&(*s)->at[i].tensor);
    }
    lbk__device_unref((*s)->device);
    free((*s)->at);
    free(*s);
    *s = NULL;
}

/* Where name is, or would be. */
static int64_t place(const lbk_store *s, const char *name, bool *found)
{
    int64_t lo = 0, hi = s->n;
    while (lo < hi) {
        const int64_t mid = (lo + hi) / 2;
        if (strcmp(s->at[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = lo < s->n && !strcmp(s->at[lo].name, name);
    return lo;
}

lbk_tensor *lbk_store_get(const lbk_store *s, const char *name)
{
    bool found;
    const int64_t i = place(s, name, &found);
    return found ? s->at[i].tensor : NULL;
}

lbk_status lbk_store_put(lbk_store *s, const char *name, lbk_tensor *t)
{
    bool found;
    const int64_t i = place(s, name, &found);
    if (t->device != s->device)
        return lbk_fail(s->device->ctx, LBK_EINVAL, "store: '%s' lives on another device", name);
    s->changes++;
    if (found) {
        lbk_tensor_ref(t);
        lbk_tensor_unref(&s->at[i].tensor);
        s->at[i].tensor = t;
        return LBK_OK;
    }
    char *copy = strdup(name);
    if (!copy || !lbk__grow(&s->at, s->n, &s->cap, sizeof *s->at)) {
        free(copy);
        return lbk_fail(s->device->ctx, LBK_ENOMEM, "store: out of memory");
    }
    memmove(s->at + i + 1, s->at + i, (size_t) (s->n - i) * sizeof *s->at);
    s->at[i] = (struct store_entry) { copy, lbk_tensor_ref(t) };
    s->n++;
    return LBK_OK;
}
