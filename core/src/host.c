/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "host.h"

enum { PATH_ROOM = 4096 };

/* The number after a word at the start of a line, or the first of the file for "". */
static bool read_number(const char *root, const char *file, const char *word, uint64_t *out)
{
    char path[PATH_ROOM], line[256];
    unsigned long long v;
    const size_t n = strlen(word);
    bool found = false;
    if (snprintf(path, sizeof path, "%s/%s", root, file) >= (int) sizeof path)
        return false;
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f))
        found = !strncmp(line, word, n) && sscanf(line + n, "%llu", &v) == 1;
    if (f)
        fclose(f);
    if (found)
        *out = v;
    return found;
}

struct limit {
    const char *most, *used, *stat, *cached;
};

/* A container sees its own group here; without a limit version 2 says "max", which is no number,
 * and version 1 more than any machine has. */
static const struct limit limits[] = {
    { "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat",
      "inactive_file" },
    { "sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes",
      "sys/fs/cgroup/memory/memory.stat", "total_inactive_file" },
};

uint64_t lbk__host_memory(const char *root)
{
    uint64_t left = 0, most, used, cached;
    if (read_number(root, "proc/meminfo", "MemAvailable:", &left))
        left <<= 10;
    for (int i = 0; i < 2; i++) {
        const struct limit *l = &limits[i];
        if (!read_number(root, l->most, "", &most) || !read_number(root, l->used, "", &used))
            continue;
        if (read_number(root, l->stat, l->cached, &cached))
            used -= cached < used ? cached : used;
        const uint64_t rest = most > used ? most - used : 1;
        left = !left || rest < left ? rest : left;
    }
    return left;
}
