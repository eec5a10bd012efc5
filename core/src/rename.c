/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "rename.h"

enum { PARTS = 64 };

void lbk__rename_parts(char *name, char from, char to)
{
    for (; *name; name++)
        if (*name == from)
            *name = to;
}

static int split(char *name, char *part[PARTS])
{
    int n = 0;
    for (char *p = name; p && n < PARTS; n++) {
        part[n] = p;
        p = strchr(p, '/');
        if (p)
            *p++ = 0;
    }
    return n;
}

static bool run_at(char *const part[], char *const theirs[], int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(theirs[i], "?") && strcmp(theirs[i], part[i]))
            return false;
    return true;
}

static void append(char *out, const char *part)
{
    const size_t n = strlen(out);
    snprintf(out + n, RENAME_SIZE - n, "%s%s", n ? "/" : "", part);
}

/* One rule, at the first run of parts it fits. name: RENAME_SIZE bytes. */
static void rename_one(char *name, const struct lbk_rename *r)
{
    char from[RENAME_SIZE], theirs[RENAME_SIZE], ours[RENAME_SIZE];
    char *part[PARTS], *their[PARTS], *our[PARTS];
    snprintf(from, sizeof from, "%s", name);
    snprintf(theirs, sizeof theirs, "%s", r->theirs);
    snprintf(ours, sizeof ours, "%s", r->ours);
    lbk__rename_parts(theirs, '.', '/');
    lbk__rename_parts(ours, '.', '/');
    const int n = split(from, part), k = split(theirs, their), m = split(ours, our);
    int at = 0, next = 0;
    while (at + k <= n && !run_at(part + at, their, k))
        at++;
    if (at + k > n)
        return;
    name[0] = 0;
    for (int i = 0; i < at; i++)
        append(name, part[i]);
    for (int i = 0; i < m; i++) {
        while (!strcmp(our[i], "?") && next < k && strcmp(their[next], "?"))
            next++;
        append(name, !strcmp(our[i], "?") && next < k ? part[at + next++] : our[i]);
    }
    for (int i = at + k; i < n; i++)
        append(name, part[i]);
}

void lbk__rename_ours(const char *theirs, const char *prefix, const struct lbk_rename *renames,
                      char out[RENAME_SIZE])
{
    char name[RENAME_SIZE];
    snprintf(name, sizeof name, "%s", theirs);
    lbk__rename_parts(name, '.', '/');
    for (; renames && renames->theirs; renames++)
        rename_one(name, renames);
    snprintf(out, RENAME_SIZE, "%s%.*s", prefix, ST_MAX_NAME, name);
}

bool lbk__rename_theirs(const char *ours, const struct lbk_rename *renames, char out[RENAME_SIZE])
{
    char back[RENAME_SIZE];
    int n = 0;
    snprintf(out, RENAME_SIZE, "%s", ours);
    while (renames && renames[n].theirs)
        n++;
    while (n-- > 0)
        rename_one(out, &(struct lbk_rename){ renames[n].ours, renames[n].theirs });
    lbk__rename_ours(out, "", renames, back);
    lbk__rename_parts(out, '/', '.');
    return !strcmp(back, ours);
}

bool lbk__rename_is_count(const char *theirs)
{
    const char *last = strrchr(theirs, '.');
    return !strcmp(last ? last + 1 : theirs, "num_batches_tracked");
}
