/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <limbeck/ctx.h>
#include "file.h"
#include "files.h"

enum { NAMES_MAX = 50000000, LIST_MAX = 1 << 30 };

static int by_stem(const void *a, const void *b)
{
    return strcmp(((const struct file_name *) a)->stem, ((const struct file_name *) b)->stem);
}

size_t lbk__files_stem(const char *name)
{
    const char *dot = strrchr(name, '.');
    const bool image =
        dot && (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
    return image ? (size_t) (dot - name) : 0;
}

/* A list that grows by malloc and ends in the arena. */
struct list {
    lbk_ctx *ctx;
    struct arena *arena;
    const char *of;
    struct file_name *at;
    int64_t n, cap;
};

static lbk_status no_memory(const struct list *l)
{
    return lbk_fail(l->ctx, LBK_ENOMEM, "%s: out of memory", l->of);
}

static lbk_status append(struct list *l, const char *name, size_t n, size_t stem)
{
    if (l->n >= NAMES_MAX)
        return lbk_fail(l->ctx, LBK_EFORMAT, "%s: expected at most %d names, found more", l->of,
                        NAMES_MAX);
    if (!lbk__grow(&l->at, l->n, &l->cap, sizeof *l->at))
        return no_memory(l);
    struct file_name *f = &l->at[l->n];
    f->name = lbk__arena_str(l->arena, "%.*s", (int) n, name);
    f->stem = lbk__arena_str(l->arena, "%.*s", (int) stem, name);
    l->n += f->name && f->stem;
    return f->name && f->stem ? LBK_OK : no_memory(l);
}

static lbk_status finish(struct list *l, struct files *out, lbk_status st)
{
    *out = (struct files){ NULL, l->n };
    if (!st && l->n) {
        out->at = lbk__arena_copy(l->arena, l->at, (size_t) l->n * sizeof *l->at);
        if (!out->at)
            st = no_memory(l);
    }
    free(l->at);
    return st;
}

static bool is_folder(const char *folder, const struct dirent *e)
{
    struct stat s;
    char path[4096];
    if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
        return e->d_type == DT_DIR;
    const int n = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    return n > 0 && n < (int) sizeof path && !stat(path, &s) && S_ISDIR(s.st_mode);
}

static lbk_status refuse_twins(const struct list *l)
{
    for (int64_t i = 1; i < l->n; i++)
        if (!strcmp(l->at[i - 1].stem, l->at[i].stem))
            return lbk_fail(l->ctx, LBK_EFORMAT,
                            "%s: expected one image named '%s', found %s and %s", l->of,
                            l->at[i].stem, l->at[i - 1].name, l->at[i].name);
    return LBK_OK;
}

lbk_status lbk__files_list(lbk_ctx *ctx, struct arena *a, const char *folder, enum files_kind kind,
                           struct files *out)
{
    struct list l = { .ctx = ctx, .arena = a, .of = folder };
    lbk_status st = LBK_OK;
    *out = (struct files){ 0 };
    DIR *d = opendir(folder);
    if (!d)
        return lbk_fail(ctx, errno == ENOENT || errno == ENOTDIR ? LBK_ENOENT : LBK_EIO,
                        "%s: cannot open the folder: %s", folder, strerror(errno));
    for (struct dirent *e = readdir(d); e && !st; e = readdir(d)) {
        const size_t n = strlen(e->d_name),
                     stem = kind == FILES_FOLDERS ? n : lbk__files_stem(e->d_name);
        if (e->d_name[0] != '.' && stem && is_folder(folder, e) == (kind == FILES_FOLDERS))
            st = append(&l, e->d_name, n, stem);
    }
    closedir(d);
    if (l.n)
        qsort(l.at, (size_t) l.n, sizeof *l.at, by_stem);
    if (!st)
        st = refuse_twins(&l);
    return finish(&l, out, st);
}

lbk_status lbk__files_lines(lbk_ctx *ctx, struct arena *a, const char *path, struct files *out)
{
    struct list l = { .ctx = ctx, .arena = a, .of = path };
    unsigned char *bytes;
    size_t size;
    *out = (struct files){ 0 };
    lbk_status st = lbk__file_read(ctx, path, LIST_MAX, &bytes, &size);
    if (st)
        return st;
    for (char *p = (char *) bytes, *next; *p && !st; p = next) {
        next = p + strcspn(p, "\n");
        next += *next == '\n';
        p += strspn(p, " \t");
        const size_t n = strcspn(p, " \t\r\n");
        if (n && *p != '#') {
            char *word = strndup(p, n);
            const size_t stem = word ? lbk__files_stem(word) : 0;
            st = word ? append(&l, word, n, stem ? stem : n) : no_memory(&l);
            free(word);
        }
    }
    free(bytes);
    return finish(&l, out, st);
}

const struct file_name *lbk__files_find(const struct files *f, const char *stem)
{
    const struct file_name key = { stem, stem };
    return f->n ? bsearch(&key, f->at, (size_t) f->n, sizeof key, by_stem) : NULL;
}
