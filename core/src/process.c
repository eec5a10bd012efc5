/* SPDX-License-Identifier: MIT */
/* What the system knows of this process. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

uint64_t lbk__resident_bytes(void)
{
    unsigned long long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f) && sscanf(line, "VmHWM: %llu kB", &kib) != 1)
        continue;
    if (f)
        fclose(f);
    return (uint64_t) kib << 10;
}

/* Ticks from the start of the machine: field 22; the name before may hold anything. */
static bool begun_at(unsigned long long *ticks)
{
    char line[1024];
    FILE *f = fopen("/proc/self/stat", "r");
    const char *at = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    if (f)
        fclose(f);
    for (int i = 0; at && i < 20; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at && sscanf(at, "%llu", ticks) == 1;
}

double lbk__process_seconds(void)
{
#ifdef CLOCK_BOOTTIME
    unsigned long long ticks;
    struct timespec t;
    const long second = sysconf(_SC_CLK_TCK);
    if (second > 0 && begun_at(&ticks) && !clock_gettime(CLOCK_BOOTTIME, &t))
        return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec - (double) ticks / (double) second;
#endif
    return 0;
}
