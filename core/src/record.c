/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include "arena.h"
#include "device.h"
#include "record.h"

lbk_status lbk__record_create(lbk_ctx *ctx, lbk_record **out)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return lbk_fail(ctx, LBK_ENOMEM, "record: out of memory");
    (*out)->ctx = ctx;
    return LBK_OK;
}

void lbk__record_destroy(lbk_record **record)
{
    lbk_record *r = *record;
    if (!r)
        return;
    for (int64_t i = 0; i < r->n; i++) {
        free(r->at[i].array.data);
        free(r->at[i].spare);
    }
    free(r->at);
    free(r);
    *record = NULL;
}

void lbk__record_reset(lbk_record *r, uint64_t id, const struct lbk_field *fields)
{
    r->id = id;
    r->origin = NULL;
    r->fields = fields;
    r->n_view = 0;
    for (int64_t i = 0; i < r->n; i++)
        r->at[i].used = false;
}

const char *lbk_record_called(const lbk_record *r, char buf[32])
{
    snprintf(buf, 32, "sample %" PRIu64, r->id);
    return r->origin ? r->origin : buf;
}

uint64_t lbk_record_id(const lbk_record *r) { return r->id; }
lbk_ctx *lbk_record_ctx(const lbk_record *r) { return r->ctx; }

const struct lbk_field *lbk_record_field(const lbk_record *r, const char *name)
{
    for (const struct lbk_field *f = r->fields; f && f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

enum lbk_kind lbk__record_kind(const lbk_record *r, const struct slot *s)
{
    const struct lbk_field *f = lbk_record_field(r, s->name);
    return f ? f->kind : LBK_PLAIN;
}

struct slot *lbk__record_find(const lbk_record *r, const char *name)
{
    for (int64_t i = 0; i < r->n; i++)
        if (r->at[i].used && !strcmp(r->at[i].name, name))
            return &r->at[i];
    return NULL;
}

bool lbk_record_has(const lbk_record *r, const char *name)
{
    return lbk__record_find(r, name) != NULL;
}

/* "image f32 3x32x32, label i32 scalar" */
static void describe(const lbk_record *r, char *buf, size_t size)
{
    char shape[96];
    size_t at = 0;
    snprintf(buf, size, "nothing");
    for (int64_t i = 0; i < r->n && at < size; i++) {
        const struct slot *s = &r->at[i];
        if (s->used)
            at += (size_t) snprintf(buf + at, size - at, "%s%s %s %s", at ? ", " : "", s->name,
                                    lbk__dtype_name(s->array.dtype),
                                    lbk__shape_text(s->array.shape, shape, sizeof shape));
    }
}

lbk_status lbk_record_get(const lbk_record *r, const char *name, lbk_dtype t, struct lbk_array *out)
{
    const struct slot *s = lbk__record_find(r, name);
    char text[512];
    if (s && s->array.dtype == t) {
        *out = s->array;
        return LBK_OK;
    }
    *out = (struct lbk_array){ 0 };
    describe(r, text, sizeof text);
    return lbk_fail(r->ctx, LBK_ENOENT, "%s: expected an array '%s' of %s, found %s", LBK_CALLED(r),
                    name, lbk__dtype_name(t), text);
}

/* The slot of that name, or a new one. */
static struct slot *slot_for(lbk_record *r, const char *name)
{
    struct slot *s;
    for (int64_t i = 0; i < r->n; i++)
        if (!strcmp(r->at[i].name, name))
            return &r->at[i];
    if (strlen(name) >= sizeof s->name || !lbk__grow(&r->at, r->n, &r->cap, sizeof *r->at))
        return NULL;
    s = &r->at[r->n++];
    *s = (struct slot){ 0 };
    memcpy(s->name, name, strlen(name) + 1);
    return s;
}

static bool make_room(struct slot *s, size_t bytes)
{
    if (bytes <= s->spare_room && s->spare)
        return true;
    free(s->spare);
    s->spare_room = bytes ? bytes : 1;
    s->spare = malloc(s->spare_room);
    if (!s->spare)
        s->spare_room = 0;
    return s->spare;
}

void *lbk__record_room(lbk_record *r, const char *name, lbk_dtype t, lbk_shape shape)
{
    char text[96];
    size_t bytes;
    if (!lbk__shape_bytes(t, shape, &bytes)) {
        lbk_fail(r->ctx, LBK_EINVAL, "array '%s': %s of %s does not fit in memory", name,
                 lbk__shape_text(shape, text, sizeof text), lbk__dtype_name(t));
        return NULL;
    }
    struct slot *s = slot_for(r, name);
    if (!s || !make_room(s, bytes)) {
        lbk_fail(r->ctx, LBK_ENOMEM, "array '%s': out of memory for %zu bytes", name, bytes);
        return NULL;
    }
    void *old = s->array.data;
    const size_t old_room = s->room;
    s->array = (struct lbk_array){ t, shape, s->spare };
    s->room = s->spare_room;
    s->spare = old, s->spare_room = old_room;
    s->used = true;
    return s->array.data;
}

void *lbk_record_put(lbk_record *r, const char *name, lbk_dtype t, lbk_shape shape)
{
    size_t bytes = 0;
    void *p = lbk__record_room(r, name, t, shape);
    if (p && lbk__shape_bytes(t, shape, &bytes))
        memset(p, 0, bytes);
    return p;
}
