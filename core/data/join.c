/* SPDX-License-Identifier: MIT */
/* Data sets one after the other, as one. */
#include <stdlib.h>
#include <string.h>
#include <limbeck/ctx.h>
#include <limbeck/rng.h>
#include "dataset.h"
#include "source.h"

struct join {
    const char *const *of;
    int split;
};
static const struct lbk_opt opts[] = {
    LBK_LIST(join, of, "",
             "the data sets, each with its options in quotes; transforms are those of the whole"),
    LBK_ENUM(join, split, "train", lbk__split_names, "part that is opened"), LBK_OPTS_END
};

struct lbk_dataset {
    int64_t n; /* samples */
    int parts;
    struct data **part;
};

static bool same_field(const struct lbk_field *a, const struct lbk_field *b)
{
    return a->name && b->name && !strcmp(a->name, b->name) && a->kind == b->kind &&
           a->dtype == b->dtype && a->classes == b->classes && a->ignore == b->ignore;
}

/* Every part has the fields of the first. */
static lbk_status check_fields(const struct data *a, const struct data *b)
{
    int i = 0;
    while (same_field(&a->fields[i], &b->fields[i]))
        i++;
    const char *x = a->fields[i].name, *y = b->fields[i].name;
    return !x && !y ? LBK_OK
                    : lbk_fail(a->ctx, LBK_EINVAL, "join: '%s' has a field '%s', '%s' has '%s'%s",
                               a->name, x ? x : "", b->name, y ? y : "",
                               x && y && !strcmp(x, y) ? " of another kind" : "");
}

static void close_join(lbk_dataset *d)
{
    for (int i = 0; d->part && i < d->parts; i++)
        lbk__data_close(&d->part[i]);
    free(d->part);
    free(d);
}

static lbk_status open_parts(lbk_ctx *ctx, const struct join *c, lbk_dataset *d)
{
    int n = 0;
    while (c->of[n])
        n++;
    if (!n)
        return lbk_fail(ctx, LBK_EINVAL, "join: expected data sets, as in of=['a,kind=none','b']");
    d->part = calloc((size_t) n, sizeof *d->part);
    if (!d->part)
        return lbk_fail(ctx, LBK_ENOMEM, "join: out of memory");
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < n; i++) {
        st = lbk__data_open(ctx, c->of[i], 0, NULL, (enum data_split) c->split, &d->part[i]);
        d->parts = i + 1;
        if (!st)
            st = check_fields(d->part[0], d->part[i]);
        if (!st)
            d->n += d->part[i]->n;
    }
    return st;
}

static lbk_status open_join(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    lbk_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "join: out of memory");
    const lbk_status st = open_parts(ctx, cfg, d);
    if (st)
        close_join(d), d = NULL;
    *out = d;
    return st;
}

static int64_t count(const lbk_dataset *d) { return d->n; }
static const struct lbk_field *fields(const lbk_dataset *d) { return d->part[0]->fields; }

/* Which part sample i is of; *i becomes its place there. */
static int part_of(const lbk_dataset *d, int64_t *i)
{
    int k = 0;
    while (*i >= d->part[k]->n)
        *i -= d->part[k++]->n;
    return k;
}

static uint64_t id(const lbk_dataset *d, int64_t i)
{
    const int k = part_of(d, &i);
    return lbk_mix((uint64_t) k, lbk__data_id(d->part[k], i));
}

static lbk_status read_join(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const struct data *p = d->part[part_of(d, &i)];
    return p->source->read(p->open, p->at[i], r);
}

static const char *origin(const lbk_dataset *d, int64_t i)
{
    const struct data *p = d->part[part_of(d, &i)];
    return p->source->origin ? p->source->origin(p->open, p->at[i]) : NULL;
}

static lbk_status hash(const lbk_dataset *d, char out[65])
{
    struct sha256 s;
    char part[65];
    lbk_status st = LBK_OK;
    lbk__sha256_init(&s);
    for (int k = 0; !st && k < d->parts; k++) {
        st = lbk__data_hash(d->part[k], part);
        lbk__sha256_add(&s, part, st ? 0 : sizeof part);
        lbk__sha256_add(&s, d->part[k]->at, (size_t) d->part[k]->n * sizeof *d->part[k]->at);
    }
    lbk__sha256_hex(&s, out);
    return st;
}

const struct lbk_source lbk__join = {
    .size = sizeof(struct lbk_source),
    .name = "join",
    .doc = "several data sets, one after the other",
    .opts = opts,
    .cfg_size = sizeof(struct join),
    .open = open_join,
    .close = close_join,
    .count = count,
    .fields = fields,
    .id = id,
    .read = read_join,
    .hash = hash,
    .origin = origin,
};
