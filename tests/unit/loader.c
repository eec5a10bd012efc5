/* SPDX-License-Identifier: MIT */
#include <time.h>
#include "small_data.h"
#include "loader.h"
#include "record.h"

static const char *const text = "idx,images=images,labels=labels,classes=10";
static const char *const steps = "resize=12,crop=12:2,flip,rotate=20,color,normalize=0.5:0.25";

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    struct data *data;
    struct pipeline *pipeline;
    char *folder;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ctx = quiet_ctx(&f->heard);
    f->folder = enter_folder();
    write_idx(103, 9, 8);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &f->data));
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, steps, &f->pipeline));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lbk__pipeline_destroy(&f->pipeline);
    lbk__data_close(&f->data);
    lbk_ctx_destroy(&f->ctx);
    leave_folder(f->folder);
    free(f);
    return 0;
}

static struct loader_params params(const struct fixture *f)
{
    return (struct loader_params){ .data = f->data,
                                   .pipeline = f->pipeline,
                                   .batch = 16,
                                   .seed = 3,
                                   .order = 1,
                                   .draws = 1,
                                   .shuffle = true,
                                   .cache = 1 << 20 };
}

/* Images and labels of `n` batches from that place on, end to end. */
static unsigned char *collect(const struct fixture *f, const struct loader_params *p, int64_t epoch,
                              int64_t position, int n, size_t *bytes)
{
    struct loader *l;
    const struct batch *b;
    const size_t image = (size_t) p->batch * 144 * 4, each = image + (size_t) p->batch * 4;
    unsigned char *all = malloc((size_t) n * each);
    assert_int_equal(lbk__loader_create(f->ctx, p, &l), LBK_OK);
    assert_int_equal(lbk__loader_seek(l, epoch, position), LBK_OK);
    for (int i = 0; i < n; i++) {
        assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        assert_int_equal(b->n, 2);
        memcpy(all + (size_t) i * each, b->fields[0].data, image);
        memcpy(all + (size_t) i * each + image, b->fields[1].data, each - image);
    }
    lbk__loader_destroy(&l);
    *bytes = (size_t) n * each;
    return all;
}

static void same_bits_for_any_threads(void **state)
{
    const struct fixture *f = *state;
    struct loader_params p = params(f);
    size_t n;
    unsigned char *want = collect(f, &p, 0, 0, 20, &n);
    for (int threads = 1; threads <= 3; threads += 2)
        for (int cached = 0; cached < 2; cached++) {
            p.threads = threads,
            p.cache = cached ? 9000 : 0; /* the first: less than half of them fit */
            unsigned char *got = collect(f, &p, 0, 0, 20, &n);
            assert_memory_equal(got, want, n);
            free(got);
        }
    free(want);
}

static void resumes_anywhere(void **state)
{
    const struct fixture *f = *state;
    struct loader_params p = params(f);
    size_t n, part;
    unsigned char *want = collect(f, &p, 0, 0, 20, &n);
    for (int at = 1; at < 20; at += 3) { /* six batches in an epoch */
        p.threads = at % 3;
        unsigned char *got = collect(f, &p, at / 6, at % 6, 20 - at, &part);
        assert_memory_equal(got, want + n / 20 * (size_t) at, part);
        free(got);
    }
    free(want);
}

static void epochs_and_streams_differ(void **state)
{
    const struct fixture *f = *state;
    struct loader_params p = params(f), q = params(f), v = params(f);
    size_t n;
    q.draws = 2, v.views = 1;
    unsigned char *a = collect(f, &p, 0, 0, 12, &n), *b = collect(f, &q, 0, 0, 12, &n),
                  *c = collect(f, &v, 0, 0, 12, &n);
    const size_t label = n / 12 - 64;
    assert_memory_not_equal(a, a + n / 2, n / 2);  /* two epochs */
    assert_memory_equal(a + label, b + label, 64); /* another stream: same samples, other draws */
    assert_memory_not_equal(a, b, label);
    assert_memory_equal(a, c, n / 2); /* one view: the first epoch's draws */
    assert_memory_not_equal(a + n / 2, c + n / 2, n / 2);
    free(a), free(b), free(c);
}

static void every_sample_once(void **state)
{
    const struct fixture *f = *state;
    struct loader_params p = params(f);
    struct loader *l;
    const struct batch *b;
    int seen[103] = { 0 };
    p.pad = true, p.epochs = 1, p.threads = 2;
    assert_int_equal(lbk__loader_create(f->ctx, &p, &l), LBK_OK);
    assert_int_equal(lbk__loader_batches(l), 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        assert_int_equal(b->count, i < 6 ? 16 : 7);
        for (int64_t k = 0; k < b->count; k++) {
            seen[b->index[k]]++;
            assert_int_equal(b->ids[k], b->index[k]);
            assert_int_equal(((const int32_t *) b->fields[1].data)[k], b->index[k] % 10);
        }
    }
    for (int i = 0; i < 103; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
    assert_null(b);
    assert_int_equal(lbk__loader_seek(l, 0, 6), LBK_OK);
    assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
    assert_int_equal(b->count, 7);
    lbk__loader_destroy(&l);
}

static void keeps_records(void **state)
{
    const struct fixture *f = *state;
    struct loader_params p = params(f);
    struct loader *l;
    const struct batch *b;
    p.records = true, p.threads = 2;
    assert_int_equal(lbk__loader_create(f->ctx, &p, &l), LBK_OK);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        for (int64_t k = 0; k < b->count; k++) {
            struct lbk_array a;
            assert_int_equal(lbk_record_get(b->records[k], "image", LBK_F32, &a), LBK_OK);
            assert_int_equal(lbk_record_id(b->records[k]), b->ids[k]);
            assert_memory_equal(a.data, (const float *) b->fields[0].data + k * 144,
                                144 * sizeof(float));
        }
    }
    lbk__loader_destroy(&l);
}

/* Fails at one sample, as a broken file would. */
static lbk_status fussy(lbk_record *r, void *ud)
{
    const uint64_t *bad = ud;
    if (lbk_record_id(r) < *bad)
        return LBK_OK;
    return lbk_fail(lbk_record_ctx(r), LBK_EFORMAT, "sample %d is broken", (int) lbk_record_id(r));
}

static void error_in_its_place(void **state)
{
    struct fixture *f = *state;
    struct loader_params p = params(f);
    uint64_t bad = 40; /* and all that come after it */
    p.shuffle = false, p.encode = fussy, p.ud = &bad;
    for (p.threads = 0; p.threads < 4; p.threads++) {
        struct loader *l;
        const struct batch *b;
        assert_int_equal(lbk__loader_create(f->ctx, &p, &l), LBK_OK);
        assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        assert_refused(&f->heard, lbk__loader_next(l, &b), LBK_EFORMAT, "sample 40 is broken");
        assert_refused(&f->heard, lbk__loader_next(l, &b), LBK_EFORMAT, "sample 40 is broken");
        assert_null(b);
        lbk__loader_destroy(&l);
    }
}

static void refuses(void **state)
{
    struct fixture *f = *state;
    struct loader_params p = params(f);
    struct loader *l;
    p.batch = 104;
    assert_refused(&f->heard, lbk__loader_create(f->ctx, &p, &l), LBK_EINVAL,
                   "at most the data set's 103 samples, got 104");
    p.batch = 0;
    assert_refused(&f->heard, lbk__loader_create(f->ctx, &p, &l), LBK_EINVAL,
                   "a batch of 1 or more");
    assert_null(l);
    p.batch = 16;
    assert_int_equal(lbk__loader_create(f->ctx, &p, &l), LBK_OK);
    assert_refused(&f->heard, lbk__loader_seek(l, 0, 6), LBK_EINVAL,
                   "expected batch 0..5 of an epoch, got 6");
    lbk__loader_destroy(&l);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void speed(void **state)
{
    struct heard h;
    lbk_ctx *ctx = quiet_ctx(&h);
    struct data *d;
    struct pipeline *p;
    struct loader *l;
    const struct batch *b;
    (void) state;
    if (access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK)) {
        print_message("SKIPPED: Fashion-MNIST is not installed (package dataset-fashion-mnist)\n");
        lbk_ctx_destroy(&ctx);
        skip();
    }
    assert_ok(&h, lbk__data_open(ctx, "fashion_mnist", 0, NULL, DATA_TRAIN, &d));
    char *chain = lbk__data_pipeline(d, true);
    assert_int_equal(lbk__pipeline_create(ctx, chain, &p), LBK_OK);
    const struct loader_params q = {
        .data = d, .pipeline = p, .batch = 128, .seed = 1, .shuffle = true, .cache = 512u << 20
    };
    assert_int_equal(lbk__loader_create(ctx, &q, &l), LBK_OK);
    for (int epoch = 0; epoch < 2; epoch++) {
        const double start = seconds();
        for (int64_t i = 0; i < lbk__loader_batches(l); i++)
            assert_int_equal(lbk__loader_next(l, &b), LBK_OK);
        print_message("%s, epoch %d: %.0f samples per second of one core\n", chain, epoch,
                      (double) (lbk__loader_batches(l) * 128) / (seconds() - start));
    }
    lbk__loader_destroy(&l);
    lbk__pipeline_destroy(&p);
    lbk__data_close(&d);
    lbk_ctx_destroy(&ctx);
    free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_bits_for_any_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(resumes_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(epochs_and_streams_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(every_sample_once, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_records, setup, teardown),
        cmocka_unit_test_setup_teardown(error_in_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses, setup, teardown),
        cmocka_unit_test(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
