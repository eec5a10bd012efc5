/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "folder.h"

enum { STALE_SECONDS = 3600 };

/* The path of the caches of all programs; a relative one is to be ignored, says the specification.
 */
static bool find_base(char path[OCL_PATH_MOST])
{
    const char *xdg = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
    int n = 0;
    if (xdg && xdg[0] == '/')
        n = snprintf(path, OCL_PATH_MOST, "%s", xdg);
    else if (home && home[0] == '/')
        n = snprintf(path, OCL_PATH_MOST, "%s/.cache", home);
    if (n > 0 && n < OCL_PATH_MOST - 160)
        return true;
    path[0] = '\0';
    return false;
}

/* The folders above it: these are not ours. */
static int make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        const int err = mkdir(path, 0700) && errno != EEXIST ? errno : 0;
        if (!slash)
            return err;
        *slash = '/';
        if (err)
            return err;
    }
}

static bool is_ours(const char *path, char why[256])
{
    struct stat s;
    if (stat(path, &s))
        snprintf(why, 256, "%s", strerror(errno));
    else if (!S_ISDIR(s.st_mode))
        snprintf(why, 256, "it is not a folder");
    else if (s.st_uid != geteuid())
        snprintf(why, 256, "it belongs to user %ld, not to %ld", (long) s.st_uid, (long) geteuid());
    else if (s.st_mode & (S_IWGRP | S_IWOTH))
        snprintf(why, 256, "others may write to it (mode %03o)", (unsigned) s.st_mode & 0777);
    else if (access(path, R_OK | W_OK | X_OK))
        snprintf(why, 256, "%s", strerror(errno));
    else
        return true;
    return false;
}

static bool make_own(const char *path, char why[256])
{
    if (!mkdir(path, 0700) || errno == EEXIST)
        return is_ours(path, why);
    snprintf(why, 256, "it cannot be made: %s", strerror(errno));
    return false;
}

bool ocl_folder_open(char path[OCL_PATH_MOST], char why[256])
{
    static const char *const own[] = { "/limbeck", "/opencl" };
    if (!find_base(path)) {
        snprintf(why, 256, "neither XDG_CACHE_HOME nor HOME is an absolute path");
        return false;
    }
    const int err = make_parents(path);
    if (err) {
        snprintf(why, 256, "it cannot be made: %s", strerror(err));
        return false;
    }
    for (int i = 0; i < 2; i++) {
        strcat(path, own[i]);
        if (!make_own(path, why))
            return false;
    }
    return true;
}

bool ocl_folder_file(const char *folder, const char *key, const char *suffix,
                     char to[OCL_PATH_MOST])
{
    const int n = snprintf(to, OCL_PATH_MOST, "%s/%s%s", folder, key, suffix);
    return n > 0 && n < OCL_PATH_MOST;
}

/* ---- trimming ---- */

struct file {
    char name[160];
    uint64_t bytes;
    struct timespec used;
};
struct files {
    struct file *at;
    size_t n, cap;
};

static bool ends_in(const char *name, const char *suffix)
{
    const size_t n = strlen(name), k = strlen(suffix);
    return n >= k && strcmp(name + n - k, suffix) == 0;
}

static bool add(struct files *f, const char *name, const struct stat *s)
{
    if (f->n == f->cap) {
        const size_t cap = f->cap ? 2 * f->cap : 64;
        struct file *to = realloc(f->at, cap * sizeof *to);
        if (!to)
            return false;
        f->at = to, f->cap = cap;
    }
    struct file *to = &f->at[f->n++];
    snprintf(to->name, sizeof to->name, "%s", name);
    to->bytes = (uint64_t) s->st_size, to->used = s->st_mtim;
    return true;
}

static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const struct file *) a)->used;
    const struct timespec *y = &((const struct file *) b)->used;
    const int by_second = (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec);
    return by_second ? by_second : (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static void look(int folder, const char *name, const char *suffix, struct files *f)
{
    struct stat s;
    if (strlen(name) >= sizeof f->at->name || fstatat(folder, name, &s, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(s.st_mode))
        return;
    if (ends_in(name, ".tmp") && time(NULL) - s.st_mtim.tv_sec > STALE_SECONDS)
        unlinkat(folder, name, 0);
    else if (ends_in(name, suffix))
        add(f, name, &s);
}

void ocl_folder_trim(const char *folder, const char *suffix, uint64_t most)
{
    struct files f = { 0 };
    uint64_t bytes = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir))
        look(dirfd(dir), e->d_name, suffix, &f);
    for (size_t i = 0; i < f.n; i++)
        bytes += f.at[i].bytes;
    if (bytes > most)
        qsort(f.at, f.n, sizeof *f.at, by_use);
    for (size_t i = 0; i < f.n && bytes > most; i++) {
        unlinkat(dirfd(dir), f.at[i].name, 0);
        bytes -= f.at[i].bytes;
    }
    closedir(dir);
    free(f.at);
}
