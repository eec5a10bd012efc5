/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/rng.h>
#include "device.h"
#include "record.h"
#include "sample.h"

/* ---- cache ---- */

struct kept {
    char name[sizeof((struct slot *) 0)->name];
    lbk_dtype dtype;
    lbk_shape shape;
    size_t bytes;
};
struct packed {
    int n;
    struct kept at[];
}; /* then the arrays, one after the other */
struct cache {
    size_t most;
    atomic_size_t used;
    int64_t n;
    _Atomic(struct packed *) at[];
};

lbk_status lbk__cache_create(lbk_ctx *ctx, int64_t samples, size_t bytes, struct cache **out)
{
    *out = calloc(1, sizeof **out + (size_t) samples * sizeof *(*out)->at);
    if (!*out)
        return lbk_fail(ctx, LBK_ENOMEM, "cache: out of memory");
    (*out)->most = bytes, (*out)->n = samples;
    return LBK_OK;
}

void lbk__cache_destroy(struct cache **c)
{
    for (int64_t i = 0; *c && i < (*c)->n; i++)
        free(atomic_load(&(*c)->at[i]));
    free(*c);
    *c = NULL;
}

static size_t packed_size(const lbk_record *r, int *n)
{
    size_t bytes = sizeof(struct packed), each;
    *n = 0;
    for (int64_t i = 0; i < r->n; i++)
        if (r->at[i].used && lbk__shape_bytes(r->at[i].array.dtype, r->at[i].array.shape, &each))
            bytes += sizeof(struct kept) + each, ++*n;
    return bytes;
}

static void pack(const lbk_record *r, struct packed *p)
{
    unsigned char *to = (unsigned char *) &p->at[p->n];
    struct kept *k = p->at;
    for (int64_t i = 0; i < r->n; i++) {
        const struct slot *s = &r->at[i];
        if (!s->used || !lbk__shape_bytes(s->array.dtype, s->array.shape, &k->bytes))
            continue;
        memcpy(k->name, s->name, sizeof k->name);
        k->dtype = s->array.dtype, k->shape = s->array.shape;
        memcpy(to, s->array.data, k->bytes);
        to += k++->bytes;
    }
}

/* Within its bytes, and if there is memory; who comes second throws its copy away. */
static void remember(struct cache *c, int64_t i, const lbk_record *r)
{
    int n;
    const size_t bytes = packed_size(r, &n);
    if (atomic_fetch_add(&c->used, bytes) + bytes > c->most) {
        atomic_fetch_sub(&c->used, bytes);
        return;
    }
    struct packed *p = malloc(bytes), *none = NULL;
    if (p) {
        p->n = n;
        pack(r, p);
    }
    if (!p || !atomic_compare_exchange_strong(&c->at[i], &none, p)) {
        free(p);
        atomic_fetch_sub(&c->used, bytes);
    }
}

static lbk_status recall(const struct packed *p, lbk_record *r)
{
    const unsigned char *from = (const unsigned char *) &p->at[p->n];
    for (int i = 0; i < p->n; i++) {
        const struct kept *k = &p->at[i];
        void *to = lbk__record_room(r, k->name, k->dtype, k->shape);
        if (!to)
            return LBK_ENOMEM;
        memcpy(to, from, k->bytes);
        from += k->bytes;
    }
    return LBK_OK;
}

/* ---- quiet context ---- */

static void relay(void *ud, enum lbk_log_level lvl, const char *msg)
{
    const struct quiet *q = ud;
    if (lvl != LBK_LOG_ERROR)
        q->real->params.log(q->real->params.log_ud, lvl, msg);
}

bool lbk__quiet_init(struct quiet *q, lbk_ctx *real)
{
    memset(q, 0, sizeof *q);
    q->real = real;
    q->ctx.params = real->params;
    if (real->params.log)
        q->ctx.params.log = relay, q->ctx.params.log_ud = q;
    return !pthread_mutex_init(&q->ctx.lock, NULL);
}

void lbk__quiet_finish(struct quiet *q) { pthread_mutex_destroy(&q->ctx.lock); }

/* ---- one sample ---- */

static lbk_status read_fixed(const struct loader_params *p, struct cache *c, int64_t i,
                             lbk_record *r)
{
    const struct packed *kept = c ? atomic_load(&c->at[i]) : NULL;
    if (kept) {
        lbk__data_begin(p->data, i, r);
        return recall(kept, r);
    }
    lbk_status st = lbk__data_read(p->data, i, r);
    if (!st)
        st = lbk__pipeline_run(p->pipeline, 0, p->pipeline->fixed, r, 0);
    if (!st && c)
        remember(c, i, r);
    return st;
}

uint64_t lbk__sample_view(const struct loader_params *p, int64_t epoch)
{
    if (p->pipeline->fixed == p->pipeline->n)
        return 0;
    return (uint64_t) (p->views > 0 ? epoch % p->views : epoch);
}

lbk_status lbk__sample_make(const struct loader_params *p, struct cache *c, int64_t i,
                            int64_t epoch, lbk_record *r)
{
    const uint64_t view = lbk__sample_view(p, epoch);
    lbk_status st = read_fixed(p, c, i, r);
    if (!st) {
        const uint64_t key = lbk_mix(lbk_mix(lbk_mix(p->seed, p->draws), r->id), view);
        st = lbk__pipeline_run(p->pipeline, p->pipeline->fixed, p->pipeline->n, r, key);
    }
    return !st && p->encode ? p->encode(r, p->ud) : st;
}
