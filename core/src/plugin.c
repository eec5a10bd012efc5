/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "elf_file.h"
#include "file.h"
#include "plugin.h"
#include "registry.h"
#include "str.h"

enum { MODULE_MAX = 1 << 30 }; /* bytes of a file */

/* Why a module did not load. Its text is empty when it was logged where it happened. */
struct problem {
    lbk_status status;
    char text[768];
};

static bool refuse(struct problem *p, lbk_status st, const char *fmt, ...) LBK_PRINTF(3, 4);
static bool refuse(struct problem *p, lbk_status st, const char *fmt, ...)
{
    va_list v;
    va_start(v, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, v);
    va_end(v);
    p->status = st;
    return false;
}

bool lbk__plugin_check_head(const struct plugin_head *h, const char *file, char *text, size_t size)
{
    const unsigned major = h->abi >> 16, minor = h->abi & 0xffff;
    *text = 0;
    if (major != LBK_ABI_MAJOR || minor > LBK_ABI_MINOR)
        snprintf(text, size, "%s: expected plugin ABI %d.0..%d.%d, found %u.%u", file,
                 LBK_ABI_MAJOR, LBK_ABI_MAJOR, LBK_ABI_MINOR, major, minor);
    else if (h->mark != LBK_ABI_MARK)
        snprintf(text, size,
                 "%s: expected types of mark %08x, found %08x: it was built for another platform",
                 file, (unsigned) LBK_ABI_MARK, (unsigned) h->mark);
    else if (h->size < sizeof(struct lbk_plugin))
        snprintf(text, size, "%s: expected an lbk_plugin of at least %zu bytes, found %u", file,
                 sizeof(struct lbk_plugin), (unsigned) h->size);
    return !*text;
}

static struct module *find_module(const lbk_ctx *ctx, const char *name)
{
    struct module *m = ctx->modules;
    while (m && strcmp(m->plugin->name, name))
        m = m->next;
    return m;
}

static bool has_file(const lbk_ctx *ctx, const char *file)
{
    const struct module *m = ctx->modules;
    while (m && strcmp(m->file, file))
        m = m->next;
    return m;
}

/* An lbk_plugin that was read: its version, its name, its setup. */
static bool admit(lbk_ctx *ctx, const struct lbk_plugin *plugin, const char *file,
                  const char *sha256, struct problem *p)
{
    const struct plugin_head head = { plugin->abi, plugin->mark, plugin->size };
    if (!lbk__plugin_check_head(&head, file, p->text, sizeof p->text))
        return p->status = LBK_EABI, false;
    if (!plugin->name || !lbk__is_name(plugin->name) || !plugin->setup)
        return refuse(p, LBK_EABI,
                      "%s: expected a plugin named [a-z][a-z0-9_]* with a setup, found '%.80s'%s",
                      file, plugin->name ? plugin->name : "", plugin->setup ? "" : " without");
    const struct module *other = find_module(ctx, plugin->name);
    if (other && !strcmp(other->sha256, sha256))
        return true; /* the same file under another path */
    if (other)
        return refuse(p, LBK_EINVAL, "%s: plugin '%s' is loaded already, from %s", file,
                      plugin->name, other->file);
    struct module *m = lbk__arena_get(&ctx->arena, sizeof *m);
    const char *own = lbk__arena_str(&ctx->arena, "%s", file);
    if (!m || !own)
        return refuse(p, LBK_ENOMEM, "%s: out of memory", file);
    m->plugin = plugin, m->file = own, m->next = ctx->modules;
    memcpy(m->sha256, sha256, sizeof m->sha256);
    p->status = lbk__register(ctx, m, plugin->setup);
    if (p->status)
        return false;
    ctx->modules = m;
    lbk_ctx_log(ctx, LBK_LOG_DEBUG, "loaded plugin %s %s from %s", plugin->name,
                plugin->version ? plugin->version : "", own);
    return true;
}

static bool open_module(lbk_ctx *ctx, const char *file, const char *sha256, struct problem *p)
{
    int flags = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_NODELETE
    flags |= RTLD_NODELETE;
#endif
    void *so = dlopen(file, flags);
    if (!so) {
        const char *why = dlerror();
        return refuse(p, LBK_EABI, "%s: cannot load it: %s", file, why ? why : "unknown reason");
    }
    const struct lbk_plugin *plugin = dlsym(so, "lbk_plugin");
    if (!plugin)
        return refuse(p, LBK_EABI, "%s: expected the symbol lbk_plugin, found none: not a plugin",
                      file);
    return admit(ctx, plugin, file, sha256, p);
}

/* What the file itself says, before dlopen runs its constructors. */
static bool inspect(const char *file, const unsigned char *data, size_t n, struct problem *p)
{
    struct plugin_head head;
    switch (lbk__elf_read(data, n, "lbk_plugin", &head, sizeof head)) {
    case ELF_FOUND:
        p->status =
            lbk__plugin_check_head(&head, file, p->text, sizeof p->text) ? LBK_OK : LBK_EABI;
        return !p->status;
    case ELF_NOT_ELF:
        return refuse(p, LBK_EFORMAT, "%s: expected an ELF shared object, found something else",
                      file);
    case ELF_FOREIGN:
        return refuse(p, LBK_EFORMAT,
                      "%s: expected a shared object for this machine, found one for another, or no "
                      "shared object",
                      file);
    case ELF_DAMAGED:
        return refuse(p, LBK_EFORMAT,
                      "%s: expected an ELF shared object, found one that is cut short or damaged",
                      file);
    case ELF_NO_SYMBOL: break;
    }
    return refuse(p, LBK_EABI, "%s: expected the symbol lbk_plugin, found none: not a plugin",
                  file);
}

static bool load_file(lbk_ctx *ctx, const char *path, struct problem *p)
{
    unsigned char *data;
    size_t n;
    char hex[65];
    char *file = realpath(path, NULL);
    int err = file ? 0 : errno;
    if (file && has_file(ctx, file)) {
        free(file);
        return true;
    }
    err = err ? err : lbk_file_slurp(file, MODULE_MAX, &data, &n);
    if (err) {
        free(file);
        return refuse(p, err == ENOENT ? LBK_ENOENT : LBK_EIO, "%s: cannot read the plugin: %s",
                      path, strerror(err));
    }
    lbk_sha256(data, n, hex);
    const bool ok = inspect(file, data, n, p) && open_module(ctx, file, hex, p);
    free(data);
    free(file);
    return ok;
}

/* The next directory of a search path, malloced; NULL at its end. An empty one is nothing, not
 * the working directory. */
static char *next_folder(const char **path)
{
    *path += strspn(*path, ":");
    const size_t n = strcspn(*path, ":");
    char *folder = n ? strndup(*path, n) : NULL;
    *path += n;
    return folder;
}

static bool exists(const char *file)
{
    FILE *f = fopen(file, "re");
    if (f)
        fclose(f);
    return f;
}

/* false: no such file on the path. */
static bool find_file(const lbk_ctx *ctx, const char *name, char **out)
{
    const char *path = ctx->params.plugin_path;
    char *folder;
    *out = NULL;
    while (!*out && (folder = next_folder(&path))) {
        if (asprintf(out, "%s/%s.so", folder, name) < 0)
            *out = NULL;
        if (*out && !exists(*out))
            free(*out), *out = NULL;
        free(folder);
    }
    return *out;
}

static lbk_status tell(lbk_ctx *ctx, const struct problem *p)
{
    return p->text[0] ? lbk_fail(ctx, p->status, "%s", p->text) : p->status;
}

static lbk_status load_named(lbk_ctx *ctx, const char *name, bool must)
{
    struct problem p = { LBK_OK, "" };
    char *file = NULL;
    if (find_module(ctx, name))
        return LBK_OK;
    if (find_file(ctx, name, &file)) {
        const bool ok = load_file(ctx, file, &p);
        free(file);
        return ok ? LBK_OK : tell(ctx, &p);
    }
    return must ? lbk_fail(ctx, LBK_ENOENT, "plugin '%.80s': no %.80s.so in %s", name, name,
                           ctx->params.plugin_path)
                : LBK_OK;
}

lbk_status lbk__plugin_try(lbk_ctx *ctx, const char *name)
{
    pthread_mutex_lock(&ctx->loading);
    const lbk_status st = load_named(ctx, name, false);
    pthread_mutex_unlock(&ctx->loading);
    return st;
}

lbk_status lbk_plugin_load(lbk_ctx *ctx, const char *name_or_path)
{
    struct problem p = { LBK_OK, "" };
    lbk_status st;
    pthread_mutex_lock(&ctx->loading);
    if (strchr(name_or_path, '/'))
        st = load_file(ctx, name_or_path, &p) ? LBK_OK : tell(ctx, &p);
    else if (lbk__is_name(name_or_path))
        st = load_named(ctx, name_or_path, true);
    else
        st = lbk_fail(
            ctx, LBK_EINVAL,
            "plugin: expected a name of [a-z][a-z0-9_]* or a path with a slash, got '%.80s'",
            name_or_path);
    pthread_mutex_unlock(&ctx->loading);
    return st;
}

static int is_module(const struct dirent *d)
{
    const size_t n = strlen(d->d_name);
    return n > 3 && !strcmp(d->d_name + n - 3, ".so");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct walk {
    void (*left)(void *ud, const char *why); /* a module that does not load */
    void *ud;
};

static void load_one(lbk_ctx *ctx, const char *folder, const char *name, const struct walk *w)
{
    struct problem p = { LBK_OK, "" };
    char *file;
    if (asprintf(&file, "%s/%s", folder, name) < 0)
        return;
    if (!load_file(ctx, file, &p))
        w->left(w->ud, p.text[0] ? p.text : file);
    free(file);
}

/* false: it cannot be read. */
static bool load_folder(lbk_ctx *ctx, const char *folder, const struct walk *w)
{
    struct dirent **list = NULL;
    const int n = scandir(folder, &list, is_module, by_name);
    for (int i = 0; i < n; i++) {
        load_one(ctx, folder, list[i]->d_name, w);
        free(list[i]);
    }
    free(list);
    return n >= 0;
}

static void log_left(void *ctx, const char *why)
{
    lbk_ctx_log(ctx, LBK_LOG_INFO, "left out: %s", why);
}

lbk_status lbk_plugin_load_all(lbk_ctx *ctx)
{
    const struct walk w = { log_left, ctx };
    const char *path = ctx->params.plugin_path;
    pthread_mutex_lock(&ctx->loading);
    for (char *folder = next_folder(&path); folder; folder = next_folder(&path)) {
        load_folder(ctx, folder, &w);
        free(folder);
    }
    pthread_mutex_unlock(&ctx->loading);
    return LBK_OK;
}

struct diagnosis {
    void (*put)(void *ud, const char *problem, const char *mend);
    void *ud;
    int n;
};

static void tell_left(void *ud, const char *why)
{
    struct diagnosis *d = ud;
    d->put(d->ud, why, "");
    d->n++;
}

int lbk_plugin_diagnose(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend),
                        void *ud)
{
    struct diagnosis d = { put, ud, 0 };
    const struct walk w = { tell_left, &d };
    const char *path = ctx->params.plugin_path;
    pthread_mutex_lock(&ctx->loading);
    for (char *folder = next_folder(&path); folder; folder = next_folder(&path)) {
        char text[512];
        /* Its own folder is missing where it runs without being installed. */
        if (!load_folder(ctx, folder, &w) && strcmp(folder, LBK_PLUGIN_DIR)) {
            snprintf(text, sizeof text, "plugin directory '%.400s': cannot read it: %s", folder,
                     strerror(errno));
            put(ud, text, "unset LIMBECK_PLUGIN_PATH");
            d.n++;
        }
        free(folder);
    }
    pthread_mutex_unlock(&ctx->loading);
    return d.n;
}

lbk_status lbk__plugin_builtin(lbk_ctx *ctx, const struct lbk_plugin *plugin)
{
    struct problem p = { LBK_OK, "" };
    char file[96], hash[65] = "";
    snprintf(file, sizeof file, "built-in plugin %.64s",
             plugin->name ? plugin->name : "without a name");
    pthread_mutex_lock(&ctx->loading);
    const lbk_status st = admit(ctx, plugin, file, hash, &p) ? LBK_OK : tell(ctx, &p);
    pthread_mutex_unlock(&ctx->loading);
    return st;
}
