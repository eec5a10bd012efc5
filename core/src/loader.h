/* SPDX-License-Identifier: MIT */
/* Batches of samples, prepared ahead by threads, delivered in order. The order is a function of
 * (seed, order, epoch), what transforms draw of (seed, draws, id of the sample, view): the same
 * bits with any number of threads. [owner thread] */
#ifndef LBK_SRC_LOADER_H
#define LBK_SRC_LOADER_H
#include "dataset.h"
#include "transform.h"

enum { LOADER_DEPTH = 3 };
struct loader_params {
    const struct data *data; /* outlives the loader; so does pipeline */
    const struct pipeline *pipeline;
    int64_t batch;
    uint64_t seed, order, draws; /* order, draws: numbers of streams */
    int64_t views;               /* draws repeat every so many epochs; 0 = never */
    int64_t epochs;              /* 0 = without end */
    int threads;                 /* 0 = the caller's own */
    int depth;                   /* batches prepared ahead; 0 = LOADER_DEPTH */
    bool shuffle;
    bool pad; /* deliver a last smaller batch, its rows filled up with its last sample; else drop it
               */
    bool records; /* keep the records of a batch, for who reads single samples */
    const char *by; /* setting that failures are put down to, or NULL */
    size_t cache; /* bytes for samples as they are before the first random transform */
    /* [any thread] optional, after the transforms: makes variable arrays fixed. */
    lbk_status (*encode)(lbk_record *r, void *ud);
    void *ud;
};
struct batch_field {
    const char *name;
    lbk_dtype dtype;
    lbk_shape shape; /* batch first */
    void *data;
    const struct lbk_field *spec; /* NULL = not the source's */
};
struct batch {
    int64_t epoch, position; /* position: number of the batch in its epoch */
    int64_t count;           /* samples that are not filling */
    int n;
    struct batch_field *fields; /* all arrays of a sample but boxes and their rows */
    int64_t *index;             /* place in the data set */
    uint64_t *ids;
    lbk_record **records; /* NULL unless asked for */
};
struct loader;

/* Dtype and shape of a field whose rows are like a; its data is a's, which is right for a batch of 1. */
void lbk__batch_field(const struct lbk_array *a, int64_t batch, struct batch_field *to);
/* Reads the first sample to learn the shapes. */
lbk_status lbk__loader_create(lbk_ctx *ctx, const struct loader_params *p, struct loader **out);
void lbk__loader_destroy(struct loader **l);
int64_t lbk__loader_batches(const struct loader *l); /* of one epoch */
/* Names, types and shapes, no data. */
const struct batch *lbk__loader_layout(const struct loader *l);
/* The next batch will be number `position` of that epoch. */
lbk_status lbk__loader_seek(struct loader *l, int64_t epoch, int64_t position);
/* Valid until the next call on this loader; NULL after the last epoch. An error comes in the place
 * of the batch that it happened in, whatever threads met first, and stays. */
lbk_status lbk__loader_next(struct loader *l, const struct batch **out);
/* A copy of the fields whose row k is row from(k, rows) of b, without places; false: out of memory,
 * and to be dropped too. */
bool lbk__batch_pick(const struct batch *b, int64_t (*from)(int64_t k, int64_t n), struct batch *to);
void lbk__batch_drop(struct batch *picked);
/* Seconds that next() has waited so far. */
double lbk__loader_waited(const struct loader *l);

#endif
