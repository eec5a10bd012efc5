/* SPDX-License-Identifier: MIT */
/* A step of the trainer that has run before, from its batch to its values, neither allocates nor
 * calls the system. Each network trains in a process of its own: a few steps, then some with
 * allocations counted and a filter on system calls that ends it. Where a thread waits for others,
 * the pool may sleep and yield, and that is all; one thread alone does not. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include "engine.h"
#include "loose.h"
#include "run.h"
#include "setting.h"
#include "testing.h"

enum { BATCH = 4, WARM = 3, STEPS = 3, SKIPPED = 77, ALLOCATES = 3, BROKEN = 4 };

/* ---- allocations: this program's names win over the C library's, in modules too ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

static atomic_int counted, counting;

static void count(void)
{
    if (atomic_load(&counting))
        atomic_fetch_add(&counted, 1);
}

void *malloc(size_t n)
{
    count();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t each)
{
    count();
    return __libc_calloc(n, each);
}

void *realloc(void *p, size_t n)
{
    count();
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t to, size_t n)
{
    count();
    return __libc_memalign(to, n);
}

/* ---- system calls ---- */

#define ALLOW(nr)                                                                                  \
 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static bool sleeps(const char *thread)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", thread);
    FILE *f = fopen(path, "r");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
    }
    const char *name = strrchr(text, ')');
    return name && name[1] == ' ' && name[2] == 'S';
}

static bool others_sleep(void)
{
    char own[24];
    bool all = true;
    snprintf(own, sizeof own, "%ld", (long) syscall(__NR_gettid));
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && all && (e = readdir(d));)
        all = e->d_name[0] == '.' || !strcmp(e->d_name, own) || sleeps(e->d_name);
    if (d)
        closedir(d);
    return d && all;
}

/* On a busy machine the warm steps may be over before a thread has begun, and beginning calls the
 * system. False: some thread was awake for ten seconds. */
static bool settle(void)
{
    for (int ms = 0; ms < 10000; ms++, usleep(1000))
        if (others_sleep())
            return true;
    return false;
}

/* For all threads of this process. The clock is one where the kernel has it read by a call. */
static int forbid(bool alone)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(__NR_exit_group),
        ALLOW(__NR_clock_gettime),
        ALLOW(alone ? __NR_exit_group : __NR_futex),
        ALLOW(alone ? __NR_exit_group : __NR_sched_yield),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog all = { sizeof filter / sizeof *filter, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return (int) syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &all);
}

/* ---- a step ---- */

struct trial {
    struct loose l;
    struct run run;
    struct run_cfg cfg;
    struct lbk_train_params params;
    struct engine *engine;
    int64_t index[BATCH], step;
};

/* A batch such as a loader would give. */
static bool fill(struct trial *s)
{
    for (int i = 0; i < s->l.layout.n; i++) {
        struct batch_field *f = &s->l.field[i];
        const int64_t n = lbk_shape_count(f->shape);
        float *v = calloc((size_t) n, sizeof *v);
        for (int64_t k = 0; v && f->dtype == LBK_F32 && k < n; k++)
            v[k] = (float) (k % 19) / 19;
        f->data = v;
        if (!v)
            return false;
    }
    s->l.layout.index = s->index;
    return true;
}

/* The engine as a run would have it. */
static lbk_status open_engine(struct trial *s)
{
    s->run = (struct run){ .ctx = s->l.ctx, .cfg = &s->cfg, .p = &s->params };
    lbk_status st = lbk_device_open(s->l.ctx, s->params.device, &s->run.device);
    if (!st)
        st = lbk_store_create(s->run.device, &s->run.store);
    s->l.o->run = &s->run;
    return st ? st : lbk__engine_create(s->l.o, &s->engine);
}

static void add_terms(struct loose *l, const char *teacher)
{
    lbk_obj_loss(l->o, "task", LBK_CONST(1), lbk_pass_loss(l->pass));
    lbk_pass *t = teacher ? lbk__loose_teacher(l, teacher, 10, 0, NULL) : NULL;
    if (!t)
        return;
    lbk_obj_term(l->o, "teacher", LBK_CONST(1), "kl",
                 LBK_WIRES({ "student", lbk_pass_out(l->pass) }, { "teacher", lbk_pass_out(t) }),
                 "temperature=4");
    /* The number of a sample is an input of its own. */
    lbk_obj_term(l->o, "place", LBK_CONST(0.1), "ce",
                 LBK_WIRES({ "student", lbk_pass_out(l->pass) },
                           { "label", lbk_pass_field(l->pass, "index") }),
                 NULL);
}

static lbk_status make(lbk_ctx *ctx, const char *model, const char *teacher, lbk_shape input,
                       bool alone, struct trial *s)
{
    struct loose *l = &s->l;
    lbk_status st = lbk__loose_open(ctx, model, input, BATCH, 10, LBK_TRAINED, 0, NULL, NULL, l);
    if (st)
        return st;
    add_terms(l, teacher);
    s->cfg.strict = true;
    s->params.device = alone ? "cpu,threads=1" : "cpu,threads=2";
    st = lbk__objective_finish(l->o, "sgd,momentum=0.9,wd=5e-4");
    if (!st)
        st = open_engine(s);
    return st || fill(s) ? st : LBK_ENOMEM;
}

static lbk_status take(struct trial *s)
{
    const struct batch *const b = &s->l.layout;
    const struct step_now now = {
        .step = s->step++, .lr = 0.01, .epoch_steps = 1, .clock_steps = 1
    };
    int64_t unsound;
    const lbk_status st = lbk__engine_run(s->engine, &b, &now);
    return st ? st : lbk__engine_look(s->engine, &unsound);
}

/* In the child; what it needs is left to the system. spoil: does what the test is to notice. */
static int quiet(const char *model, const char *teacher, lbk_shape input, bool alone, int spoil)
{
    struct trial s = { 0 };
    lbk_ctx *ctx = testing_ctx();
    lbk_status st = ctx ? make(ctx, model, teacher, input, alone, &s) : LBK_EINVAL;
    for (int i = 0; !st && i < WARM; i++)
        st = take(&s);
    if (st || !settle())
        return BROKEN;
    if (forbid(alone))
        return SKIPPED;
    atomic_store(&counting, 1);
    for (int i = 0; !st && i < STEPS; i++)
        st = take(&s);
    if (spoil == 1)
        free(calloc(1, 100));
    if (spoil == 2)
        syscall(__NR_getppid);
    atomic_store(&counting, 0);
    return st ? BROKEN : atomic_load(&counted) ? ALLOCATES : 0;
}

static int child(const char *model, const char *teacher, lbk_shape input, bool alone, int spoil)
{
    int status;
    fflush(NULL);
    const pid_t id = fork();
    if (!id)
        _exit(quiet(model, teacher, input, alone, spoil));
    assert_true(id > 0 && waitpid(id, &status, 0) == id);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void check(const char *model, const char *teacher, lbk_shape input)
{
    for (int alone = 0; alone < 2; alone++) {
        const int got = child(model, teacher, input, alone, 0);
        if (got == SKIPPED) {
            fprintf(stderr, "SKIPPED: no filter of system calls is to be had here\n");
            skip();
        }
        if (got)
            fail_msg("%s, %s: %s (%d)", model, alone ? "1 thread" : "2 threads",
                     got == ALLOCATES ? "a step allocates"
                     : got == BROKEN  ? "a step fails"
                                      : "a step calls the system",
                     got);
    }
}

static void convolutions(void **state) { check("resnet20", NULL, LBK_SHAPE(3, 32, 32)); }
static void a_teacher(void **state) { check("resnet8x4", "resnet20", LBK_SHAPE(3, 32, 32)); }
static void depthwise(void **state) { check("mobilenet_v2", NULL, LBK_SHAPE(3, 64, 64)); }
static void upwards(void **state) { check("light_depth", NULL, LBK_SHAPE(3, 64, 96)); }
static void transposed(void **state) { check("autoencoder", NULL, LBK_SHAPE(1, 32, 32)); }
static void dilated(void **state) { check("deeplabv3_resnet18", NULL, LBK_SHAPE(3, 64, 64)); }
static void matrices(void **state) { check("lenet5_bn", NULL, LBK_SHAPE(1, 32, 32)); }

/* The test sees what it is for. */
static void a_step_that_is_not(void **state)
{
    const int got = child("lenet5_bn", NULL, LBK_SHAPE(1, 32, 32), true, 1);
    if (got == SKIPPED)
        skip();
    assert_int_equal(got, ALLOCATES);
    assert_true(child("lenet5_bn", NULL, LBK_SHAPE(1, 32, 32), true, 2) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions), cmocka_unit_test(a_teacher),
        cmocka_unit_test(depthwise),    cmocka_unit_test(upwards),
        cmocka_unit_test(transposed),   cmocka_unit_test(dilated),
        cmocka_unit_test(matrices),     cmocka_unit_test(a_step_that_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
