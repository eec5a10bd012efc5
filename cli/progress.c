/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

struct progress {
    struct cli *c;
    bool terminal;
    double last, begun; /* seconds into the run: of the last line, and of the stage's first step */
    int64_t first;
    char stage[64];
};

struct progress *cli_progress_create(struct cli *c)
{
    struct progress *g = cli_alloc(c, sizeof *g);
    g->c = c;
    g->terminal = isatty(STDERR_FILENO);
    g->last = -INFINITY;
    return g;
}

static void duration(char *buf, size_t size, double s)
{
    const long t = lround(s);
    if (t >= 3600)
        snprintf(buf, size, "%ldh%02ldm", t / 3600, t / 60 % 60);
    else
        snprintf(buf, size, "%ldm%02lds", t / 60, t % 60);
}

static void line(struct progress *g, const struct lbk_progress *p, char *buf, size_t size)
{
    char left[32] = "?";
    const int64_t done = p->step - g->first;
    if (done > 0 && p->steps > 0)
        duration(left, sizeof left,
                 (p->seconds - g->begun) / (double) done * (double) (p->steps - p->step));
    int n = snprintf(buf, size, "%s %lld/%lld", p->stage ? p->stage : "", (long long) p->step,
                     (long long) p->steps);
    for (int i = 0; i < p->n && n >= 0 && (size_t) n < size; i++) {
        if (isfinite(p->values[i]))
            n += snprintf(buf + n, size - (size_t) n, "  %s %.4g", p->labels[i], p->values[i]);
    }
    if (n >= 0 && (size_t) n < size && p->lr > 0)
        n += snprintf(buf + n, size - (size_t) n, "  lr %.3g", p->lr);
    if (n >= 0 && (size_t) n < size)
        snprintf(buf + n, size - (size_t) n, "  left %s", left);
}

static void show(struct progress *g, const char *text)
{
    if (!g->terminal) {
        fprintf(stderr, "%s\n", text);
        return;
    }
    fprintf(stderr, "\r%s%.200s\033[K", g->c->colour ? "\033[0m" : "", text);
    fflush(stderr);
    g->c->progress_open = true;
}

bool cli_progress(void *ud, const struct lbk_progress *p)
{
    struct progress *g = ud;
    const double every = g->terminal ? 0.2 : 5;
    const char *stage = p->stage ? p->stage : "";
    if (strncmp(stage, g->stage, sizeof g->stage - 1)) {
        snprintf(g->stage, sizeof g->stage, "%s", stage);
        g->begun = p->seconds;
        g->first = p->step;
        cli_progress_end(g);
    }
    if (g->c->verbose >= 0 && (p->seconds - g->last >= every || p->step == p->steps)) {
        char text[512];
        line(g, p, text, sizeof text);
        show(g, text);
        g->last = p->seconds;
    }
    return cli_signal() == 0;
}

void cli_progress_end(struct progress *g)
{
    if (g->c->progress_open)
        fputc('\n', stderr);
    g->c->progress_open = false;
}
