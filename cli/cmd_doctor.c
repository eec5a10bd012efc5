/* SPDX-License-Identifier: MIT */
/* What keeps limbeck from working here, as far as can be seen without doing the work. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

struct found { struct cli *c; const char *of; json_t *all; };

static void put(void *ud, const char *problem, const char *mend)
{
    struct found *f = ud;
    json_t *o = json_object();
    if (!f->c->json)
        printf("%s: %s%s%s\n", f->of, problem, *mend ? "\n    mend it: " : "", mend);
    cli_json_text(o, "of", f->of);
    cli_json_text(o, "problem", problem);
    cli_json_text(o, "mend", *mend ? mend : NULL);
    json_array_append_new(f->all, o);
}

/* The nearest directory that is there, of one that may have to be made. */
static char *nearest(struct cli *c, const char *path)
{
    char *at = cli_text(c, "%s", path);
    while (access(at, F_OK) && errno == ENOENT && strcmp(at, ".")) {
        char *slash = strrchr(at, '/');
        if (!slash)
            return cli_text(c, ".");
        slash[slash == at] = 0;
    }
    return at;
}

static void check_folder(struct found *f, const char *path)
{
    const char *at = nearest(f->c, path);
    if (access(cli_text(f->c, "%s/", at), W_OK | X_OK))
        put(f, cli_text(f->c, "'%s' cannot be written to: '%s': %s", path, at, strerror(errno)),
            errno == EACCES ? cli_text(f->c, "sudo chown $USER '%s'", at) : "");
}

static void check_devices(struct found *f)
{
    int n = 0, backends = 0;
    for (const struct lbk_backend *b = NULL; (b = lbk_registry_next(f->c->ctx, LBK_BACKENDS, b));) {
        f->of = b->name;
        lbk_backend_diagnose(f->c->ctx, b->name, put, f);
        n += lbk_device_list(f->c->ctx, b->name, NULL, 0);
        backends++;
    }
    f->of = "devices";
    if (!backends)
        put(f, "there is no backend: no directory of plugins holds one",
            "export LIMBECK_PLUGIN_PATH=DIRECTORY");
    else if (!n)
        put(f, "no backend has found a device", "");
}

int cmd_doctor(struct cli *c)
{
    struct found f = { c, "plugins", NULL };
    const char *out = cli_take(c, "out");
    const int bad = cli_no_rest(c);
    if (bad)
        return bad;
    if (c->n_words)
        return cli_fail(c, EXIT_USAGE, "doctor: expected no word, got '%s'", c->words[0]);
    f.all = json_array();
    lbk_plugin_diagnose(c->ctx, put, &f);
    check_devices(&f);
    f.of = "folders";
    check_folder(&f, out ? out : ".");
    check_folder(&f, "/tmp");
    const int n = (int) json_array_size(f.all);
    json_t *o = json_object();
    cli_json_add(o, "problems", f.all);
    if (n)
        cli_fail(c, EXIT_DEVICE, "%d problem%s found", n, n > 1 ? "s" : "");
    if (c->json)
        return n ? cli_json_put_failed(c, "doctor", o) : cli_json_put(c, "doctor", o);
    json_decref(o);
    if (!n)
        printf("no problems found\n");
    return n ? EXIT_DEVICE : 0;
}
