/* SPDX-License-Identifier: MIT */
/* A folder that is gone in the end, and a context that tells what it was warned of. */
#ifndef LBK_TESTS_HEARD_H
#define LBK_TESTS_HEARD_H
#include "unit.h"
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/plugin.h>
#include "file.h"
#include "rows.h"
#include "testing.h"

static char folder[] = "/tmp/limbeck-unit-XXXXXX";
static struct unit unit;
static int warnings;
static char warning[1024];

static inline void listen(void *ud, enum lbk_log_level lvl, const char *msg)
{
    unit_log(ud, lvl, msg);
    if (lvl == LBK_LOG_WARN)
        warnings++, snprintf(warning, sizeof warning, "%s", msg);
}

static inline int open_folder(void **state, const struct lbk_plugin *const builtins[])
{
    const struct lbk_ctx_params p = {
        .size = sizeof p,
        .log = listen,
        .log_ud = &unit,
        .log_level = LBK_LOG_INFO,
        .seed = 1,
        .threads = 2,
        .builtins = builtins,
    };
    *state = &unit;
    return mkdtemp(folder) ? lbk_ctx_create(&p, &unit.ctx) : -1;
}

/* With all modules, wherever they are. */
static inline int open_folder_all(void **state)
{
#ifdef LBK_STATIC_PLUGIN
    return open_folder(state, lbk_builtin_plugins);
#else
    return open_folder(state, NULL);
#endif
}

static inline void clear(const char *path)
{
    char inside[4096];
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        const int n = snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
        if (n < (int) sizeof inside && strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && unlink(inside))
            clear(inside);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static inline int close_folder(void **state)
{
    lbk_ctx_destroy(&unit.ctx);
    clear(folder);
    return 0;
}

static inline const char *in_folder(const char *name)
{
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

#endif
