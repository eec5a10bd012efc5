/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

static void out_of_memory(void)
{
    static const char text[] = "limbeck: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(EXIT_IO);
    _exit(EXIT_MEMORY);
}

void *cli_own(struct cli *c, void *p)
{
    if (!p)
        out_of_memory();
    if ((c->n_owned & (c->n_owned - 1)) == 0) {
        const size_t room = c->n_owned ? 2 * (size_t) c->n_owned : 1;
        void **more = realloc(c->owned, room * sizeof *more);
        if (!more)
            out_of_memory();
        c->owned = more;
    }
    return c->owned[c->n_owned++] = p;
}

void *cli_alloc(struct cli *c, size_t bytes)
{
    return cli_own(c, calloc(1, bytes ? bytes : 1));
}

char *cli_text(struct cli *c, const char *fmt, ...)
{
    char *s = NULL;
    va_list v;
    va_start(v, fmt);
    const int n = vasprintf(&s, fmt, v);
    va_end(v);
    return cli_own(c, n < 0 ? NULL : s);
}

void cli_free(struct cli *c)
{
    for (int i = 0; i < c->n_owned; i++)
        free(c->owned[i]);
    free(c->owned);
    c->owned = NULL;
    c->n_owned = 0;
}

static int min3(int a, int b, int c)
{
    const int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edit distance of two words of at most 63 letters; more when they are longer. */
static int distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    int row[MAX];
    const size_t n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX)
        return MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int) j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int) i;
        for (size_t j = 1; j <= m; j++) {
            const int above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[m];
}

const char *cli_nearest(const char *name, const char *const *names, int n)
{
    const char *best = NULL;
    int least = 3;
    for (int i = 0; i < n; i++) {
        const int d = distance(name, names[i]);
        if (d < least && d < (int) strlen(name)) {
            least = d;
            best = names[i];
        }
    }
    return best;
}
