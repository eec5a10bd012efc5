/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <limbeck/ckpt.h>
#include "device.h"
#include "safetensors.h"

/* A device that is host memory. */
struct lbk_mem {
    size_t n;
    unsigned char *p;
};

static lbk_status host_alloc(lbk_drv *d, size_t bytes, lbk_mem **out)
{
    *out = malloc(sizeof **out);
    (*out)->p = calloc(1, bytes + 1);
    return LBK_OK;
}

static void host_free(lbk_drv *d, lbk_mem *m)
{
    free(m->p);
    free(m);
}

static lbk_status host_write(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n)
{
    memcpy(m->p + off, src, n);
    return LBK_OK;
}

static lbk_status host_read(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n)
{
    memcpy(dst, m->p + off, n);
    return LBK_OK;
}

static char folder[] = "/tmp/limbeck-ckpt-XXXXXX";
static char path[64];
static struct lbk_ctx ctx = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct lbk_device device = {
    .ctx = &ctx,
    .refs = 1,
    .fns = { .alloc = host_alloc, .free = host_free, .write = host_write, .read = host_read },
};

static int make_folder(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    remove(path);
    return rmdir(folder);
}

static void put(lbk_store *s, const char *name, lbk_shape shape, float first)
{
    lbk_tensor *t;
    float v[64];
    assert_int_equal(lbk_tensor_create(&device, LBK_F32, shape, &t), LBK_OK);
    for (int i = 0; i < 64; i++)
        v[i] = first + (float) i;
    assert_int_equal(lbk_tensor_write(t, v, t->bytes), LBK_OK);
    assert_int_equal(lbk_store_put(s, name, t), LBK_OK);
    lbk_tensor_unref(&t);
}

static float first_of(const lbk_store *s, const char *name)
{
    float v[64];
    const lbk_tensor *t = lbk_store_get(s, name);
    assert_non_null(t);
    assert_int_equal(lbk_tensor_read(t, v, t->bytes), LBK_OK);
    return v[0];
}

static lbk_store *network(const char *prefix, float first)
{
    static const char *const names[] = { "conv1/weight", "conv1/bias",
                                         "layer1/0/short/conv/weight" };
    lbk_store *s;
    char name[64];
    assert_int_equal(lbk_store_create(&device, &s), LBK_OK);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, names[i]);
        put(s, name, i == 1 ? LBK_SHAPE(4) : LBK_SHAPE(4, 2), first + 10 * (float) i);
    }
    return s;
}

static void assert_error_has(const char *text)
{
    if (!strstr(ctx.error, text))
        fail_msg("'%s' is not in '%s'", text, ctx.error);
}

static void student_alone(void **state)
{
    lbk_store *a = network("student/", 1), *b = network("teacher/", 100);
    struct st_file f;
    put(a, "optim/student/conv1/weight", LBK_SHAPE(2), 7);
    put(a, "student/conv1/weight@momentum", LBK_SHAPE(2), 7);
    put(b, "teacher/conv1/weight@momentum", LBK_SHAPE(2), 7);
    assert_int_equal(lbk_ckpt_save(a, path, "student/", 0, NULL), LBK_OK);
    assert_int_equal(lbk__st_open(&ctx, path, &f), LBK_OK);
    assert_int_equal(f.n, 3);
    assert_non_null(lbk__st_find(&f, "layer1.0.short.conv.weight"));
    lbk__st_close(&f);
    assert_int_equal(lbk_ckpt_load(b, path, "teacher/", NULL, true), LBK_OK);
    assert_true(first_of(b, "teacher/conv1/weight") == 1);
    assert_true(first_of(b, "teacher/conv1/bias") == 11);
    assert_int_equal(lbk_ckpt_save(a, path, "nobody/", 0, NULL), LBK_EINVAL);
    lbk_store_destroy(&a);
    lbk_store_destroy(&b);
}

static void restore_is_exact(void **state)
{
    lbk_store *a = network("student/", 1), *b;
    static const char *const meta[][2] = { { "step", "12" }, { "stage", "student" } };
    char text[8];
    put(a, "term/kd.fitnet/conv/weight", LBK_SHAPE(0, 3), 0);
    assert_int_equal(lbk_ckpt_save(a, path, NULL, 2, meta), LBK_OK);
    lbk_store_create(&device, &b);
    assert_int_equal(lbk_ckpt_restore(b, path, NULL), LBK_OK);
    assert_int_equal(b->n, a->n);
    for (int64_t i = 0; i < a->n; i++) {
        assert_string_equal(a->at[i].name, b->at[i].name);
        assert_int_equal(a->at[i].tensor->bytes, b->at[i].tensor->bytes);
        assert_memory_equal(a->at[i].tensor->mem->p, b->at[i].tensor->mem->p,
                            a->at[i].tensor->bytes);
    }
    assert_int_equal(lbk_ckpt_meta(&ctx, path, "step", text, sizeof text), LBK_OK);
    assert_string_equal(text, "12");
    assert_int_equal(lbk_ckpt_meta(&ctx, path, "epoch", text, sizeof text), LBK_ENOENT);
    assert_int_equal(lbk_ckpt_meta(&ctx, path, "stage", text, sizeof text), LBK_OK);
    assert_int_equal(lbk_ckpt_meta(&ctx, path, "stage", text, 4), LBK_EINVAL);
    lbk_store_destroy(&a);
    lbk_store_destroy(&b);
}

static void renamed(void **state)
{
    static const struct lbk_rename renames[] = {
        { "downsample.0", "short/conv" },
        { "block?.?.proj", "layer?/?/short/conv" },
        { "stem", "conv1" },
        { NULL, NULL },
    };
    static const float v[8] = { 5, 6 };
    const struct st_item plain[] = { { "layer1.0.downsample.0.weight", LBK_F32, LBK_SHAPE(4, 2), v,
                                       NULL } };
    const struct st_item wild[] = { { "module.a.b.0.proj.weight", LBK_F32, LBK_SHAPE(4, 2), v,
                                      NULL } };
    static const struct lbk_rename any[] = { { "module.?.?.0.proj", "layer1.0.short.conv" },
                                             { NULL, NULL } };
    static const struct lbk_rename kept[] = { { "block.?.?.proj", "layer1.?.short.?" },
                                              { NULL, NULL } };
    const struct st_item two[] = { { "block.0.conv.proj.weight", LBK_F32, LBK_SHAPE(4, 2), v,
                                     NULL } };
    lbk_store *s = network("", 1);
    lbk__st_save(&ctx, path, 1, plain, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, renames, false), LBK_OK);
    assert_true(first_of(s, "layer1/0/short/conv/weight") == 5);
    lbk_store_destroy(&s);
    s = network("", 1);
    lbk__st_save(&ctx, path, 1, wild, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, any, false), LBK_OK);
    assert_true(first_of(s, "layer1/0/short/conv/weight") == 5);
    lbk_store_destroy(&s);
    s = network("", 1);
    lbk__st_save(&ctx, path, 1, two, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, kept, false), LBK_OK);
    assert_true(first_of(s, "layer1/0/short/conv/weight") == 5);
    lbk_store_destroy(&s);
}

static void strict_names_the_nearest(void **state)
{
    static const float v[8] = { 0 };
    static const int64_t batches = 3;
    const struct st_item items[] = {
        { "conv1.weight", LBK_F32, LBK_SHAPE(4, 2), v, NULL },
        { "conv1.bais", LBK_F32, LBK_SHAPE(4), v, NULL },
        { "layer1.0.short.conv.weight", LBK_F32, LBK_SHAPE(4, 2), v, NULL },
        { "bn1.num_batches_tracked", LBK_I32, { 0 }, &batches, NULL },
    };
    lbk_store *s = network("", 1);
    lbk__st_save(&ctx, path, 4, items, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, true), LBK_EFORMAT);
    assert_error_has("conv1.bais");
    assert_error_has("did you mean 'conv1/bias'");
    assert_true(first_of(s, "conv1/weight") == 1); /* nothing was written */
    lbk__st_save(&ctx, path, 1, items, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, true), LBK_EFORMAT);
    assert_error_has("nothing for 'conv1/bias'");
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, false), LBK_OK);
    assert_true(first_of(s, "conv1/weight") == 0);
    lbk_store_destroy(&s);
}

static void wrong_shape_or_type(void **state)
{
    static const float v[8] = { 0 };
    const struct st_item shape[] = { { "conv1.weight", LBK_F32, LBK_SHAPE(2, 4), v, NULL } };
    const struct st_item dtype[] = { { "conv1.weight", LBK_I32, LBK_SHAPE(4, 2), v, NULL } };
    const struct st_item both[] = { { "conv1.bias", LBK_F32, LBK_SHAPE(4), v, NULL },
                                    { "conv1/bias", LBK_F32, LBK_SHAPE(4), v, NULL } };
    lbk_store *s = network("", 1);
    lbk__st_save(&ctx, path, 1, shape, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, false), LBK_EFORMAT);
    assert_error_has("expected shape 4x2, found 2x4");
    lbk__st_save(&ctx, path, 1, dtype, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, false), LBK_EFORMAT);
    assert_error_has("found I32");
    lbk__st_save(&ctx, path, 2, both, 0, NULL);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, false), LBK_EFORMAT);
    assert_error_has("are both");
    lbk_store_destroy(&s);
}

/* One tensor "x" of 4 elements of that type. */
static void write_raw(const char *dtype, const void *data, size_t bytes)
{
    char json[128];
    const int n =
        snprintf(json, sizeof json,
                 "{\"x\":{\"dtype\":\"%s\",\"shape\":[4],\"data_offsets\":[0,%zu]}}", dtype, bytes);
    const unsigned char head[8] = { (unsigned char) n };
    FILE *f = fopen(path, "wb");
    fwrite(head, 1, 8, f);
    fwrite(json, 1, (size_t) n, f);
    fwrite(data, 1, bytes, f);
    fclose(f);
}

static void other_types(void **state)
{
    static const double f64[4] = { 1.5, -2, 1e-3, 1e30 };
    static const uint16_t f16[4] = { 0x3e00, 0xc000, 0x0001, 0x7c00 },
                          bf16[4] = { 0x3fc0, 0xc000, 0x3a80, 0x7f80 };
    static const int64_t good[4] = { 1, -2, INT32_MAX, INT32_MIN },
                         bad[4] = { 1, 2, 3, INT64_C(1) << 31 };
    float v[4];
    int32_t k[4];
    lbk_store *s;
    lbk_store_create(&device, &s);
    put(s, "x", LBK_SHAPE(4), 0);
    write_raw("F64", f64, sizeof f64);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, true), LBK_OK);
    lbk_tensor_read(lbk_store_get(s, "x"), v, sizeof v);
    assert_true(v[0] == 1.5f && v[1] == -2 && v[2] == 1e-3f && v[3] == 1e30f);
    write_raw("F16", f16, sizeof f16);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, true), LBK_OK);
    lbk_tensor_read(lbk_store_get(s, "x"), v, sizeof v);
    assert_true(v[0] == 1.5f && v[1] == -2 && v[2] == 0x1p-24f && v[3] > 1e38f);
    write_raw("BF16", bf16, sizeof bf16);
    assert_int_equal(lbk_ckpt_load(s, path, NULL, NULL, true), LBK_OK);
    lbk_tensor_read(lbk_store_get(s, "x"), v, sizeof v);
    assert_true(v[0] == 1.5f && v[1] == -2 && v[2] == 0x1p-10f && v[3] > 1e38f);
    write_raw("I64", good, sizeof good);
    assert_int_equal(lbk_ckpt_restore(s, path, "labels/"), LBK_OK);
    lbk_tensor_read(lbk_store_get(s, "labels/x"), k, sizeof k);
    assert_true(k[0] == 1 && k[1] == -2 && k[2] == INT32_MAX && k[3] == INT32_MIN);
    write_raw("I64", bad, sizeof bad);
    assert_int_equal(lbk_ckpt_restore(s, path, "labels/"), LBK_EFORMAT);
    write_raw("U32", bad, 16);
    assert_int_equal(lbk_ckpt_restore(s, path, NULL), LBK_EUNSUPPORTED);
    lbk_store_destroy(&s);
}

struct seen {
    int tensors, metas;
    uint64_t bytes;
};

static void see_tensor(void *ud, const struct lbk_ckpt_tensor *t)
{
    struct seen *s = ud;
    s->tensors++;
    s->bytes += t->bytes;
    assert_string_equal(t->dtype, "F32");
}

static void see_meta(void *ud, const char *key, const char *value)
{
    ((struct seen *) ud)->metas++;
}

static void listed(void **state)
{
    static const char *const meta[][2] = { { "model", "x" } };
    struct seen seen = { 0 };
    lbk_store *s = network("", 1);
    lbk_ckpt_save(s, path, NULL, 1, meta);
    assert_int_equal(
        lbk_ckpt_list(&ctx, path, &(struct lbk_ckpt_seen){ see_tensor, see_meta, &seen }), LBK_OK);
    assert_int_equal(seen.tensors, 3);
    assert_int_equal(seen.bytes, 80);
    assert_int_equal(seen.metas, 1);
    lbk_store_destroy(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_alone),
        cmocka_unit_test(restore_is_exact),
        cmocka_unit_test(renamed),
        cmocka_unit_test(strict_names_the_nearest),
        cmocka_unit_test(wrong_shape_or_type),
        cmocka_unit_test(other_types),
        cmocka_unit_test(listed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
