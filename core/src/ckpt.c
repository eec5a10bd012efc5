/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/ckpt.h>
#include "ckpt.h"
#include "device.h"

/* Part of a network: under the prefix, and not what an optimiser keeps of a weight
 * ("conv1/weight@momentum"). */
static bool is_ours(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix)) && !strchr(name, '@');
}

/* ---- saving ---- */

static lbk_status item_of(const lbk_store *s, const struct store_entry *e, const char *prefix,
                          struct arena *a, struct st_item *it)
{
    char *name = lbk__arena_str(a, "%s", e->name + (prefix ? strlen(prefix) : 0));
    if (!name)
        return lbk_fail(s->device->ctx, LBK_ENOMEM, "checkpoint: out of memory");
    if (prefix)
        lbk__rename_parts(name, '/', '.');
    *it = (struct st_item){ name, e->tensor->dtype, e->tensor->shape, NULL, e->tensor };
    return LBK_OK;
}

lbk_status lbk_ckpt_save(const lbk_store *s, const char *path, const char *prefix, int n_meta,
                         const char *const meta[][2])
{
    lbk_ctx *ctx = s->device->ctx;
    struct arena a = { NULL };
    struct st_item *items = lbk__arena_get(&a, ((size_t) s->n + 1) * sizeof *items);
    struct st_meta *pairs = lbk__arena_get(&a, ((size_t) n_meta + 1) * sizeof *pairs);
    lbk_status st = items && pairs ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    int64_t n = 0;
    for (int64_t i = 0; !st && i < s->n; i++)
        if (!prefix || is_ours(s->at[i].name, prefix))
            st = item_of(s, &s->at[i], prefix, &a, &items[n++]);
    for (int i = 0; !st && i < n_meta; i++)
        pairs[i] = (struct st_meta){ meta[i][0], meta[i][1] };
    if (!st && prefix && n == 0)
        st = lbk_fail(ctx, LBK_EINVAL, "%s: nothing to save: there is no tensor '%s...'", path,
                      prefix);
    if (!st)
        st = lbk__st_save(ctx, path, n, items, n_meta, pairs);
    lbk__arena_finish(&a);
    return st;
}

/* ---- elements ---- */

static float half(uint16_t h)
{
    const uint32_t sign = (uint32_t) (h & 0x8000) << 16, e = h >> 10 & 31, m = h & 1023;
    if (e == 0) /* zero and subnormal: m * 2^-24, exact */
        return (sign ? -1.0f : 1.0f) * (float) m * (1.0f / 16777216.0f);
    const uint32_t bits = sign | (e == 31 ? 255u << 23 : (e + 112) << 23) | m << 13;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static float brain(uint16_t b)
{
    const uint32_t bits = (uint32_t) b << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* The type that a tensor of the file has in memory; 0 = none. */
static lbk_dtype natural(const char *dtype)
{
    static const struct {
        const char *theirs;
        lbk_dtype ours;
    } pairs[] = {
        { "F32", LBK_F32 }, { "F64", LBK_F32 }, { "BF16", LBK_F32 }, { "F16", LBK_F16 },
        { "I32", LBK_I32 }, { "I64", LBK_I32 }, { "U8", LBK_U8 },    { "BOOL", LBK_U8 },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (!strcmp(dtype, pairs[i].theirs))
            return pairs[i].ours;
    return (lbk_dtype) 0;
}

static bool converts(const char *theirs, lbk_dtype ours)
{
    return natural(theirs) == ours || (ours == LBK_F32 && !strcmp(theirs, "F16"));
}

/* n elements of another type. False: one is out of range. */
static bool convert(void *dst, const void *src, int64_t n, const char *theirs)
{
    for (int64_t i = 0; i < n; i++)
        if (!strcmp(theirs, "F64")) {
            ((float *) dst)[i] = (float) ((const double *) src)[i];
        } else if (!strcmp(theirs, "BF16")) {
            ((float *) dst)[i] = brain(((const uint16_t *) src)[i]);
        } else if (!strcmp(theirs, "F16")) {
            ((float *) dst)[i] = half(((const uint16_t *) src)[i]);
        } else {
            const int64_t v = ((const int64_t *) src)[i];
            if (v < INT32_MIN || v > INT32_MAX)
                return false;
            ((int32_t *) dst)[i] = (int32_t) v;
        }
    return true;
}

/* ---- loading ---- */

struct pair {
    const struct st_tensor *theirs;
    lbk_tensor *ours;
};

static lbk_status shape_of(const struct st_file *f, const struct st_tensor *t, lbk_shape *out)
{
    if (t->rank > LBK_MAX_DIMS)
        return lbk_fail(f->ctx, LBK_EUNSUPPORTED, "%s: tensor '%s': rank %d, expected at most %d",
                        f->path, t->name, t->rank, LBK_MAX_DIMS);
    out->n = t->rank;
    for (int i = 0; i < t->rank; i++)
        out->d[i] = (int64_t) t->dim[i];
    return LBK_OK;
}

static lbk_status check_pair(const struct st_file *f, const struct st_tensor *t, const char *name,
                             const lbk_tensor *ours)
{
    lbk_shape s;
    char want[96], found[96];
    lbk_status st = shape_of(f, t, &s);
    if (st)
        return st;
    if (!lbk__same_shape(s, ours->shape))
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s' for '%s': expected shape %s, found %s", f->path, t->name,
                        name, lbk__shape_text(ours->shape, want, sizeof want),
                        lbk__shape_text(s, found, sizeof found));
    if (!converts(t->dtype->name, ours->dtype))
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s' for '%s': expected elements that fit %s, found %s",
                        f->path, t->name, name, lbk__dtype_name(ours->dtype), t->dtype->name);
    return LBK_OK;
}

static lbk_status fetch(const struct st_file *f, const struct pair *p)
{
    const size_t raw_bytes = (size_t) (p->theirs->end - p->theirs->begin);
    const bool same =
        natural(p->theirs->dtype->name) == p->ours->dtype && raw_bytes == p->ours->bytes;
    void *raw = malloc(raw_bytes + 1), *made = same ? NULL : malloc(p->ours->bytes + 1);
    lbk_status st = raw && (same || made)
                        ? lbk__st_read(f, p->theirs, raw)
                        : lbk_fail(f->ctx, LBK_ENOMEM, "%s: out of memory", f->path);
    if (!st && !same &&
        !convert(made, raw, lbk_shape_count(p->ours->shape), p->theirs->dtype->name))
        st = lbk_fail(f->ctx, LBK_EFORMAT, "%s: tensor '%s': a number does not fit 32 bits",
                      f->path, p->theirs->name);
    if (!st && p->ours->bytes)
        st = lbk_tensor_write(p->ours, same ? raw : made, p->ours->bytes);
    free(raw);
    free(made);
    return st;
}

/* Of the names the store has under the prefix, the nearest to this one; "" = none is near. */
static const char *nearest_ours(const lbk_store *s, const char *prefix, const char *name)
{
    const char **names = malloc(((size_t) s->n + 1) * sizeof *names), *found = NULL;
    int64_t n = 0;
    for (int64_t i = 0; names && i < s->n; i++)
        if (is_ours(s->at[i].name, prefix))
            names[n++] = s->at[i].name;
    if (names) {
        names[n] = NULL;
        found = lbk__nearest(name, names);
    }
    free(names);
    return found ? found : "";
}

static const char *nearest_theirs(const struct st_file *f, const char *prefix, const char *name)
{
    const char **names = malloc(((size_t) f->n + 1) * sizeof *names), *found = NULL;
    char dotted[RENAME_SIZE];
    snprintf(dotted, sizeof dotted, "%s", name + strlen(prefix));
    lbk__rename_parts(dotted, '/', '.');
    for (int64_t i = 0; names && i < f->n; i++)
        names[i] = f->at[i].name;
    if (names) {
        names[f->n] = NULL;
        found = lbk__nearest(dotted, names);
    }
    free(names);
    return found ? found : "";
}

#define MEAN(near) *(near) ? "; did you mean '" : "", near, *(near) ? "'?" : ""

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

static lbk_status check_all_ours(const lbk_store *s, const struct st_file *f,
                                 const struct ckpt_rule *r, int64_t n, const struct pair *p)
{
    for (int64_t i = 0; i < s->n; i++) {
        const char *name = s->at[i].name;
        bool found = !is_ours(name, r->prefix) || listed(r->anew, name);
        for (int64_t j = 0; !found && j < n; j++)
            found = p[j].ours == s->at[i].tensor;
        if (!found) {
            const char *near = nearest_theirs(f, r->prefix, name);
            return lbk_fail(f->ctx, LBK_EFORMAT, "%s: nothing for '%s'%s%s%s", f->path, name,
                            MEAN(near));
        }
    }
    return LBK_OK;
}

static lbk_status match_one(const lbk_store *s, const struct st_file *f, const struct st_tensor *t,
                            const struct ckpt_rule *r, struct pair *out, int64_t *n)
{
    char name[RENAME_SIZE];
    lbk__rename_ours(t->name, r->prefix, r->renames, name);
    lbk_tensor *ours = lbk_store_get(s, name);
    if (lbk__rename_is_count(t->name) || listed(r->anew, name) || (!ours && !r->strict))
        return LBK_OK;
    if (!ours) {
        const char *near = nearest_ours(s, r->prefix, name);
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: tensor '%s': there is no '%s'%s%s%s", f->path,
                        t->name, name, MEAN(near));
    }
    for (int64_t j = 0; j < *n; j++)
        if (out[j].ours == ours)
            return lbk_fail(f->ctx, LBK_EFORMAT, "%s: tensors '%s' and '%s' are both '%s'", f->path,
                            out[j].theirs->name, t->name, name);
    out[(*n)++] = (struct pair){ t, ours };
    return check_pair(f, t, name, ours);
}

lbk_status lbk__ckpt_fetch(lbk_store *s, const struct st_file *f, const struct ckpt_rule *r)
{
    int64_t n = 0;
    struct pair *pairs = malloc(((size_t) f->n + 1) * sizeof *pairs);
    lbk_status st = pairs ? LBK_OK : lbk_fail(f->ctx, LBK_ENOMEM, "%s: out of memory", f->path);
    for (int64_t i = 0; !st && i < f->n; i++)
        st = match_one(s, f, &f->at[i], r, pairs, &n);
    if (!st && r->strict)
        st = check_all_ours(s, f, r, n, pairs);
    for (int64_t i = 0; !st && i < n; i++)
        st = fetch(f, &pairs[i]);
    free(pairs);
    return st;
}

lbk_status lbk_ckpt_load(lbk_store *s, const char *path, const char *prefix,
                         const struct lbk_rename *renames, bool strict)
{
    struct st_file f;
    const struct ckpt_rule r = { prefix ? prefix : "", renames, NULL, strict };
    lbk_status st = lbk__st_open(s->device->ctx, path, &f);
    if (st)
        return st;
    st = lbk__ckpt_fetch(s, &f, &r);
    lbk__st_close(&f);
    return st;
}

static lbk_status restore_one(lbk_store *s, const struct st_file *f, const struct st_tensor *t,
                              const char *prefix)
{
    char name[RENAME_SIZE];
    struct pair p = { t, NULL };
    lbk_shape shape;
    const lbk_dtype dtype = natural(t->dtype->name);
    lbk_status st = shape_of(f, t, &shape);
    if (!st && !dtype)
        st = lbk_fail(f->ctx, LBK_EUNSUPPORTED, "%s: tensor '%s': cannot hold elements of type %s",
                      f->path, t->name, t->dtype->name);
    if (!st)
        st = lbk_tensor_create(s->device, dtype, shape, &p.ours);
    if (!st)
        st = fetch(f, &p);
    snprintf(name, sizeof name, "%s%s", prefix, t->name);
    if (!st)
        st = lbk_store_put(s, name, p.ours);
    lbk_tensor_unref(&p.ours);
    return st;
}

lbk_status lbk_ckpt_restore(lbk_store *s, const char *path, const char *prefix)
{
    struct st_file f;
    lbk_status st = lbk__st_open(s->device->ctx, path, &f);
    if (st)
        return st;
    for (int64_t i = 0; !st && i < f.n; i++)
        st = restore_one(s, &f, &f.at[i], prefix ? prefix : "");
    lbk__st_close(&f);
    return st;
}

/* ---- looking ---- */

lbk_status lbk_ckpt_meta(lbk_ctx *ctx, const char *path, const char *key, char *buf, size_t size)
{
    struct st_file f;
    lbk_status st = lbk__st_open(ctx, path, &f);
    if (st)
        return st;
    st = LBK_ENOENT;
    for (int64_t i = 0; i < f.n_meta; i++)
        if (!strcmp(f.meta[i].key, key))
            st = (size_t) snprintf(buf, size, "%s", f.meta[i].value) < size
                     ? LBK_OK
                     : lbk_fail(ctx, LBK_EINVAL, "%s: metadata '%s': longer than %zu bytes", path,
                                key, size);
    lbk__st_close(&f);
    return st;
}

lbk_status lbk_ckpt_list(lbk_ctx *ctx, const char *path, const struct lbk_ckpt_seen *seen)
{
    struct st_file f;
    const lbk_status st = lbk__st_open(ctx, path, &f);
    if (st)
        return st;
    for (int64_t i = 0; seen->tensor && i < f.n; i++) {
        const struct st_tensor *t = &f.at[i];
        struct lbk_ckpt_tensor out = { t->name, t->dtype->name, t->rank, { 0 }, t->end - t->begin };
        memcpy(out.dim, t->dim, sizeof out.dim);
        seen->tensor(seen->ud, &out);
    }
    for (int64_t i = 0; seen->meta && i < f.n_meta; i++)
        seen->meta(seen->ud, f.meta[i].key, f.meta[i].value);
    lbk__st_close(&f);
    return LBK_OK;
}
