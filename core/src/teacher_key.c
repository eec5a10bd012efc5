/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "opened.h"
#include "sha256.h"
#include "source.h"
#include "teacher.h"

static void add(struct sha256 *h, const char *name, const char *value)
{
    lbk__sha256_add(h, name, strlen(name) + 1);
    lbk__sha256_add(h, value, strlen(value) + 1);
}

static void add_module(const lbk_objective *o, struct sha256 *h, enum lbk_registry which,
                       const char *name)
{
    const struct module *m = lbk__registry_module(o->ctx, which, name);
    add(h, name, m ? m->sha256 : "");
}

/* The file that this is in, the library or the program: a build may plan what computes other bits.
 */
static lbk_status add_own(const lbk_objective *o, struct sha256 *h)
{
    Dl_info own;
    add(h, "version", LBK_VERSION);
    if (!dladdr(lbk__data_descriptions, &own) || !own.dli_fname)
        return lbk_fail(o->ctx, LBK_EUNSUPPORTED, "teacher_cache: this build cannot be told apart");
    /* what a program was started as need not be where it lies */
    return lbk__source_hash_file(
        o->ctx, strstr(own.dli_fname, ".so") ? own.dli_fname : "/proc/self/exe", h);
}

static lbk_status add_device(const lbk_objective *o, struct sha256 *h)
{
    const struct lbk_device *d = o->run->device;
    add(h, "device", d->spec);
    /* the backend of the host computes the same bits on all of them */
    if (!d->info.is_host)
        add(h, d->info.vendor, d->info.name);
    add_module(o, h, LBK_BACKENDS, d->backend->name);
    return add_own(o, h);
}

/* With all its options: they may say how a file is read. */
static lbk_status add_source(const lbk_objective *o, struct sha256 *h, const struct data *d)
{
    char hash[65];
    const lbk_status st = lbk__data_hash(d, hash);
    if (st)
        return st;
    add(h, "data", hash);
    add(h, d->source->name, d->opened->text);
    add_module(o, h, LBK_SOURCES, d->source->name);
    return LBK_OK;
}

/* As the text of the transforms says it, and what they draw from. */
static lbk_status add_transforms(const lbk_objective *o, struct sha256 *h,
                                 const struct teacher_stream *s)
{
    const struct pipeline *p = s->how.pipeline;
    char draws[80];
    char *text = lbk__data_pipeline(s->source->data, p == s->source->moving);
    if (!text)
        return lbk_fail(o->ctx, LBK_ENOMEM, "data: out of memory");
    add(h, "transforms", text);
    free(text);
    for (int i = 0; i < p->n; i++)
        add_module(o, h, LBK_TRANSFORMS, p->at[i].transform->name);
    snprintf(draws, sizeof draws, "%" PRIu64 " %" PRIu64, o->ctx->params.seed, s->how.draws);
    add(h, "draws", p->fixed == p->n ? "none" : draws);
    return LBK_OK;
}

lbk_status lbk__teacher_key(const lbk_objective *o, int tap, const struct teacher_stream *s,
                            char out[65])
{
    const struct obj_tap *t = &o->tap[tap];
    char hash[65];
    struct sha256 h;
    lbk__sha256_init(&h);
    add(&h, "rows", "1");
    add(&h, "graph", t->digest);
    lbk_status st = add_device(o, &h);
    if (!st)
        st = lbk__store_hash(o->run->store, t->pass->role->path, hash);
    if (!st) {
        add(&h, "weights", hash);
        st = add_source(o, &h, s->source->data);
    }
    if (!st)
        st = add_transforms(o, &h, s);
    lbk__sha256_hex(&h, out);
    return st;
}
