/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <limbeck/rng.h>
#include "ctx.h"
#include "dataset.h"
#include "opened.h"
#include "opt.h"
#include "record.h"
#include "str.h"

enum { SPLIT_KEY = 20110 }; /* of the permutation that parts are cut from */

const char *const lbk__split_names[] = {
    [DATA_TRAIN] = "train", [DATA_VAL] = "val", [DATA_TEST] = "test", NULL
};

const struct data_description lbk__data_descriptions[] = {
    { "fashion_mnist", "70000 grey images of clothes, 10 classes (Debian: dataset-fashion-mnist)",
      "idx", "fashion-mnist",
      "images=train-images-idx3-ubyte.gz,labels=train-labels-idx1-ubyte.gz,"
      "test_images=t10k-images-idx3-ubyte.gz,test_labels=t10k-labels-idx1-ubyte.gz,classes=10,"
      "val=5000,prepare=resize=32,augment=[flip,rotate=15],mean=0.28604,std=0.35302,"
      "names=[t-shirt,trousers,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot]" },
    { "camvid", "701 street scenes, 11 classes per pixel", "pairs", "camvid",
      "images=train,labels=trainannot,val_images=val,val_labels=valannot,test_images=test,"
      "test_labels=testannot,kind=mask,classes=11,ignore=11,"
      "augment=[scale(lo=0.5,hi=2,steps=16,antialias=no),"
      "pad(h=360,fill=[0.481094,0.457525,0.407871]),crop=360,flip],"
      "mean=[0.481094,0.457525,0.407871],std=0.23,"
      "names=[sky,building,pole,road,pavement,tree,sign,fence,car,pedestrian,bicyclist]" },
    { "nyu_v2", "1449 rooms with depth in metres", "pairs", "nyu-v2",
      "images=rgb,labels=depth,list=train.txt,test_list=test.txt,kind=depth,scale=0.03919792,"
      "offset=0.01959896,val=80,augment=flip" },
    { "indoor_unlabelled", "535 photographs of rooms, and nothing else", "pairs",
      "indoor-unlabelled", "images=.,kind=none,augment=flip" },
    { "bccd", "364 microscope images of blood, boxes of 3 kinds of cells", "coco", "bccd",
      "prepare=[resize(h=240,w=320,fit=inside),pad(h=256,w=320,fill=[0.737,0.696,0.715])],"
      "augment=[flip,flip(vertical=yes),color(brightness=0.1,contrast=0.1,saturation=0.1)],"
      "mean=[0.737,0.696,0.715],std=0.0813" },
    { "facemask", "853 photographs of people, boxes of faces with and without a mask", "coco",
      "facemask",
      "prepare=[resize(h=256,w=320,fit=inside),pad(h=256,w=320,fill=[0.481,0.463,0.455])],"
      "augment=[flip,color(brightness=0.1,contrast=0.1,saturation=0.1)],"
      "mean=[0.481,0.463,0.455],std=0.293" },
    { NULL, NULL, NULL, NULL, NULL },
};

const struct lbk_opt lbk__data_opts[] = {
    LBK_INT(data_cfg, val, 0, 0, 1e9,
            "samples held out of training for validation; 0 = the source has its own"),
    LBK_INT(data_cfg, test, 0, 0, 1e9,
            "samples held out of training for the test; 0 = the source has its own"),
    LBK_INT(data_cfg, limit, 0, 0, 1e12, "at most so many samples of each part; 0 = all"),
    LBK_FLOAT(data_cfg, fraction, 1, 0, 1, "share of the training samples that is used"),
    LBK_FLOAT(data_cfg, skip, 0, 0, 1,
              "share of them that is left out first: what fraction takes for another stream"),
    LBK_STRING(data_cfg, prepare, "", "transforms of every sample, as in resize=32"),
    LBK_STRING(data_cfg, augment, "", "transforms of training alone, as in [flip,rotate=15]"),
    LBK_NUMBERS(data_cfg, mean, "", "taken off the image, one number or one per channel"),
    LBK_NUMBERS(data_cfg, std, "", "what the image is then divided by"),
    LBK_LIST(data_cfg, names, "", "names of the classes in their order, as in [road,car]"),
    LBK_OPTS_END
};

const struct data_description *lbk__data_description(const char *name)
{
    for (const struct data_description *d = lbk__data_descriptions; d->name; d++)
        if (!strcmp(d->name, name))
            return d;
    return NULL;
}

/* ---- options ---- */

static lbk_status unknown(const struct data *d, const char *name)
{
    const char *names[128];
    int n = 0;
    for (const struct lbk_opt *o = lbk__data_opts; o->name && n < 127; o++)
        names[n++] = o->name;
    for (const struct lbk_opt *o = d->source->opts; o && o->name && n < 127; o++)
        if (strcmp(o->name, "split"))
            names[n++] = o->name;
    names[n] = NULL;
    const char *near = lbk__nearest(name, names);
    return lbk_fail(d->ctx, LBK_ENOENT, "%s.%s: data set '%s' has no such option%s%s%s", d->by,
                    name, d->name, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
}

static lbk_status set(struct data *d, const char *name, const char *value)
{
    if (lbk__opts_has(d->common, name))
        return lbk_opts_set(d->common, name, value);
    if (lbk__opts_has(d->opts, name) && strcmp(name, "split"))
        return lbk_opts_set(d->opts, name, value);
    return unknown(d, name);
}

/* One "name=value" of a list; [a,b] = "a,b". */
static lbk_status set_item(struct data *d, const char *item, size_t n)
{
    char name[64];
    const char *eq = memchr(item, '=', n);
    size_t length = eq ? (size_t) (eq - item) : n;
    if (!eq || !length || length >= sizeof name)
        return lbk_fail(d->ctx, LBK_EINVAL, "data set '%s': expected name=value, got '%.*s'",
                        d->name, (int) (n > 80 ? 80 : n), item);
    snprintf(name, sizeof name, "%.*s", (int) length, item);
    const char *v = eq + 1;
    size_t vn = n - length - 1;
    lbk__trim(&v, &vn);
    lbk__unwrap(&v, &vn);
    char *value = strndup(v, vn);
    if (!value)
        return lbk_fail(d->ctx, LBK_ENOMEM, "data set '%s': out of memory", d->name);
    const lbk_status st = set(d, name, value);
    free(value);
    return st;
}

static lbk_status set_items(struct data *d, const char *list)
{
    const char *item;
    size_t n;
    while (lbk__next_item(&list, ",", &item, &n)) {
        if (!n)
            continue;
        const lbk_status st = set_item(d, item, n);
        if (st)
            return st;
    }
    return list ? lbk_fail(d->ctx, LBK_EINVAL,
                           "data set '%s': a quote or bracket is not closed in '%.80s'", d->name,
                           list)
                : LBK_OK;
}

/* Where a described data set lies: below $LIMBECK_DATA, else where Debian puts it; the first of
 * these when it is nowhere. */
static lbk_status set_root(struct data *d, const char *folder)
{
    const char *const parents[] = { secure_getenv("LIMBECK_DATA"), "/usr/share/datasets",
                                    "/usr/local/share/datasets" };
    char path[4096], first[4096] = "";
    for (int i = 0; i < 3; i++) {
        if (!parents[i] || !*parents[i])
            continue;
        snprintf(path, sizeof path, "%s/%s", parents[i], folder);
        if (!access(path, R_OK))
            return lbk_opts_set(d->opts, "root", path);
        if (!*first)
            memcpy(first, path, sizeof first);
    }
    return lbk_opts_set(d->opts, "root", first);
}

static lbk_status make_options(struct data *d, const struct data_description *of)
{
    lbk_status st = lbk_opts_create(d->ctx, lbk__data_opts, sizeof(struct data_cfg), &d->common);
    if (!st)
        st = lbk_opts_create(d->ctx, d->source->opts, d->source->cfg_size, &d->opts);
    if (!st)
        st = lbk__opts_prefix(d->common, d->by);
    if (!st)
        st = lbk__opts_prefix(d->opts, d->by);
    if (!st && of && of->folder && lbk__opts_has(d->opts, "root"))
        st = set_root(d, of->folder);
    if (!st && of)
        st = set_items(d, of->options);
    return st;
}

/* Validation samples that are held out are training samples of the source. */
static lbk_status set_split(struct data *d)
{
    const char *const *names = lbk__split_names;
    enum data_split from = d->split;
    if ((from == DATA_VAL && d->cfg->val) || (from == DATA_TEST && d->cfg->test))
        from = DATA_TRAIN;
    if (lbk__opts_has(d->opts, "split"))
        return lbk_opts_set(d->opts, "split", names[from]);
    if (from == DATA_TRAIN)
        return LBK_OK;
    return lbk_fail(
        d->ctx, LBK_ENOENT,
        "data set '%s': source '%s' has no %s part; set %s.%s to hold samples out of training",
        d->name, d->source->name, names[from], d->by, names[from]);
}

/* ---- parts ---- */

struct ranked {
    uint64_t key, id;
    int64_t i;
};

static int by_key(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

static int by_place(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    return x < y ? -1 : x > y;
}

static uint64_t source_id(const struct data *d, int64_t i)
{
    return d->source->id ? d->source->id(d->open, i) : (uint64_t) i;
}

/* Which places of the permutation of n samples belong to the part. */
static lbk_status part(const struct data *d, int64_t n, int64_t *begin, int64_t *end)
{
    const struct data_cfg *c = d->cfg;
    const bool cut_val = c->val && (d->split != DATA_TEST || c->test),
               cut_test = c->test && (d->split != DATA_VAL || c->val);
    const int64_t val = cut_val ? c->val : 0, test = cut_test ? c->test : 0;
    *begin = 0, *end = n;
    if ((d->split == DATA_TEST && !c->test) || (d->split == DATA_VAL && !c->val))
        return LBK_OK;
    if (val + test >= n)
        return lbk_fail(d->ctx, LBK_EINVAL,
                        "%s.%s: expected less than the %" PRId64
                        " samples of '%s' to be held out, got %" PRId64,
                        d->by, val ? "val" : "test", n, d->name, val + test);
    if (d->split == DATA_VAL)
        *end = val;
    else if (d->split == DATA_TEST)
        *begin = val, *end = val + test;
    else
        *begin = val + test;
    return LBK_OK;
}

/* What one stream skips is what another takes with a fraction of as much. */
static lbk_status take_share(const struct data *d, int64_t *begin, int64_t *end)
{
    const double n = (double) (*end - *begin);
    *begin += llround(d->cfg->skip * n);
    if (d->cfg->fraction < 1 && *begin + (int64_t) fmax(1, llround(d->cfg->fraction * n)) < *end)
        *end = *begin + (int64_t) fmax(1, llround(d->cfg->fraction * n));
    return *begin < *end ? LBK_OK
                         : lbk_fail(d->ctx, LBK_EINVAL,
                                    "data set '%s': skip=%g leaves none of its %" PRId64 " samples",
                                    d->name, d->cfg->skip, *end);
}

static lbk_status choose(struct data *d)
{
    const int64_t n = d->source->count(d->open);
    int64_t begin, end;
    if (n < 1)
        return lbk_fail(d->ctx, LBK_EFORMAT,
                        "data set '%s': expected at least one sample, found none", d->name);
    lbk_status st = part(d, n, &begin, &end);
    if (st)
        return st;
    st = d->split == DATA_TRAIN ? take_share(d, &begin, &end) : LBK_OK;
    if (st)
        return st;
    if (d->cfg->limit && end - begin > d->cfg->limit)
        end = begin + d->cfg->limit;
    struct ranked *r = calloc((size_t) n, sizeof *r);
    d->at = calloc((size_t) (end - begin), sizeof *d->at);
    if (!r || !d->at) {
        free(r);
        return lbk_fail(d->ctx, LBK_ENOMEM, "data set '%s': out of memory for %" PRId64 " samples",
                        d->name, n);
    }
    for (int64_t i = 0; i < n; i++) {
        const uint64_t id = source_id(d, i);
        r[i] = (struct ranked){ lbk_mix(SPLIT_KEY, id), id, i };
    }
    qsort(r, (size_t) n, sizeof *r, by_key);
    d->n = end - begin;
    for (int64_t i = 0; i < d->n; i++)
        d->at[i] = r[begin + i].i;
    qsort(d->at, (size_t) d->n, sizeof *d->at, by_place);
    free(r);
    return LBK_OK;
}

/* ---- opening ---- */

static lbk_status find_source(struct data *d, const struct data_description *of)
{
    const void *found;
    const lbk_status st =
        lbk__registry_need(d->ctx, LBK_SOURCES, of ? of->source : d->name, &found);
    d->source = found;
    return st;
}

static lbk_status configure(struct data *d, const char *rest, int n,
                            const struct lbk_setting *settings)
{
    const struct data_description *of = lbk__data_description(d->name);
    lbk_status st = find_source(d, of);
    if (!st)
        st = make_options(d, of);
    if (!st && rest)
        st = set_items(d, rest);
    for (int i = 0; i < n && !st; i++)
        st = set(d, settings[i].name, settings[i].value);
    if (st)
        return st;
    d->cfg = lbk_opts_cfg(d->common);
    return set_split(d);
}

static struct lbk_field *labels_of(struct lbk_field *f)
{
    while (f->name && !f->classes)
        f++;
    return f->name ? f : NULL;
}

/* What the user calls classes goes before what the source does. */
static lbk_status name_classes(struct data *d)
{
    int64_t n = 0, names = 0;
    while (d->cfg->names[names])
        names++;
    if (!names)
        return LBK_OK;
    while (d->fields[n].name)
        n++;
    d->named = calloc((size_t) n + 1, sizeof *d->named);
    if (!d->named)
        return lbk_fail(d->ctx, LBK_ENOMEM, "data set '%s': out of memory", d->name);
    memcpy(d->named, d->fields, (size_t) n * sizeof *d->named);
    struct lbk_field *f = labels_of(d->named);
    if (f && f->classes != names)
        return lbk_fail(d->ctx, LBK_EINVAL,
                        "data.names: expected %" PRId64 " names, one for each class, got %" PRId64,
                        f->classes, names);
    if (f)
        f->names = d->cfg->names;
    d->fields = d->named;
    return LBK_OK;
}

static lbk_status open_source(struct data *d)
{
    lbk_opts *opts = d->opts;
    d->opts = NULL;
    const lbk_status st = lbk__opened_get(d->ctx, d->source, opts, &d->opened);
    if (st)
        return st;
    d->open = d->opened->set;
    d->fields = d->source->fields(d->open);
    const lbk_status named = name_classes(d);
    return named ? named : choose(d);
}

lbk_status lbk__data_open(lbk_ctx *ctx, const char *text, int n, const struct lbk_setting *settings,
                          enum data_split split, struct data **out)
{
    struct data *d = calloc(1, sizeof *d);
    *out = NULL;
    if (d)
        d->text = strdup(text);
    if (!d || !d->text) {
        free(d);
        return lbk_fail(ctx, LBK_ENOMEM, "data set: out of memory");
    }
    char *comma = strchr(d->text, ',');
    d->ctx = ctx, d->by = ctx->about ? ctx->about : "data", d->split = split, d->name = d->text;
    if (comma)
        *comma = 0;
    lbk_status st = configure(d, comma ? comma + 1 : NULL, n, settings);
    if (!st)
        st = open_source(d);
    if (st)
        lbk__data_close(&d);
    *out = d;
    return st;
}

void lbk__data_close(struct data **data)
{
    struct data *d = *data;
    if (!d)
        return;
    lbk__opened_put(d->ctx, &d->opened);
    lbk_opts_destroy(&d->common);
    lbk_opts_destroy(&d->opts);
    free(d->named);
    free(d->at);
    free(d->text);
    free(d);
    *data = NULL;
}

const struct lbk_field *lbk__data_classes(const struct data *d)
{
    const struct lbk_field *f = d->fields;
    while (f->name && f->classes <= 0)
        f++;
    return f->name ? f : NULL;
}

uint64_t lbk__data_id(const struct data *d, int64_t i) { return source_id(d, d->at[i]); }

void lbk__data_begin(const struct data *d, int64_t i, lbk_record *r)
{
    lbk__record_reset(r, lbk__data_id(d, i), d->fields);
    r->origin = d->source->origin ? d->source->origin(d->open, d->at[i]) : NULL;
}

lbk_status lbk__data_read(const struct data *d, int64_t i, lbk_record *r)
{
    lbk__data_begin(d, i, r);
    return d->source->read(d->open, d->at[i], r);
}

lbk_status lbk__data_hash(const struct data *d, char out[65])
{
    if (d->source->hash)
        return d->source->hash(d->open, out);
    return lbk_fail(d->ctx, LBK_EUNSUPPORTED, "data set '%s': source '%s' makes no hash", d->name,
                    d->source->name);
}

/* ---- pipeline ---- */

static void put_numbers(FILE *f, const char *name, struct lbk_numbers v)
{
    char text[32];
    fprintf(f, "%s=[", name);
    for (int64_t i = 0; i < v.n; i++)
        fprintf(f, "%s%s", i ? "," : "", lbk__number_text(v.v[i], text));
    fprintf(f, "]");
}

char *lbk__data_pipeline(const struct data *d, bool training)
{
    const struct data_cfg *c = d->cfg;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    fputs(c->prepare, f);
    if (training && *c->augment && strcmp(c->augment, "none"))
        fprintf(f, ",%s", c->augment);
    if (c->mean.n || c->std.n) {
        fputs(",normalize(", f);
        put_numbers(f, "mean", c->mean);
        fputs(",", f);
        put_numbers(f, "std", c->std);
        fputs(")", f);
    }
    if (fclose(f)) {
        free(text);
        return NULL;
    }
    return text;
}
