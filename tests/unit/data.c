/* SPDX-License-Identifier: MIT */
#include <zlib.h>
#include "small_data.h"
#include "ctx.h"
#include "opened.h"
#include "record.h"

static const char *const text = "idx,images=images,labels=labels,classes=10";

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    char *folder;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ctx = quiet_ctx(&f->heard);
    f->folder = enter_folder();
    write_idx(20, 3, 2);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lbk_ctx_destroy(&f->ctx);
    leave_folder(f->folder);
    free(f);
    return 0;
}

static void refused(struct fixture *f, const char *what, lbk_status want, const char *words)
{
    struct data *d;
    assert_refused(&f->heard, lbk__data_open(f->ctx, what, 0, NULL, DATA_TRAIN, &d), want, words);
    assert_null(d);
}

static void records(void **state)
{
    struct fixture *f = *state;
    lbk_record *r;
    struct lbk_array a;
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_refused(&f->heard, lbk_record_get(r, "image", LBK_F32, &a), LBK_ENOENT, "found nothing");
    float *p = lbk_record_put(r, "image", LBK_F32, LBK_SHAPE(2, 3));
    assert_non_null(p);
    for (int i = 0; i < 6; i++)
        assert_true(p[i] == 0);
    p[0] = 5;
    assert_refused(&f->heard, lbk_record_get(r, "image", LBK_I32, &a), LBK_ENOENT,
                   "found image f32 2x3");
    float *q = lbk_record_put(r, "image", LBK_F32, LBK_SHAPE(1));
    assert_true(p[0] == 5 && q[0] == 0); /* the old array stays readable */
    lbk__record_reset(r, 7, NULL);
    assert_int_equal(lbk_record_id(r), 7);
    assert_refused(&f->heard, lbk_record_get(r, "image", LBK_F32, &a), LBK_ENOENT, "sample 7");
    assert_null(lbk_record_put(r, "big", LBK_F32, LBK_SHAPE(INT64_MAX, 8)));
    assert_non_null(strstr(f->heard.last, "does not fit"));
    lbk__record_destroy(&r);
}

static void reads_idx(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    lbk_record *r;
    struct lbk_array image, label;
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_int_equal(d->n, 20);
    assert_int_equal(d->fields[1].classes, 10);
    for (int i = 0; i < 20; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, r));
        assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &image));
        assert_ok(&f->heard, lbk_record_get(r, "label", LBK_I32, &label));
        assert_true(((float *) image.data)[3] == (float) (7 * i + 3 + 1) / 255.0f);
        assert_int_equal(*(int32_t *) label.data, i % 10);
    }
    lbk__record_destroy(&r);
    lbk__data_close(&d);
}

/* Every cut, a byte too many, and every wrong byte of the header. */
static void refuses_damaged_idx(void **state)
{
    struct fixture *f = *state;
    unsigned char all[16 + 121];
    write_idx(20, 3, 2);
    FILE *in = fopen("images", "rb");
    assert_int_equal(fread(all, 1, 136, in), 136);
    fclose(in);
    for (size_t n = 0; n < 136; n++) {
        write_bytes("images", all, n);
        refused(f, text, LBK_EFORMAT, "images: expected ");
    }
    all[136] = 0;
    write_bytes("images", all, 137);
    refused(f, text, LBK_EFORMAT, "images: expected 120 bytes of data, found more");
    for (int i = 0; i < 16; i++) {
        const unsigned char was = all[i];
        all[i] ^= 0x80;
        write_bytes("images", all, 136);
        refused(f, text, LBK_EFORMAT, "images: expected ");
        all[i] = was;
    }
}

static void refuses_lies(void **state)
{
    struct fixture *f = *state;
    unsigned char all[64];
    size_t n = idx_head(all, 3, 0xffffffff, 16384, 16384);
    write_bytes("images", all, n + 20);
    refused(f, text, LBK_EFORMAT, "images: expected 1152921504338411536 bytes, found 36");
    n = idx_head(all, 3, 1, 16385, 1);
    write_bytes("images", all, n + 20);
    refused(f, text, LBK_EFORMAT, "found 16385");
    n = idx_head(all, 3, 0, 2, 2);
    write_bytes("images", all, n);
    refused(f, text, LBK_EFORMAT, "expected at least one item, found 0");
    refused(f, "idx,images=labels,labels=labels", LBK_EFORMAT, "found 00 00 08 01");
    refused(f, "idx,images=nowhere", LBK_ENOENT, "nowhere: cannot open: No such file");
    refused(f, "idx,images=.", LBK_EFORMAT, ".: expected a file, found a folder");
    write_idx(20, 3, 2);
    refused(f, "idx,images=images,labels=labels,classes=9", LBK_EFORMAT,
            "labels: expected labels 0..8, found 9 at 9");
    n = idx_head(all, 1, 19, 0, 0);
    write_bytes("labels", all, n + 19);
    refused(f, text, LBK_EFORMAT, "labels: expected 20 labels, one per image, found 19");
}

static void refuses_damaged_gzip(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    unsigned char plain[136], packed[300];
    FILE *in = fopen("images", "rb");
    assert_int_equal(fread(plain, 1, 136, in), 136);
    fclose(in);
    gzFile gz = gzopen("images", "wb9");
    assert_int_equal(gzwrite(gz, plain, 136), 136);
    assert_int_equal(gzclose(gz), Z_OK);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d));
    lbk__data_close(&d);
    in = fopen("images", "rb");
    const size_t n = fread(packed, 1, sizeof packed, in);
    fclose(in);
    for (size_t k = 0; k < n; k++) {
        write_bytes("images", packed, k);
        refused(f, text, LBK_EFORMAT, "images: expected ");
    }
    packed[n - 6] ^= 1; /* the sum of the bytes */
    write_bytes("images", packed, n);
    refused(f, text, LBK_EFORMAT, "images: expected ");
}

static void options(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    refused(f, "idxx,images=images", LBK_ENOENT, "did you mean 'idx'?");
    refused(f, "idx,image=images", LBK_ENOENT,
            "data.image: data set 'idx' has no such option; did you mean 'images'?");
    refused(f, "idx,images", LBK_EINVAL, "expected name=value, got 'images'");
    refused(f, "idx,split=test,images=images", LBK_ENOENT,
            "data.split: data set 'idx' has no such option");
    refused(f, "idx,images=images,classes=ten", LBK_EINVAL, "data.classes: expected");
    refused(f, "idx,images=images,classes=257", LBK_EINVAL,
            "data.classes: expected 1..256, got '257'");
    refused(f, "idx,images=images,val=20", LBK_EINVAL,
            "data.val: expected less than the 20 samples of 'idx' to be held out, got 20");
    assert_refused(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_VAL, &d), LBK_ENOENT,
                   "no file of val images");
    const struct lbk_setting s[] = { { "limit", "7" },
                                     { "prepare", "resize=4" },
                                     { "mean", "0.5" } };
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 3, s, DATA_TRAIN, &d));
    char *p = lbk__data_pipeline(d, true);
    assert_string_equal(p, "resize=4,normalize(mean=[0.5],std=[])");
    assert_int_equal(d->n, 7);
    free(p);
    lbk__data_close(&d);
}

/* Parts share nothing, make up the whole, and do not depend on anything but the ids. */
static void parts(void **state)
{
    struct fixture *f = *state;
    const struct lbk_setting s[] = { { "val", "6" }, { "test", "4" } };
    int seen[20] = { 0 };
    for (int part = 0; part < 3; part++) {
        struct data *d, *again;
        assert_ok(&f->heard, lbk__data_open(f->ctx, text, 2, s, (enum data_split) part, &d));
        assert_ok(&f->heard, lbk__data_open(f->ctx, text, 2, s, (enum data_split) part, &again));
        assert_int_equal(d->n, part == 0 ? 10 : part == 1 ? 6 : 4);
        assert_memory_equal(d->at, again->at, (size_t) d->n * sizeof *d->at);
        for (int64_t i = 0; i < d->n; i++)
            seen[lbk__data_id(d, i)]++;
        lbk__data_close(&d);
        lbk__data_close(&again);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(seen[i], 1);
}

/* A fraction and what another stream skips of it are the whole. */
static void shares(void **state)
{
    static const char *const share[] = { "0.28", "0.5", "0.9", "0.04" };
    struct fixture *f = *state;
    for (int k = 0; k < 4; k++) {
        int seen[20] = { 0 }, n = 0;
        for (int rest = 0; rest < 2; rest++) {
            const struct lbk_setting s[] = { { "val", "3" },
                                             { rest ? "skip" : "fraction", share[k] } };
            struct data *d;
            assert_ok(&f->heard, lbk__data_open(f->ctx, text, 2, s, DATA_TRAIN, &d));
            for (int64_t i = 0; i < d->n; i++)
                n += !seen[lbk__data_id(d, i)]++;
            lbk__data_close(&d);
        }
        assert_int_equal(n, 17);
    }
    refused(f, "idx,images=images,labels=labels,skip=1", LBK_EINVAL, "skip=1 leaves none");
}

/* Two shares of one set and one of another, behind each other. */
static void joined(void **state)
{
    static const char
        one[] = "idx,images=images,labels=labels,classes=10",
        all[] =
            "join,of=['%s,skip=0.5','%s,fraction=0.25','idx,images=more,labels=labels,classes=10']";
    struct fixture *f = *state;
    struct data *d, *half;
    struct lbk_array image;
    lbk_record *r;
    char what[400], a[65], b[65];
    uint64_t ids[35];
    assert_int_equal(rename("images", "more"), 0);
    write_idx(20, 3, 2);
    snprintf(what, sizeof what, all, one, one);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, what, 0, NULL, DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__data_open(f->ctx, one, 1, &(struct lbk_setting){ "skip", "0.5" },
                                        DATA_TRAIN, &half));
    assert_int_equal(d->n, 35);
    assert_string_equal(d->fields[1].name, "label");
    for (int i = 0; i < 35; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, r));
        assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &image));
        const int64_t of = i < 10 ? half->at[i] : i >= 15 ? i - 15 : -1;
        if (of >= 0)
            assert_true(*(float *) image.data == (float) (7 * of) / 255.0f);
        ids[i] = lbk__data_id(d, i);
        assert_int_equal(lbk_record_id(r), ids[i]);
        for (int k = 0; k < i; k++)
            assert_true(ids[k] != ids[i]);
    }
    assert_ok(&f->heard, lbk__data_hash(d, a));
    lbk__data_close(&half);
    lbk__data_close(&d);
    assert_null(f->ctx->opened);
    snprintf(what, sizeof what, "join,of=['%s,skip=0.4','%s,fraction=0.25']", one, one);
    assert_ok(&f->heard, lbk__data_open(f->ctx, what, 0, NULL, DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__data_hash(d, b));
    assert_string_not_equal(a, b);
    lbk__data_close(&d);
    lbk__record_destroy(&r);
    snprintf(what, sizeof what, "join,of=['%s','synth,classes=7']", one);
    refused(f, what, LBK_EINVAL,
            "join: 'idx' has a field 'label', 'synth' has 'label' of another kind");
    refused(f, "join,of=['synth,of=depth','synth']", LBK_EINVAL,
            "join: 'synth' has a field 'depth', 'synth' has 'label'");
    refused(f, "join", LBK_EINVAL, "join: expected data sets");
    refused(f, "join,of=['synth','nothing']", LBK_ENOENT, "'nothing' is unknown");
    assert_null(f->ctx->opened);
}

/* One source for all parts of it, for as long as there is a user or it is held. */
static void shared(void **state)
{
    struct fixture *f = *state;
    const struct lbk_setting s[] = { { "val", "6" }, { "classes", "11" } };
    struct data *a, *b;
    lbk_record *r;
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 1, s, DATA_TRAIN, &a));
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 1, s, DATA_VAL, &b));
    assert_ptr_equal(a->open, b->open);
    lbk__data_close(&a);
    assert_ok(&f->heard, lbk__data_read(b, 5, r));
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 2, s, DATA_TRAIN, &a));
    assert_ptr_not_equal(a->open, b->open);
    lbk__data_close(&a);
    lbk__opened_hold(f->ctx);
    lbk__data_close(&b);
    write_idx(30, 2, 3);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 1, s, DATA_TRAIN, &a));
    assert_int_equal(a->n, 14);
    lbk__data_close(&a);
    lbk__opened_release(f->ctx);
    assert_null(f->ctx->opened);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 1, s, DATA_TRAIN, &a));
    assert_int_equal(a->n, 24);
    lbk__data_close(&a);
    lbk__record_destroy(&r);
}

static void hashes(void **state)
{
    struct fixture *f = *state;
    char a[65], b[65];
    struct data *d;
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__data_hash(d, a));
    lbk__data_close(&d);
    write_idx(20, 2, 3);
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, DATA_TRAIN, &d));
    assert_ok(&f->heard, lbk__data_hash(d, b));
    lbk__data_close(&d);
    assert_int_equal(strlen(a), 64);
    assert_string_not_equal(a, b);
}

static void count_labels(struct fixture *f, enum data_split part, int *n)
{
    struct data *d;
    lbk_record *r;
    struct lbk_array a;
    assert_ok(&f->heard, lbk__data_open(f->ctx, "fashion_mnist", 0, NULL, part, &d));
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    for (int64_t i = 0; i < d->n; i++) {
        assert_ok(&f->heard, lbk__data_read(d, i, r));
        assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &a));
        assert_int_equal(lbk_shape_count(a.shape), 28 * 28);
        assert_ok(&f->heard, lbk_record_get(r, "label", LBK_I32, &a));
        n[*(int32_t *) a.data]++;
    }
    print_message("Fashion-MNIST part %d: %lld samples\n", part, (long long) d->n);
    assert_int_equal(d->n, part == DATA_TRAIN ? 55000 : part == DATA_VAL ? 5000 : 10000);
    lbk__record_destroy(&r);
    lbk__data_close(&d);
}

static void fashion_mnist(void **state)
{
    struct fixture *f = *state;
    int train[10] = { 0 }, test[10] = { 0 };
    if (access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK)) {
        print_message("SKIPPED: Fashion-MNIST is not installed (package dataset-fashion-mnist)\n");
        skip();
    }
    count_labels(f, DATA_TRAIN, train);
    count_labels(f, DATA_VAL, train);
    count_labels(f, DATA_TEST, test);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(train[i], 6000);
        assert_int_equal(test[i], 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_idx, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_damaged_idx, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_damaged_gzip, setup, teardown),
        cmocka_unit_test_setup_teardown(options, setup, teardown),
        cmocka_unit_test_setup_teardown(parts, setup, teardown),
        cmocka_unit_test_setup_teardown(shares, setup, teardown),
        cmocka_unit_test_setup_teardown(joined, setup, teardown),
        cmocka_unit_test_setup_teardown(shared, setup, teardown),
        cmocka_unit_test_setup_teardown(hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(fashion_mnist, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
