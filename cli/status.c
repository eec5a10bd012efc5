/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

/* The one table of exit codes; `limbeck help exit-codes` prints it. */
static const struct { int code; const char *meaning; lbk_status from[2];
} codes[] = {
    { 0, "done", { LBK_OK } },
    { EXIT_FAILED, "failed while running, for a reason not named below", { LBK_OK } },
    { EXIT_USAGE,
      "bad usage or configuration: unknown or missing name, value out of range, no such file",
      { LBK_EINVAL, LBK_ENOENT } },
    { EXIT_DAMAGED, "an input file is damaged or not what it claims to be", { LBK_EFORMAT } },
    { EXIT_IO, "reading or writing failed: disk full, no permission", { LBK_EIO } },
    { EXIT_DEVICE,
      "no usable device, or it cannot do what was asked; problems found by doctor",
      { LBK_EDEVICE, LBK_EUNSUPPORTED } },
    { EXIT_MEMORY, "out of memory", { LBK_ENOMEM } },
    { EXIT_DIVERGED, "training diverged: a loss is NaN or infinite", { LBK_EDIVERGED } },
    { EXIT_PLUGIN, "a plugin failed, or was built for another ABI", { LBK_EABI } },
    { 128 + SIGINT, "stopped by SIGINT, after saving", { LBK_ECANCELLED } },
    { 128 + SIGTERM, "stopped by SIGTERM, after saving", { LBK_ECANCELLED } },
};
enum { N_CODES = sizeof codes / sizeof *codes };

static volatile sig_atomic_t signal_seen;

int cli_exit_code(lbk_status st)
{
    if (st == LBK_OK)
        return 0;
    if (st == LBK_ECANCELLED && signal_seen)
        return 128 + signal_seen;
    for (int i = 0; i < N_CODES; i++) {
        if (codes[i].from[0] == st || codes[i].from[1] == st)
            return codes[i].code;
    }
    return EXIT_FAILED;
}

void cli_exit_codes(void (*put)(void *ud, int code, const char *meaning), void *ud)
{
    for (int i = 0; i < N_CODES; i++)
        put(ud, codes[i].code, codes[i].meaning);
}

void cli_say(struct cli *c, const char *prefix, const char *msg)
{
    if (c->quiet)
        return;
    if (c->progress_open)
        fputc('\n', stderr);
    c->progress_open = false;
    fprintf(stderr, "limbeck: %s%s\n", prefix, msg);
}

int cli_fail(struct cli *c, int code, const char *fmt, ...)
{
    va_list v;
    va_start(v, fmt);
    vsnprintf(c->error, sizeof c->error, fmt, v);
    va_end(v);
    cli_say(c, "", c->error);
    return c->failed_code = code;
}

static const struct setting *find(const struct cli *c, const char *key, size_t n)
{
    for (int i = 0; i < c->n_settings; i++)
        if (!strncmp(c->settings[i].key, key, n) && !c->settings[i].key[n])
            return &c->settings[i];
    return NULL;
}

/* "data.val" is "val" as well; "data.images" may be a part of what "data" was set to. */
static const struct setting *find_whole(const struct cli *c, const char *key, size_t n)
{
    const struct setting *s = find(c, key, n);
    if (!s && n > 5 && !strncmp(key, "data.", 5))
        s = find(c, key + 5, n - 5);
    while (!s && n) {
        do
            n--;
        while (n && key[n] != '.');
        s = n ? find(c, key, n) : NULL;
    }
    return s;
}

static bool is_run_option(const char *key, size_t n)
{
    for (const struct lbk_opt *o = lbk_train_options(); o->type != LBK_OPT_END; o++)
        if (!strncmp(o->name, key, n) && !o->name[n])
            return true;
    return false;
}

/* Where the setting was written that a message begins with; NULL when it speaks of none. A message
 * may name several, "method: kd.weight: expected ...": the last one counts. Of one that is not
 * there it is the recipe that lacks it. */
static const char *origin(const struct cli *c, const char *msg)
{
    const struct setting *s = NULL;
    const char *colon, *missing = NULL;
    while ((colon = strstr(msg, ": ")) && cli_key_valid(msg, (size_t) (colon - msg))) {
        const struct setting *now = find_whole(c, msg, (size_t) (colon - msg));
        s = now ? now : s;
        if (c->n_recipes == 1 && is_run_option(msg, (size_t) (colon - msg)))
            missing = c->recipes[0];
        msg = colon + 2;
    }
    if (!s && c->about)
        s = find(c, c->about, strlen(c->about));
    return s ? s->from : missing;
}

void cli_log(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct cli *c = ud;
    if (lvl != LBK_LOG_ERROR) {
        cli_say(c, lvl == LBK_LOG_WARN ? "warning: " : "", msg);
        return;
    }
    const char *from = origin(c, msg);
    snprintf(c->error, sizeof c->error, "%s%s%s", from ? from : "", from ? ": " : "", msg);
    cli_say(c, "", c->error);
}

static void on_signal(int sig)
{
    static const char text[] = "\nlimbeck: stopping after this step; once more to quit at once\n";
    if (signal_seen)
        _exit(128 + sig);
    signal_seen = sig;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return;
}

void cli_signals_catch(void)
{
    struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

int cli_signal(void)
{
    return signal_seen;
}
