/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/ctx.h>
#include "file.h"

static int read_all(int fd, unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        const ssize_t got = read(fd, p + at, n - at);
        if (got == 0)
            return EIO; /* it was cut short meanwhile */
        if (got < 0 && errno != EINTR)
            return errno;
        at += got > 0 ? (size_t) got : 0;
    }
    return 0;
}

static int slurp(int fd, size_t cap, unsigned char **out, size_t *n)
{
    struct stat s;
    if (fstat(fd, &s))
        return errno;
    if (!S_ISREG(s.st_mode))
        return S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    if (s.st_size < 0 || (uint64_t) s.st_size > cap || (uint64_t) s.st_size >= SIZE_MAX)
        return EFBIG;
    *n = (size_t) s.st_size;
    *out = malloc(*n + 1);
    if (!*out)
        return ENOMEM;
    (*out)[*n] = 0;
    const int err = read_all(fd, *out, *n);
    if (err)
        free(*out), *out = NULL;
    return err;
}

int lbk_file_slurp(const char *path, size_t cap, unsigned char **out, size_t *n)
{
    /* O_NONBLOCK: opening a pipe that nobody writes to must not hang. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *out = NULL, *n = 0;
    if (fd < 0)
        return errno;
    const int err = slurp(fd, cap, out, n);
    close(fd);
    return err;
}

lbk_status lbk__file_read(lbk_ctx *ctx, const char *path, size_t cap, unsigned char **out,
                          size_t *n)
{
    const int err = lbk_file_slurp(path, cap, out, n);
    switch (err) {
    case 0: return LBK_OK;
    case EFBIG:
        return lbk_fail(ctx, LBK_EFORMAT, "%s: expected at most %zu bytes, found more", path, cap);
    case EINVAL: return lbk_fail(ctx, LBK_EIO, "%s: expected a regular file", path);
    case ENOMEM: return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    default:
        return lbk_fail(ctx, err == ENOENT ? LBK_ENOENT : LBK_EIO, "%s: %s", path, strerror(err));
    }
}

static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
    const int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int err = fd < 0 ? errno : 0;
    free(folder);
    if (fd < 0)
        return err;
    if (fsync(fd) && errno != EINVAL) /* some file systems cannot sync folders */
        err = errno;
    close(fd);
    return err;
}

static void note(struct out_file *o, int err, const char *doing)
{
    if (err && !o->err)
        o->err = err, o->doing = doing;
}

/* Not mkstemp, whose files are private: the caller's umask decides. */
static int open_temp(struct out_file *o)
{
    for (int turn = 0; turn < 100; turn++) {
        free(o->temp);
        if (asprintf(&o->temp, "%s.%ld-%d.tmp", o->path, (long) getpid(), turn) < 0) {
            o->temp = NULL;
            return ENOMEM;
        }
        o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (o->fd >= 0 || errno != EEXIST)
            break;
    }
    return o->fd < 0 ? errno : 0;
}

static void forget(struct out_file *o)
{
    free(o->path);
    free(o->temp);
    *o = (struct out_file){ .ctx = o->ctx, .fd = -1 };
}

static int begin(lbk_ctx *ctx, const char *path, struct out_file *o)
{
    *o = (struct out_file){ ctx, strdup(path), NULL, -1, 0, "" };
    const int err = o->path ? open_temp(o) : ENOMEM;
    if (err)
        forget(o);
    return err;
}

lbk_status lbk__out_begin(lbk_ctx *ctx, const char *path, struct out_file *o)
{
    const int err = begin(ctx, path, o);
    if (!err)
        return LBK_OK;
    return lbk_fail(ctx, err == ENOMEM ? LBK_ENOMEM : LBK_EIO, "%s: cannot create it: %s", path,
                    strerror(err));
}

void lbk__out_add(struct out_file *o, const void *data, size_t n)
{
    const char *p = data;
    while (n && !o->err) {
        const ssize_t put = write(o->fd, p, n < 1 << 30 ? n : 1 << 30);
        if (put < 0 && errno != EINTR)
            note(o, errno, "write");
        if (put > 0)
            p += put, n -= (size_t) put;
    }
}

static void end(struct out_file *o, bool keep)
{
    if (keep && !o->err && fsync(o->fd))
        note(o, errno, "write");
    if (close(o->fd))
        note(o, errno, "write");
    keep = keep && !o->err;
    if (keep && rename(o->temp, o->path))
        note(o, errno, "rename to it"), keep = false;
    if (keep)
        note(o, sync_folder(o->path), "sync the folder of it");
    else
        unlink(o->temp);
}

lbk_status lbk__out_end(struct out_file *o, bool keep)
{
    lbk_status st = LBK_OK;
    if (o->fd < 0)
        return LBK_EINVAL; /* its beginning failed, and said so */
    end(o, keep);
    if (o->err)
        st = lbk_fail(o->ctx, LBK_EIO, "%s: cannot %s: %s", o->path, o->doing, strerror(o->err));
    forget(o);
    return st;
}

lbk_status lbk__file_write(lbk_ctx *ctx, const char *path, const void *data, size_t n)
{
    struct out_file o;
    const lbk_status st = lbk__out_begin(ctx, path, &o);
    if (st)
        return st;
    lbk__out_add(&o, data, n);
    return lbk__out_end(&o, true);
}

int lbk_file_replace(const char *path, const void *data, size_t n)
{
    struct out_file o;
    int err = begin(NULL, path, &o);
    if (err)
        return err;
    lbk__out_add(&o, data, n);
    end(&o, true);
    err = o.err;
    forget(&o);
    return err;
}

int lbk__mkdirs_quiet(const char *path)
{
    char *p = strdup(path);
    int err = p ? 0 : ENOMEM;
    for (char *slash = p; slash && !err;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = 0;
        if (mkdir(p, 0777) && errno != EEXIST)
            err = errno;
        if (slash)
            *slash = '/';
    }
    struct stat s;
    if (!err && (stat(path, &s) || !S_ISDIR(s.st_mode)))
        err = ENOTDIR;
    free(p);
    return err;
}

lbk_status lbk__mkdirs(lbk_ctx *ctx, const char *path)
{
    const int err = lbk__mkdirs_quiet(path);
    return err ? lbk_fail(ctx, LBK_EIO, "%s: cannot create the folder: %s", path, strerror(err))
               : LBK_OK;
}
