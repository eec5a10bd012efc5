/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <limbeck/ctx.h>
#include "record.h"
#include "registry.h"
#include "source.h"
#include "transform.h"

lbk_status lbk__source_path(lbk_ctx *ctx, const char *root, const char *name, char **out)
{
    const size_t n = strlen(root) + strlen(name) + 2;
    *out = malloc(n);
    if (!*out)
        return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", name);
    **out = 0;
    if (*name != '/' && *root) {
        strcat(*out, root);
        strcat(*out, "/");
    }
    strcat(*out, name);
    return LBK_OK;
}

/* FNV-1a, 64 bits */
uint64_t lbk__source_id(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char) *name) * 0x100000001b3u;
    return h;
}

lbk_status lbk__source_image(lbk_record *r, const struct image *m, int64_t c)
{
    const int64_t n = m->h * m->w;
    const unsigned char *p = m->data;
    float *to = lbk__record_room(r, "image", LBK_F32, LBK_SHAPE(c, m->h, m->w));
    if (!to)
        return LBK_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        const unsigned char *q = p + i * m->channels;
        if (c == 1 && m->channels == 3)
            to[i] = (0.299f * q[0] + 0.587f * q[1] + 0.114f * q[2]) / 255.0f;
        else
            for (int64_t k = 0; k < c; k++)
                to[k * n + i] = (float) q[m->channels == 3 ? k : 0] / 255.0f;
    }
    return LBK_OK;
}

lbk_status lbk__source_hash_file(lbk_ctx *ctx, const char *path, struct sha256 *s)
{
    unsigned char block[16384];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 || (n < 0 && fd >= 0 && errno == EINTR)) {
        n = read(fd, block, sizeof block);
        if (n > 0)
            lbk__sha256_add(s, block, (size_t) n);
    }
    const int err = errno;
    if (fd >= 0)
        close(fd);
    return n < 0 ? lbk_fail(ctx, LBK_EIO, "%s: cannot read: %s", path, strerror(err)) : LBK_OK;
}

lbk_status lbk__register_data(lbk_registrar *r)
{
    static const struct lbk_source *const sources[] = {
        &lbk__idx, &lbk__pairs, &lbk__coco, &lbk__synth, &lbk__join,
#ifdef LBK_HAVE_XML
        &lbk__voc,
#endif
        NULL,
    };
    lbk_status st = LBK_OK;
    for (int i = 0; sources[i]; i++)
        st = lbk_register_source(r, sources[i]);
    for (int i = 0; lbk__transforms[i]; i++)
        st = lbk_register_transform(r, lbk__transforms[i]);
    return st;
}
