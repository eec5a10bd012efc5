/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctx.h"
#include "elf_file.h"

static const char *path(const char *name)
{
    static _Thread_local char text[2][1024];
    static _Thread_local int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s", getenv("LIMBECK_TEST_MODULES"), name);
    return text[turn];
}

/* {dir} in the expected text stands for the folder of the test modules. */
static void assert_error_in_dir(void **state, const char *expected)
{
    char text[2048] = "";
    for (const char *p = expected; *p;) {
        const bool dir = !strncmp(p, "{dir}", 5);
        const size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%.*s", dir ? getenv("LIMBECK_TEST_MODULES") : "",
                 !dir, p);
        p += dir ? 5 : 1;
    }
    assert_unit_error(state, text);
}

static void test_good(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    assert_null(lbk_registry_find(ctx, LBK_METHODS, "good"));
    assert_int_equal(lbk_plugin_load(ctx, path("good.so")), LBK_OK);
    const struct lbk_method *m = lbk_registry_find(ctx, LBK_METHODS, "good");
    assert_non_null(m);
    assert_string_equal(m->doc, "nothing");
    assert_non_null(lbk_registry_find(ctx, LBK_LOSSES, "good.loss"));
    assert_int_equal(lbk_plugin_load(ctx, path("good.so")), LBK_OK);
    assert_int_equal(lbk_plugin_load(ctx, path("../modules/good.so")), LBK_OK);
    assert_ptr_equal(lbk_registry_find(ctx, LBK_METHODS, "good"), m);
    const struct module *from = lbk__registry_module(ctx, LBK_METHODS, "good");
    assert_non_null(from);
    assert_int_equal(strlen(from->sha256), 64);
    assert_int_equal(lbk_plugin_load(ctx, "good"), LBK_OK);
}

static const struct {
    const char *file;
    lbk_status st;
    const char *message;
} hostile[] = {
    { "abi_major.so", LBK_EABI, "{dir}/abi_major.so: expected plugin ABI 2.0..2.0, found 3.0" },
    { "abi_minor.so", LBK_EABI, "{dir}/abi_minor.so: expected plugin ABI 2.0..2.0, found 2.1" },
    { "small.so", LBK_EABI,
      "{dir}/small.so: expected an lbk_plugin of at least 56 bytes, found 16" },
    { "no_symbol.so", LBK_EABI,
      "{dir}/no_symbol.so: expected the symbol lbk_plugin, found none: not a plugin" },
    { "bad_name.so", LBK_EABI,
      "{dir}/bad_name.so: expected a plugin named [a-z][a-z0-9_]* with a setup, found 'Bad-Name'" },
    { "bad_method.so", LBK_EINVAL,
      "{dir}/bad_method.so: expected a method named [a-z][a-z0-9_]*, found 'no spaces'" },
    { "bad_loss.so", LBK_EINVAL,
      "{dir}/bad_loss.so: expected a loss named bad_loss.<name>, found 'other.loss'" },
    { "short_desc.so", LBK_EABI,
      "{dir}/short_desc.so: expected a method descriptor of at least 16 bytes, found 8" },
    { "older_desc.so", LBK_EINVAL, "{dir}/older_desc.so: method 'older_desc' lacks schedule" },
    { "fails.so", LBK_EIO, "{dir}/fails.so: its setup failed (i/o error) and did not say why" },
    { "says_why.so", LBK_EDEVICE, "no such luck" },
    { "late.so", LBK_EINVAL,
      "{dir}/late.so: expected a new method, found 'late' a second time in the same file" },
    { "twin.so", LBK_EINVAL,
      "{dir}/twin.so: expected a new method, found 'good', which {dir}/good.so has registered" },
    { "text.so", LBK_EFORMAT,
      "{dir}/text.so: expected an ELF shared object, found something else" },
    { "cut.so", LBK_EFORMAT,
      "{dir}/cut.so: expected an ELF shared object, found one that is cut short or damaged" },
    { "missing.so", LBK_ENOENT,
      "{dir}/missing.so: cannot read the plugin: No such file or directory" },
    { "mark.so", LBK_EABI, NULL },
};

static void write_file(const char *name, const void *data, size_t n)
{
    FILE *f = fopen(path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void test_hostile(void **state)
{
    unsigned char head[1500];
    FILE *f = fopen(path("good.so"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(head, 1, sizeof head, f), sizeof head);
    fclose(f);
    write_file("cut.so", head, sizeof head);
    write_file("text.so", "#!/bin/sh\n", 10);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        const lbk_status st = lbk_plugin_load(unit_ctx(state), path(hostile[i].file));
        if (st != hostile[i].st)
            fail_msg("%s: expected %s, found %s", hostile[i].file, lbk_status_name(hostile[i].st),
                     lbk_status_name(st));
        if (hostile[i].message)
            assert_error_in_dir(state, hostile[i].message);
        ((struct unit *) *state)->errors = 0;
    }
    unlink(path("cut.so"));
    unlink(path("text.so"));
}

/* What a refused module registered before it failed is not there. */
static void test_all_or_nothing(void **state)
{
    static const char *const gone[] = { "late",     "fails", "says_why",
                                        "bad_loss", "twin",  "older_desc" };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_null(lbk_registry_find(unit_ctx(state), LBK_METHODS, gone[i]));
    assert_null(lbk_registry_find(unit_ctx(state), LBK_LOSSES, "twin.loss"));
}

static void test_names(void **state)
{
    lbk_ctx *ctx = unit_ctx(state);
    assert_int_equal(lbk_plugin_load(ctx, "no such"), LBK_EINVAL);
    assert_unit_error(
        state, "plugin: expected a name of [a-z][a-z0-9_]* or a path with a slash, got 'no such'");
    assert_int_equal(lbk_plugin_load(ctx, "nowhere_at_all"), LBK_ENOENT);
    ((struct unit *) *state)->errors = 0;
}

/* A context that searches a folder with a good module, one of another ABI, and a text file. */
static void test_search(void **state)
{
    char dir[] = "/tmp/limbeck-plugins-XXXXXX", text[1024], good[1200];
    const char *const files[] = { "good.so", "abi_major.so", "no_symbol.so" };
    struct unit u = { NULL, 0 };
    const void *found = NULL;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 3; i++) {
        snprintf(good, sizeof good, "%s/%s", dir, files[i]);
        assert_int_equal(symlink(path(files[i]), good), 0);
    }
    snprintf(text, sizeof text, "::/nowhere:%s", dir);
    const struct lbk_ctx_params p = {
        .size = sizeof p, .log = unit_log, .log_ud = &u, .plugin_path = text
    };
    assert_int_equal(lbk_ctx_create(&p, &u.ctx), LBK_OK);
    assert_int_equal(lbk__registry_need(u.ctx, LBK_METHODS, "good", &found), LBK_OK);
    assert_non_null(found);
    assert_int_equal(lbk__registry_need(u.ctx, LBK_LOSSES, "good.loss", &found), LBK_OK);
    assert_int_equal(u.errors, 0);
    assert_int_equal(lbk__registry_need(u.ctx, LBK_METHODS, "goood", &found), LBK_ENOENT);
    lbk_last_error(u.ctx, text, sizeof text);
    assert_string_equal(text, "method 'goood' is unknown; did you mean 'good'?");
    assert_int_equal(u.errors, 1);
    assert_int_equal(lbk_plugin_load_all(u.ctx), LBK_OK);
    assert_int_equal(u.errors, 1);
    assert_int_equal(lbk__registry_need(u.ctx, LBK_METHODS, "abi_major", &found), LBK_EABI);
    assert_int_equal(u.errors, 2);
    lbk_ctx_destroy(&u.ctx);
    for (int i = 0; i < 3; i++) {
        snprintf(good, sizeof good, "%s/%s", dir, files[i]);
        unlink(good);
    }
    rmdir(dir);
}

/* Whatever a file says of itself, reading it stays inside of it. */
static void test_damaged(void **state)
{
    enum { AT_MOST = 1 << 20 };
    unsigned char *good = malloc(AT_MOST), head[12];
    uint64_t draw = 1;
    FILE *f = fopen(path("good.so"), "rb");
    assert_non_null(good);
    assert_non_null(f);
    const size_t n = fread(good, 1, AT_MOST, f);
    fclose(f);
    assert_int_equal(lbk__elf_read(good, n, "lbk_plugin", head, sizeof head), ELF_FOUND);
    assert_memory_equal(head, &(uint32_t){ LBK_ABI }, sizeof(uint32_t));
    assert_int_equal(lbk__elf_read(good, n, "lbk_plug", head, sizeof head), ELF_NO_SYMBOL);
    for (int i = 0; i < 20000; i++) {
        const size_t size = i % 4 ? n : (size_t) (draw >> 33) % n;
        unsigned char *cut = malloc(size + 1);
        memcpy(cut, good, size);
        for (int k = 0; k < 8 && size; k++) {
            draw = draw * 6364136223846793005u + 1442695040888963407u;
            const size_t at = (size_t) (draw >> 40) % (k < 4 && size > 64 ? 64 : size);
            cut[at] = (unsigned char) (draw >> 32);
        }
        lbk__elf_read(cut, size, "lbk_plugin", head, sizeof head);
        free(cut);
    }
    free(good);
}

static void *load_and_look(void *ctx)
{
    const void *found = NULL;
    for (int i = 0; i < 50; i++) {
        lbk_plugin_load(ctx, path("good.so"));
        found = lbk_registry_find(ctx, LBK_METHODS, "good");
        for (const void *at = NULL; (at = lbk_registry_next(ctx, LBK_OPS, at));)
            ;
        lbk_plugin_load_all(ctx);
    }
    return (void *) found;
}

static void test_threads(void **state)
{
    const struct lbk_ctx_params p = { .size = sizeof p, .plugin_path = "" };
    pthread_t thread[4];
    void *found[4];
    lbk_ctx *ctx = NULL;
    assert_int_equal(lbk_ctx_create(&p, &ctx), LBK_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, load_and_look, ctx), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], &found[i]);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(found[i], lbk_registry_find(ctx, LBK_METHODS, "good"));
    assert_non_null(found[0]);
    lbk_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_all_or_nothing), cmocka_unit_test(test_names),
        cmocka_unit_test(test_search),         cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
