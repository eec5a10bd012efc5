/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <limbeck/rng.h>
#include "device.h"
#include "record.h"
#include "sample.h"

enum { CHUNK = 8 }; /* samples taken at a time */

/* A batch in the making. */
struct bay {
    struct batch b;
    int64_t taken, done;
    int64_t bad; /* first sample that failed, or -1 */
    lbk_status status;
    char text[1024];
};
struct worker {
    struct loader *l;
    struct quiet quiet;
    lbk_record *record;
    pthread_t thread;
    bool ready, started;
};
struct loader {
    lbk_ctx *ctx;
    struct loader_params p;
    struct cache *cache;
    struct batch layout;
    char (*names)[sizeof((struct slot *) 0)->name];
    struct bay *bays;
    struct worker *workers;
    int n_workers;
    int64_t *order, order_epoch; /* of the epoch that is being opened */
    double waited;

    pthread_mutex_t lock; /* guards all below, and the counters of bays */
    pthread_cond_t work, ready;
    bool stop, pause, held, over;
    int active;              /* workers outside of the lock */
    int64_t head, opened;    /* batches since the last seek: delivered, begun */
    int64_t epoch, position; /* of the batch that is opened next */
};

/* ---- order ---- */

static void shuffle(int64_t *order, int64_t n, uint64_t key, uint64_t epoch)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const uint32_t bits = lbk_philox(key, epoch, (uint64_t) i >> 2).v[i & 3];
        const int64_t j = (int64_t) ((uint64_t) bits * (uint64_t) (i + 1) >> 32), t = order[i];
        order[i] = order[j], order[j] = t;
    }
}

static void order_epoch(struct loader *l, int64_t epoch)
{
    if (l->order_epoch == epoch)
        return;
    for (int64_t i = 0; i < l->p.data->n; i++)
        l->order[i] = i;
    if (l->p.shuffle)
        shuffle(l->order, l->p.data->n, lbk_mix(l->p.seed, l->p.order), (uint64_t) epoch);
    l->order_epoch = epoch;
}

int64_t lbk__loader_batches(const struct loader *l)
{
    return (l->p.data->n + (l->p.pad ? l->p.batch - 1 : 0)) / l->p.batch;
}

/* [lock held] Begins the next batch; false: there is no room or nothing to come. */
static bool open_batch(struct loader *l)
{
    if (l->over || l->opened >= l->head + l->p.depth)
        return false;
    if (l->p.epochs && l->epoch >= l->p.epochs) {
        l->over = true;
        pthread_cond_broadcast(&l->ready);
        return false;
    }
    struct bay *y = &l->bays[l->opened++ % l->p.depth];
    const int64_t first = l->position * l->p.batch, left = l->p.data->n - first;
    order_epoch(l, l->epoch);
    y->taken = y->done = 0, y->bad = -1, y->status = LBK_OK;
    y->b.epoch = l->epoch, y->b.position = l->position;
    y->b.count = left < l->p.batch ? left : l->p.batch;
    for (int64_t k = 0; k < l->p.batch; k++) {
        y->b.index[k] = l->order[first + (k < y->b.count ? k : y->b.count - 1)];
        y->b.ids[k] = lbk__data_id(l->p.data, y->b.index[k]);
    }
    if (++l->position >= lbk__loader_batches(l))
        l->position = 0, l->epoch++;
    return true;
}

/* ---- work ---- */

static lbk_status misfit(const struct batch_field *f, const lbk_record *r, const struct slot *s)
{
    char want[96], found[96] = "nothing";
    lbk_shape shape = f->shape;
    shape.n--;
    memmove(shape.d, shape.d + 1, (size_t) shape.n * sizeof *shape.d);
    if (s)
        lbk__shape_text(s->array.shape, found, sizeof found);
    return lbk_fail(
        r->ctx, LBK_EINVAL, "%s: expected '%s' to be %s %s as in the first sample, found %s %s%s",
        LBK_CALLED(r), f->name, lbk__dtype_name(f->dtype),
        lbk__shape_text(shape, want, sizeof want), s ? lbk__dtype_name(s->array.dtype) : "", found,
        f->spec ? " (transforms resize, pad and crop make sizes alike)" : "");
}

static lbk_status stack(const struct batch *b, const lbk_record *r, int64_t row)
{
    for (int i = 0; i < b->n; i++) {
        const struct batch_field *f = &b->fields[i];
        const struct slot *s = lbk__record_find(r, f->name);
        size_t bytes = 0;
        if (!s || s->array.dtype != f->dtype || s->array.shape.n != f->shape.n - 1 ||
            memcmp(s->array.shape.d, f->shape.d + 1,
                   (size_t) s->array.shape.n * sizeof *f->shape.d))
            return misfit(f, r, s);
        if (lbk__shape_bytes(f->dtype, s->array.shape, &bytes))
            memcpy((unsigned char *) f->data + (size_t) row * bytes, s->array.data, bytes);
    }
    return LBK_OK;
}

static lbk_status make_row(struct worker *w, const struct bay *y, int64_t row)
{
    const struct loader *l = w->l;
    lbk_record *r = y->b.records ? y->b.records[row] : w->record;
    r->ctx = &w->quiet.ctx;
    lbk_status st = lbk__sample_make(&l->p, l->cache, y->b.index[row], y->b.epoch, r);
    if (!st)
        st = stack(&y->b, r, row);
    r->ctx = l->ctx;
    return st;
}

static void fail_row(struct worker *w, struct bay *y, int64_t row, lbk_status st)
{
    pthread_mutex_lock(&w->l->lock);
    if (y->bad < 0 || row < y->bad) {
        y->bad = row, y->status = st;
        lbk_last_error(&w->quiet.ctx, y->text, sizeof y->text);
    }
    pthread_mutex_unlock(&w->l->lock);
    w->quiet.ctx.error[0] = 0;
}

/* [lock held] false: nothing to do now. */
static bool take(struct loader *l, struct bay **bay, int64_t *from, int64_t *to)
{
    struct bay *y = l->opened > l->head ? &l->bays[(l->opened - 1) % l->p.depth] : NULL;
    if (l->pause || l->stop)
        return false;
    if (!y || y->taken == l->p.batch) {
        if (!open_batch(l))
            return false;
        y = &l->bays[(l->opened - 1) % l->p.depth];
    }
    *bay = y, *from = y->taken;
    y->taken = *to = y->taken + CHUNK < l->p.batch ? y->taken + CHUNK : l->p.batch;
    return true;
}

/* [lock held, given up meanwhile] */
static void do_rows(struct worker *w, struct bay *y, int64_t from, int64_t to)
{
    struct loader *l = w->l;
    l->active++;
    pthread_mutex_unlock(&l->lock);
    for (int64_t row = from; row < to; row++) {
        const lbk_status st = make_row(w, y, row);
        if (st)
            fail_row(w, y, row, st);
    }
    pthread_mutex_lock(&l->lock);
    l->active--;
    y->done += to - from;
    if (y->done == l->p.batch || (l->pause && !l->active))
        pthread_cond_broadcast(&l->ready);
}

static void *run(void *ud)
{
    struct worker *w = ud;
    struct loader *l = w->l;
    struct bay *y;
    int64_t from, to;
    pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        if (take(l, &y, &from, &to))
            do_rows(w, y, from, to);
        else
            pthread_cond_wait(&l->work, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- the owner's side ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

double lbk__loader_waited(const struct loader *l) { return l->waited; }

/* [lock held] until the next batch is whole; false: there is none. */
static bool await(struct loader *l)
{
    const struct bay *y = &l->bays[l->head % l->p.depth];
    struct bay *mine;
    int64_t from, to;
    while (l->opened <= l->head || y->done < l->p.batch) {
        if (l->over && l->opened <= l->head)
            return false;
        if (l->n_workers)
            pthread_cond_wait(&l->ready, &l->lock);
        else if (take(l, &mine, &from, &to))
            do_rows(l->workers, mine, from, to);
    }
    return true;
}

/* [lock held] The batch that the owner had may be filled anew. */
static void give_back(struct loader *l)
{
    if (l->held)
        l->head++;
    l->held = false;
    pthread_cond_broadcast(&l->work);
}

lbk_status lbk__loader_next(struct loader *l, const struct batch **out)
{
    const double start = now();
    *out = NULL;
    pthread_mutex_lock(&l->lock);
    give_back(l);
    const bool some = await(l);
    const struct bay *y = &l->bays[l->head % l->p.depth];
    l->held = some && !y->status;
    pthread_mutex_unlock(&l->lock);
    l->waited += now() - start;
    if (!some)
        return LBK_OK;
    if (y->status && y->text[0]) {
        const char *before = lbk__about(l->ctx, l->p.by);
        lbk_fail(l->ctx, y->status, "%s", y->text);
        lbk__about(l->ctx, before);
        return y->status;
    }
    *out = y->status ? NULL : &y->b;
    return y->status;
}

lbk_status lbk__loader_seek(struct loader *l, int64_t epoch, int64_t position)
{
    if (epoch < 0 || position < 0 || position >= lbk__loader_batches(l))
        return lbk_fail(l->ctx, LBK_EINVAL,
                        "loader: expected batch 0..%" PRId64 " of an epoch, got %" PRId64
                        " of epoch %" PRId64,
                        lbk__loader_batches(l) - 1, position, epoch);
    pthread_mutex_lock(&l->lock);
    l->pause = true;
    while (l->active)
        pthread_cond_wait(&l->ready, &l->lock);
    l->head = l->opened = 0;
    l->held = l->over = l->pause = false;
    l->epoch = epoch, l->position = position;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return LBK_OK;
}

const struct batch *lbk__loader_layout(const struct loader *l) { return &l->layout; }

/* ---- making and taking apart ---- */

static void free_batch(struct batch *b, int64_t rows)
{
    for (int i = 0; i < b->n && b->fields; i++)
        free(b->fields[i].data);
    for (int64_t k = 0; b->records && k < rows; k++)
        lbk__record_destroy(&b->records[k]);
    free(b->fields);
    free(b->index);
    free(b->ids);
    free(b->records);
}

static lbk_status make_batch(struct loader *l, struct batch *b)
{
    const size_t rows = (size_t) l->p.batch;
    lbk_status st = LBK_OK;
    b->index = calloc(rows, sizeof *b->index);
    b->ids = calloc(rows, sizeof *b->ids);
    b->fields = calloc((size_t) l->layout.n + 1, sizeof *b->fields);
    b->records = l->p.records ? calloc(rows, sizeof(lbk_record *)) : NULL;
    bool ok = b->index && b->ids && b->fields && (b->records || !l->p.records);
    b->n = ok ? l->layout.n : 0;
    for (int i = 0; i < b->n && ok; i++) {
        size_t bytes = 0;
        b->fields[i] = l->layout.fields[i];
        ok = lbk__shape_bytes(b->fields[i].dtype, b->fields[i].shape, &bytes);
        b->fields[i].data = ok ? calloc(1, bytes + !bytes) : NULL;
        ok = ok && b->fields[i].data;
    }
    for (int64_t k = 0; k < l->p.batch && b->records && ok && !st; k++)
        st = lbk__record_create(l->ctx, &b->records[k]);
    return ok ? st
              : lbk_fail(l->ctx, LBK_ENOMEM, "loader: out of memory for a batch of %" PRId64,
                         l->p.batch);
}

/* Every array of a sample but boxes and what belongs to them, which are as many as there are. */
static lbk_status make_layout(struct loader *l, const lbk_record *r)
{
    struct batch *b = &l->layout;
    b->fields = calloc((size_t) r->n + 1, sizeof *b->fields);
    l->names = calloc((size_t) r->n + 1, sizeof *l->names);
    if (!b->fields || !l->names)
        return lbk_fail(l->ctx, LBK_ENOMEM, "loader: out of memory");
    for (int64_t i = 0; i < r->n; i++) {
        const struct slot *s = &r->at[i];
        const struct lbk_field *spec = lbk_record_field(r, s->name);
        if (!s->used || (spec && (spec->kind == LBK_BOXES || spec->kind == LBK_OF_BOXES)))
            continue;
        if (s->array.shape.n == LBK_MAX_DIMS)
            return lbk_fail(l->ctx, LBK_EINVAL, "loader: expected '%s' to have less than %d axes",
                            s->name, LBK_MAX_DIMS);
        struct batch_field *f = &b->fields[b->n];
        memcpy(l->names[b->n], s->name, sizeof s->name);
        lbk__batch_field(&s->array, l->p.batch, f);
        f->name = l->names[b->n++], f->data = NULL, f->spec = spec;
    }
    return LBK_OK;
}

static lbk_status make_workers(struct loader *l)
{
    const int n = l->p.threads > 0 ? l->p.threads : 1;
    l->workers = calloc((size_t) n, sizeof *l->workers);
    if (!l->workers)
        return lbk_fail(l->ctx, LBK_ENOMEM, "loader: out of memory");
    for (int i = 0; i < n; i++) {
        struct worker *w = &l->workers[i];
        w->l = l;
        w->ready = lbk__quiet_init(&w->quiet, l->ctx);
        const lbk_status st = lbk__record_create(l->ctx, &w->record);
        if (st || !w->ready)
            return st ? st : lbk_fail(l->ctx, LBK_ENOMEM, "loader: out of memory");
    }
    return LBK_OK;
}

static void start_workers(struct loader *l)
{
    for (int i = 0; i < l->p.threads; i++) {
        struct worker *w = &l->workers[i];
        w->started = !pthread_create(&w->thread, NULL, run, w);
        l->n_workers += w->started;
    }
    if (l->n_workers < l->p.threads)
        lbk_ctx_log(l->ctx, LBK_LOG_WARN, "loader: %d of %d threads could be started", l->n_workers,
                    l->p.threads);
}

static lbk_status check_params(lbk_ctx *ctx, const struct loader_params *p)
{
    if (p->batch < 1 || p->threads < 0 || p->threads > 256 || p->depth < 0 || p->depth > 1024)
        return lbk_fail(ctx, LBK_EINVAL,
                        "loader: expected a batch of 1 or more and 0..256 threads, got %" PRId64
                        " and %d",
                        p->batch, p->threads);
    if (p->data->n > UINT32_MAX)
        return lbk_fail(ctx, LBK_EUNSUPPORTED,
                        "loader: expected less than 2^32 samples, found %" PRId64, p->data->n);
    if (p->pad || p->data->n >= p->batch)
        return LBK_OK;
    return lbk_fail(ctx, LBK_EINVAL,
                    "loader: expected a batch of at most the data set's %" PRId64
                    " samples, got %" PRId64,
                    p->data->n, p->batch);
}

static lbk_status build(struct loader *l)
{
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, NULL);
    l->order_epoch = -1;
    l->order = malloc((size_t) l->p.data->n * sizeof *l->order);
    l->bays = calloc((size_t) l->p.depth, sizeof *l->bays);
    if (!l->order || !l->bays)
        return lbk_fail(l->ctx, LBK_ENOMEM, "loader: out of memory");
    lbk_status st =
        l->p.cache ? lbk__cache_create(l->ctx, l->p.data->n, l->p.cache, &l->cache) : LBK_OK;
    if (!st)
        st = make_workers(l);
    lbk_record *first = st ? NULL : l->workers[0].record;
    if (!st)
        st = lbk__sample_make(&l->p, l->cache, 0, 0, first);
    if (!st)
        st = make_layout(l, first);
    for (int i = 0; i < l->p.depth && !st; i++)
        st = make_batch(l, &l->bays[i].b);
    return st;
}

lbk_status lbk__loader_create(lbk_ctx *ctx, const struct loader_params *p, struct loader **out)
{
    *out = NULL;
    lbk_status st = check_params(ctx, p);
    if (st)
        return st;
    struct loader *l = calloc(1, sizeof *l);
    if (!l)
        return lbk_fail(ctx, LBK_ENOMEM, "loader: out of memory");
    l->ctx = ctx, l->p = *p;
    if (!l->p.depth)
        l->p.depth = LOADER_DEPTH;
    const char *before = lbk__about(ctx, p->by);
    st = build(l);
    lbk__about(ctx, before);
    if (st)
        lbk__loader_destroy(&l);
    else
        start_workers(l);
    *out = l;
    return st;
}

void lbk__loader_destroy(struct loader **loader)
{
    struct loader *l = *loader;
    if (!l)
        return;
    const int n = l->p.threads > 0 ? l->p.threads : 1;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; l->workers && i < n; i++)
        if (l->workers[i].started)
            pthread_join(l->workers[i].thread, NULL);
    for (int i = 0; l->workers && i < n; i++) {
        lbk__record_destroy(&l->workers[i].record);
        if (l->workers[i].ready)
            lbk__quiet_finish(&l->workers[i].quiet);
    }
    for (int i = 0; l->bays && i < l->p.depth; i++)
        free_batch(&l->bays[i].b, l->p.batch);
    lbk__cache_destroy(&l->cache);
    free(l->layout.fields);
    free(l->names);
    free(l->workers);
    free(l->bays);
    free(l->order);
    pthread_cond_destroy(&l->ready);
    pthread_cond_destroy(&l->work);
    pthread_mutex_destroy(&l->lock);
    free(l);
    *loader = NULL;
}
