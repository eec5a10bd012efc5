/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/file.h>
#include "cache.h"
#include "facts.h"

enum { FILE_MOST = 1 << 20 };
static const char title[] = "limbeck opencl facts 1", suffix[] = ".facts";

static struct ocl_fact *find(struct ocl_facts *f, const char *name)
{
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->at[i].name, name) == 0)
            return &f->at[i];
    return NULL;
}

const char *ocl_fact(const lbk_drv *d, const char *name)
{
    const struct ocl_fact *f = find(&d->cache->facts, name);
    return f && f->value[0] ? f->value : NULL;
}

static struct ocl_fact *want(struct ocl_facts *f, const char *name)
{
    struct ocl_fact *to = find(f, name);
    if (to || f->n == OCL_FACTS_MOST)
        return to;
    to = &f->at[f->n++];
    *to = (struct ocl_fact){ .changed = false };
    snprintf(to->name, sizeof to->name, "%s", name);
    return to;
}

void ocl_fact_set(lbk_drv *d, const char *name, const char *fmt, ...)
{
    va_list v;
    struct ocl_fact *to = want(&d->cache->facts, name);
    if (!to)
        return;
    va_start(v, fmt);
    vsnprintf(to->value, sizeof to->value, fmt, v);
    va_end(v);
    for (char *c = to->value; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    to->changed = true;
}

/* ---- the file ---- */

static bool read_line(struct ocl_facts *f, const char *line, size_t n)
{
    char text[OCL_FACT_NAME + OCL_FACT_VALUE + 4];
    if (n >= sizeof text || memchr(line, '\0', n))
        return false;
    memcpy(text, line, n);
    text[n] = '\0';
    char *is = strstr(text, " = ");
    if (!is || is == text || is - text >= OCL_FACT_NAME || strlen(is + 3) >= OCL_FACT_VALUE)
        return false;
    *is = '\0';
    struct ocl_fact *to = want(f, text);
    if (to && !to->changed)
        snprintf(to->value, sizeof to->value, "%s", is + 3);
    return to;
}

static bool take_line(const char **at, const char *text)
{
    const size_t n = strlen(text);
    if (strncmp(*at, text, n) != 0 || (*at)[n] != '\n')
        return false;
    *at += n + 1;
    return true;
}

/* Into f, but for what was changed there; false: not what we wrote for this device. */
static bool parse(struct ocl_facts *f, const char *text, size_t n, const char *device)
{
    char end[80], of_text[65];
    const char *at = text;
    if (n < sizeof end)
        return false;
    const char *last = text + n - (4 + 64 + 1);
    lbk_sha256(text, (size_t) (last - text), of_text);
    snprintf(end, sizeof end, "end %s\n", of_text);
    if (strcmp(last, end) != 0 || !take_line(&at, title) || !take_line(&at, device))
        return false;
    while (at < last) {
        const size_t k = strcspn(at, "\n");
        if (at + k >= last || !read_line(f, at, k))
            return false;
        at += k + 1;
    }
    return true;
}

static bool path_of(const lbk_drv *d, char path[OCL_PATH_MOST])
{
    const struct ocl_cache *c = d->cache;
    return c->folder[0] && ocl_folder_file(c->folder, c->device, suffix, path);
}

void ocl_facts_load(lbk_drv *d)
{
    char path[OCL_PATH_MOST];
    unsigned char *text = NULL;
    size_t n;
    if (!path_of(d, path))
        return;
    const int err = lbk_file_slurp(path, FILE_MOST, &text, &n);
    if (err == ENOENT)
        return;
    struct ocl_facts *f = calloc(1, sizeof *f);
    if (f)
        *f = d->cache->facts;
    if (f && !err && parse(f, (const char *) text, n, d->cache->device))
        d->cache->facts = *f;
    else
        lbk_ctx_log(d->ctx, LBK_LOG_WARN,
                    "opencl: '%s' is damaged and ignored; 'limbeck tune' makes a new one", path);
    free(f);
    free(text);
}

static void put_all(const struct ocl_cache *c, struct ocl_text *t)
{
    char of_text[65];
    ocl_put(t, "%s\n%s\n", title, c->device);
    for (int i = 0; i < c->facts.n; i++)
        ocl_put(t, "%s = %s\n", c->facts.at[i].name, c->facts.at[i].value);
    if (t->failed)
        return;
    lbk_sha256(t->s, t->n, of_text);
    ocl_put(t, "end %s\n", of_text);
}

void ocl_facts_save(lbk_drv *d)
{
    char path[OCL_PATH_MOST];
    struct ocl_cache *c = d->cache;
    struct ocl_text t = { 0 };
    if (!path_of(d, path))
        return;
    ocl_facts_load(d);
    put_all(c, &t);
    const int err = t.failed ? ENOMEM : lbk_file_replace(path, t.s, t.n);
    free(t.s);
    if (err && !c->told)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "opencl: facts of the device are not kept: '%s': %s",
                    path, strerror(err));
    c->told |= err != 0;
}
