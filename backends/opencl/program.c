/* SPDX-License-Identifier: MIT */
/* Texts to kernels. What is wanted is collected and built as one program when a kernel is first
 * taken: building costs far more by program than by kernel. Texts are told apart by their bytes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cache.h"
#include "code.h"
#include "probe.h"
#include "texts.h"

enum { TABLE = 1024, LOG_LINES = 24 };

struct ocl_entry {
    char *text;    /* all of it, but for the prelude */
    char name[80]; /* of the kernel */
    const char *file;
    cl_program program; /* NULL: not built yet */
    bool refused;       /* it does not build */
    uint64_t hash;
    struct ocl_entry *next, *next_wanted;
};
struct ocl_programs {
    struct ocl_entry *at[TABLE], *wanted;
    cl_program *program;
    int n, cap;
};

lbk_status ocl_programs_open(lbk_drv *d)
{
    d->programs = calloc(1, sizeof *d->programs);
    return d->programs ? LBK_OK : lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
}

void ocl_programs_close(lbk_drv *d)
{
    struct ocl_programs *p = d->programs;
    if (!p)
        return;
    for (int i = 0; i < TABLE; i++)
        for (struct ocl_entry *e = p->at[i], *next; e; e = next) {
            next = e->next;
            free(e->text);
            free(e);
        }
    for (int i = 0; i < p->n; i++)
        d->cl->ReleaseProgram(p->program[i]);
    free(p->program);
    free(p);
    d->programs = NULL;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_of(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char) *s) * UINT64_C(0x100000001b3);
    return h;
}

static const char *template_of(const char *name)
{
    for (size_t i = 0; ocl_texts[i].name; i++)
        if (strcmp(ocl_texts[i].name, name) == 0)
            return ocl_texts[i].text;
    return NULL;
}

void ocl_texts_id(char to[17])
{
    uint64_t h = hash_of(UINT64_C(0xcbf29ce484222325), OCL_OPTIONS);
    for (size_t i = 0; ocl_texts[i].name; i++)
        h = hash_of(hash_of(h, ocl_texts[i].name), ocl_texts[i].text);
    snprintf(to, 17, "%016" PRIx64, h);
}

static bool same(const struct ocl_entry *e, const char *file, const char *defines)
{
    const size_t n = strlen(defines);
    const char *body = strstr(e->text, "\n#define ID(x)");
    body = strchr(body + 1, '\n') + 1;
    return strcmp(e->file, file) == 0 && strncmp(body, defines, n) == 0 &&
           strncmp(body + n, "#line 1 ", 8) == 0;
}

static struct ocl_entry *add(lbk_drv *d, const char *file, const char *body, uint64_t h,
                             const char *defines, const char *undefs)
{
    struct ocl_text t = { 0 };
    struct ocl_entry *e = calloc(1, sizeof *e);
    ocl_put(&t,
            "#undef ID\n#undef REAL\n#define REAL float\n#define ID(x) x##_%016" PRIx64
            "\n%s#line 1 \"%s.cl\"\n%s\n#line 1 \"after\"\n%s",
            h, defines, file, body, undefs);
    if (!e || t.failed) {
        free(e), free(t.s);
        lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
        return NULL;
    }
    e->text = t.s, e->file = file, e->hash = h;
    snprintf(e->name, sizeof e->name, "%s_%016" PRIx64, file, h);
    return e;
}

struct ocl_entry *ocl_program_want(lbk_drv *d, const char *name, const char *defines,
                                   const char *undefs)
{
    struct ocl_programs *p = d->programs;
    const char *body = template_of(name);
    if (!body) {
        lbk_fail(d->ctx, LBK_EUNSUPPORTED, "opencl: there is no text for kernel '%s'", name);
        return NULL;
    }
    const uint64_t h = hash_of(hash_of(hash_of(UINT64_C(0xcbf29ce484222325), name), defines), body);
    struct ocl_entry **slot = &p->at[h % TABLE];
    for (struct ocl_entry *e = *slot; e; e = e->next)
        if (e->hash == h && same(e, name, defines))
            return e;
    struct ocl_entry *e = add(d, name, body, h, defines, undefs);
    if (e) {
        e->next = *slot, *slot = e;
        e->next_wanted = p->wanted, p->wanted = e;
    }
    return e;
}

/* ---- building ---- */

static struct ocl_text collect(const lbk_drv *d, const struct ocl_entry *first, bool alone)
{
    struct ocl_text t = { 0 };
    if (d->limits.slow_fma)
        ocl_put(&t, "#define fma(a, b, c) mad(a, b, c)\n");
    ocl_put(&t, "#line 1 \"prelude.cl\"\n%s\n", template_of("prelude"));
    for (const struct ocl_entry *e = first; e; e = alone ? NULL : e->next_wanted)
        ocl_put(&t, "%s\n", e->text);
    return t;
}

static cl_program compile(lbk_drv *d, const struct ocl_text *t, cl_int *err)
{
    const char *text = t->s;
    *err = CL_OUT_OF_HOST_MEMORY;
    if (t->failed)
        return NULL;
    cl_program p = d->cl->CreateProgramWithSource(d->context, 1, &text, NULL, err);
    if (!*err)
        *err = d->cl->BuildProgram(p, 1, &d->device, OCL_OPTIONS, NULL, NULL);
    return p;
}

/* Are they all there? A binary may load and still lack a kernel. */
static cl_int see_kernels(lbk_drv *d, cl_program p, const struct ocl_entry *first)
{
    cl_int err = CL_SUCCESS;
    for (const struct ocl_entry *e = first; e && !err; e = e->next_wanted) {
        cl_kernel k = d->cl->CreateKernel(p, e->name, &err);
        if (!err)
            d->cl->ReleaseKernel(k);
    }
    return err;
}

static cl_program from_cache(lbk_drv *d, const char *key, const struct ocl_entry *first)
{
    cl_program p = ocl_cache_load(d, key, OCL_OPTIONS);
    if (!p || !see_kernels(d, p, first))
        return p;
    ocl_cache_drop(d, key);
    d->cl->ReleaseProgram(p);
    return NULL;
}

/* From the cache, or from the text and then into the cache. */
static cl_program make(lbk_drv *d, const struct ocl_entry *first, cl_int *err)
{
    char key[65];
    struct ocl_text t = collect(d, first, false);
    cl_program p = NULL;
    if (!t.failed) {
        ocl_cache_key(d, OCL_OPTIONS, t.s, key);
        p = from_cache(d, key, first);
    }
    *err = CL_SUCCESS;
    if (!p) {
        p = compile(d, &t, err);
        const bool keep = !*err && d->cache->folder[0] && ocl_probe_binaries(d);
        if (keep)
            *err = see_kernels(d, p, first);
        if (keep && !*err)
            ocl_cache_store(d, key, p);
    }
    free(t.s);
    return p;
}

/* One line of the log, and the line of the kernel's text that it points at. */
static void show_line(lbk_drv *d, const struct ocl_entry *e, const char *line)
{
    char name[80];
    int at = 0;
    const char *text = template_of(e->file);
    snprintf(name, sizeof name, "%s.cl:", e->file);
    const char *where = strstr(line, name);
    lbk_ctx_log(d->ctx, LBK_LOG_WARN, "  %s", line);
    if (!where || sscanf(where + strlen(name), "%d", &at) != 1)
        return;
    while (--at > 0 && text)
        text = (text = strchr(text, '\n')) ? text + 1 : NULL;
    if (text)
        lbk_ctx_log(d->ctx, LBK_LOG_WARN, "    | %.*s", (int) strcspn(text, "\n"), text);
}

static void show_log(lbk_drv *d, const struct ocl_entry *e, cl_program p)
{
    size_t n = 0;
    d->cl->GetProgramBuildInfo(p, d->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &n);
    char *log = n ? calloc(1, n + 1) : NULL;
    if (!log || d->cl->GetProgramBuildInfo(p, d->device, CL_PROGRAM_BUILD_LOG, n, log, NULL)) {
        free(log);
        return;
    }
    char *line = log;
    for (int i = 0; i < LOG_LINES && *line; i++) {
        const size_t k = strcspn(line, "\n");
        const bool last = !line[k];
        line[k] = '\0';
        show_line(d, e, line);
        line += last ? k : k + 1;
    }
    free(log);
}

static lbk_status refuse(lbk_drv *d, const struct ocl_entry *e, cl_program p, cl_int err)
{
    char driver[128] = "?";
    d->cl->GetDeviceInfo(d->device, CL_DRIVER_VERSION, sizeof driver - 1, driver, NULL);
    if (ocl_is_memory(err) || ocl_is_loss(err))
        return ocl_check(d, err, "building a kernel");
    if (p)
        show_log(d, e, p);
    return lbk_fail(d->ctx, LBK_EDEVICE,
                    "opencl: kernel '%s' does not build for '%s' (driver %s, options '%s'): %s",
                    e->name, d->name, driver, OCL_OPTIONS, ocl_error_name(err));
}

static bool own(struct ocl_programs *p, cl_program program)
{
    if (p->n == p->cap) {
        const int cap = p->cap ? 2 * p->cap : 16;
        cl_program *to = realloc(p->program, (size_t) cap * sizeof *to);
        if (!to)
            return false;
        p->program = to, p->cap = cap;
    }
    p->program[p->n++] = program;
    return true;
}

/* Together they did not build: which one is it? That one is wanted no more. */
static lbk_status blame(lbk_drv *d, cl_int err)
{
    lbk_status st = LBK_OK;
    for (struct ocl_entry **at = &d->programs->wanted; *at && !st; at = &(*at)->next_wanted) {
        struct ocl_entry *e = *at;
        cl_int one;
        struct ocl_text t = collect(d, e, true);
        cl_program p = compile(d, &t, &one);
        free(t.s);
        if (one)
            st = refuse(d, e, p, one);
        if (p)
            d->cl->ReleaseProgram(p);
        if (st) {
            e->refused = true;
            *at = e->next_wanted;
            break;
        }
    }
    return st ? st : ocl_check(d, err, "building kernels");
}

static lbk_status build_wanted(lbk_drv *d)
{
    struct ocl_programs *p = d->programs;
    cl_int err;
    cl_program program = make(d, p->wanted, &err);
    lbk_status st = LBK_OK;
    if (err)
        st = blame(d, err);
    else if (!own(p, program))
        st = lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
    if (st && program)
        d->cl->ReleaseProgram(program);
    for (struct ocl_entry *e = p->wanted; e && !st; e = e->next_wanted)
        e->program = program;
    if (!st)
        p->wanted = NULL;
    return st;
}

lbk_status ocl_program_take(lbk_drv *d, struct ocl_entry *e, cl_kernel *out)
{
    cl_int err;
    if (e->refused)
        return lbk_fail(d->ctx, LBK_EDEVICE, "opencl: kernel '%s' does not build for '%s'", e->name,
                        d->name);
    lbk_status st = e->program ? LBK_OK : build_wanted(d);
    if (st)
        return st;
    *out = d->cl->CreateKernel(e->program, e->name, &err);
    return ocl_check(d, err, e->name);
}
