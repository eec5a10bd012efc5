/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <limbeck/plugin.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "isolate.h"

enum { FINE, FAILS, CRASHES, ABORTS, EXITS, EXITS_0, SPINS, SLEEPS, EATS, FORKS };

static lbk_status act(lbk_ctx *ctx, void *arg)
{
    volatile int64_t turn = 0;
    switch (*(int *) arg) {
    case FAILS: return lbk_fail(ctx, LBK_EDEVICE, "no such luck");
    case CRASHES: raise(SIGSEGV); break;
    case ABORTS: abort();
    case EXITS: _exit(3);
    case EXITS_0: _exit(0);
    case SPINS:
        while (turn >= 0)
            turn = (turn + 1) & 0xffff;
        break;
    case SLEEPS:
        for (;;)
            pause();
        break;
    case EATS:
        return malloc((size_t) 5 << 30) ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "out of memory");
    case FORKS:
        if (!fork())
            for (;;)
                pause();
        break;
    }
    return LBK_OK;
}

static void expect(void **state, int what, enum isolate_end end, lbk_status st, const char *text)
{
    struct isolated r;
    assert_int_equal(lbk__isolated(unit_ctx(state), act, &what, 0.5, &r), LBK_OK);
    if (r.end != end || r.status != st || strcmp(r.text, text))
        fail_msg("%d: expected %d %d '%s', found %d %d '%s'", what, end, st, text, r.end, r.status,
                 r.text);
}

static void test_ends(void **state)
{
    expect(state, FINE, ISOLATE_DONE, LBK_OK, "");
    expect(state, FAILS, ISOLATE_FAILED, LBK_EDEVICE, "no such luck");
    expect(state, CRASHES, ISOLATE_CRASHED, LBK_EABI, "crashed: Segmentation fault");
    expect(state, ABORTS, ISOLATE_CRASHED, LBK_EABI, "crashed: Aborted");
    expect(state, EXITS, ISOLATE_EXITED, LBK_EABI, "exited with 3");
    expect(state, EXITS_0, ISOLATE_EXITED, LBK_EABI, "exited with 0");
    expect(state, SPINS, ISOLATE_HUNG, LBK_EABI, "took longer than 0.5 s");
    expect(state, SLEEPS, ISOLATE_HUNG, LBK_EABI, "took longer than 0.5 s");
    expect(state, FORKS, ISOLATE_HUNG, LBK_EABI, "took longer than 0.5 s");
    assert_int_equal(((struct unit *) *state)->errors, 0);
}

static void test_memory(void **state)
{
    if (ISOLATE_SANITIZED)
        skip();
    expect(state, EATS, ISOLATE_FAILED, LBK_ENOMEM, "out of memory");
}

static lbk_status load(lbk_ctx *ctx, void *arg)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.so", getenv("LIMBECK_TEST_MODULES"), (const char *) arg);
    return lbk_plugin_load(ctx, path);
}

static void test_plugins(void **state)
{
    static const struct {
        const char *name;
        enum isolate_end end;
    } modules[] = {
        { "good", ISOLATE_DONE },    { "fails", ISOLATE_FAILED }, { "crash", ISOLATE_CRASHED },
        { "exits", ISOLATE_EXITED }, { "hangs", ISOLATE_HUNG },   { "mark", ISOLATE_FAILED },
    };
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        struct isolated r;
        assert_int_equal(lbk__isolated(unit_ctx(state), load, (void *) modules[i].name, 0.5, &r),
                         LBK_OK);
        if (r.end != modules[i].end)
            fail_msg("%s: expected %d, found %d '%s'", modules[i].name, modules[i].end, r.end,
                     r.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_ends), cmocka_unit_test(test_memory),
                                        cmocka_unit_test(test_plugins) };
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
