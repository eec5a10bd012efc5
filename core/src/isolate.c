/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "ctx.h"
#include "isolate.h"

/* What the child says of itself when fn has returned; anything else, or less, and it did not. */
struct report {
    uint32_t magic;
    int32_t status;
    char text[1016];
};
enum { MAGIC = 0x6c626b31 };

static void limit(int what, rlim_t most)
{
    struct rlimit l;
    if (getrlimit(what, &l))
        return;
    l.rlim_cur = l.rlim_max != RLIM_INFINITY && l.rlim_max < most ? l.rlim_max : most;
    setrlimit(what, &l);
}

static void confine(double seconds)
{
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, (rlim_t) seconds + 2);
    if (!ISOLATE_SANITIZED)
        limit(RLIMIT_AS, (rlim_t) 4 << 30);
}

static void no_log(void *ud, enum lbk_log_level lvl, const char *msg) {}

/* Signals are those of a fresh program: a handler of the host must not catch the child's crash. */
static void reset_signals(void)
{
    static const int all[] = { SIGSEGV, SIGBUS, SIGILL,  SIGFPE, SIGABRT,
                               SIGTERM, SIGINT, SIGXCPU, SIGPIPE };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        signal(all[i], SIG_DFL);
}

static void child(const lbk_ctx *parent, lbk_status (*fn)(lbk_ctx *, void *), void *arg,
                  double seconds, int to)
{
    struct lbk_ctx_params p = parent->params;
    struct report r = { MAGIC, LBK_OK, "" };
    lbk_ctx *ctx = NULL;
    reset_signals();
    confine(seconds);
    p.log = no_log;
    r.status = lbk_ctx_create(&p, &ctx);
    if (!r.status)
        r.status = fn(ctx, arg);
    if (ctx && r.status)
        lbk_last_error(ctx, r.text, sizeof r.text);
    while (write(to, &r, sizeof r) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Reads to the end of the pipe or of the time; false: of the time. */
static bool collect(int from, double seconds, struct report *r)
{
    const double end = now() + seconds;
    size_t got = 0;
    char rest[64];
    for (;;) {
        struct pollfd p = { from, POLLIN, 0 };
        const double left = end - now();
        if (left <= 0)
            return false;
        const int ready = poll(&p, 1, (int) (1000 * left) + 1);
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready <= 0)
            continue;
        const bool room = got < sizeof *r;
        const ssize_t n =
            read(from, room ? (char *) r + got : rest, room ? sizeof *r - got : sizeof rest);
        if (n == 0)
            return true;
        got += room && n > 0 ? (size_t) n : 0;
    }
}

static void judge(struct isolated *out, const struct report *r, int status, bool in_time,
                  double seconds)
{
    out->status = LBK_EABI;
    if (!in_time || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
        out->end = ISOLATE_HUNG;
        snprintf(out->text, sizeof out->text, "took longer than %g s", seconds);
    } else if (WIFSIGNALED(status)) {
        out->end = ISOLATE_CRASHED;
        snprintf(out->text, sizeof out->text, "crashed: %s", strsignal(WTERMSIG(status)));
    } else if (r->magic != MAGIC || WEXITSTATUS(status)) {
        out->end = ISOLATE_EXITED;
        snprintf(out->text, sizeof out->text, "exited with %d", WEXITSTATUS(status));
    } else {
        out->end = r->status ? ISOLATE_FAILED : ISOLATE_DONE;
        out->status = (lbk_status) r->status;
        snprintf(out->text, sizeof out->text, "%.*s", (int) sizeof r->text - 1, r->text);
    }
}

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/* The child's end, within the time; else it is killed. */
static bool ended_well(pid_t pid, double seconds)
{
    const double end = now() + seconds;
    int status = 0;
    pid_t done;
    while ((done = waitpid(pid, &status, WNOHANG)) == 0 || (done < 0 && errno == EINTR)) {
        const struct timespec pause = { 0, 1000000 };
        if (now() > end) {
            kill(pid, SIGKILL);
            wait_for(pid);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return done == pid && !WIFSIGNALED(status);
}

bool lbk_survives(void (*fn)(void *ud), void *ud, double seconds)
{
    const pid_t pid = fork();
    if (pid < 0)
        return true;
    if (pid > 0)
        return ended_well(pid, seconds);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    reset_signals();
    limit(RLIMIT_CORE, 0);
    fn(ud);
    _exit(0);
}

lbk_status lbk__isolated(lbk_ctx *ctx, lbk_status (*fn)(lbk_ctx *child, void *arg), void *arg,
                         double seconds, struct isolated *out)
{
    struct report r = { 0 };
    int fd[2];
    memset(out, 0, sizeof *out);
    if (pipe2(fd, O_CLOEXEC))
        return lbk_fail(ctx, LBK_EIO, "child process: no pipe: %s", strerror(errno));
    const pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        setpgid(0, 0);
        child(ctx, fn, arg, seconds, fd[1]);
    }
    const int err = errno;
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return lbk_fail(ctx, LBK_EIO, "child process: cannot fork: %s", strerror(err));
    }
    setpgid(pid, pid); /* both sides do, so that neither has to wait for the other */
    const bool in_time = collect(fd[0], seconds, &r);
    if (!in_time)
        kill(-pid, SIGKILL);
    const int status = wait_for(pid);
    kill(-pid, SIGKILL); /* what it may have started in turn */
    close(fd[0]);
    judge(out, &r, status, in_time, seconds);
    return LBK_OK;
}
