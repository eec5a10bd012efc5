/* SPDX-License-Identifier: MIT */
/* Batches that are put together by hand. */
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "loader.h"

void lbk__batch_field(const struct lbk_array *a, int64_t batch, struct batch_field *to)
{
    to->shape = (lbk_shape){ a->shape.n + 1, { batch } };
    memcpy(to->shape.d + 1, a->shape.d, (size_t) a->shape.n * sizeof *a->shape.d);
    to->dtype = a->dtype, to->data = a->data;
}

static bool pick(const struct batch_field *f, int64_t (*from)(int64_t k, int64_t n),
                 struct batch_field *to)
{
    const int64_t n = f->shape.d[0];
    size_t bytes = 0;
    *to = *f;
    to->data = lbk__shape_bytes(f->dtype, f->shape, &bytes) ? malloc(bytes + 1) : NULL;
    const size_t row = n ? bytes / (size_t) n : 0;
    for (int64_t k = 0; to->data && k < n; k++)
        memcpy((char *) to->data + (size_t) k * row,
               (const char *) f->data + (size_t) from(k, n) * row, row);
    return to->data != NULL;
}

bool lbk__batch_pick(const struct batch *b, int64_t (*from)(int64_t k, int64_t n), struct batch *to)
{
    *to = (struct batch){ .epoch = b->epoch, .position = b->position, .count = b->count };
    to->fields = calloc((size_t) b->n + 1, sizeof *to->fields);
    bool ok = to->fields != NULL;
    for (; ok && to->n < b->n; to->n++)
        ok = pick(&b->fields[to->n], from, &to->fields[to->n]);
    return ok;
}

void lbk__batch_drop(struct batch *picked)
{
    for (int i = 0; i < picked->n; i++)
        free(picked->fields[i].data);
    free(picked->fields);
    *picked = (struct batch){ 0 };
}
