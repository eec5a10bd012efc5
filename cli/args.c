/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

bool cli_key_valid(const char *key, size_t n)
{
    if (n == 0 || n > 128 || !isalpha((unsigned char) key[0]))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char) key[i]) && !strchr("_.-/", key[i]))
            return false;
    }
    return true;
}

static void *grown(struct cli *c, void *old, int n, size_t one)
{
    if (n & (n - 1))
        return old;
    void *more = cli_alloc(c, (n ? 2 * (size_t) n : 1) * one);
    if (n)
        memcpy(more, old, (size_t) n * one);
    return more;
}

int cli_set(struct cli *c, const char *key, const char *value, const char *from)
{
    for (int i = 0; i < c->n_settings; i++) {
        if (!strcmp(c->settings[i].key, key)) {
            c->settings[i].value = value;
            c->settings[i].from = from;
            return 0;
        }
    }
    c->settings = grown(c, c->settings, c->n_settings, sizeof *c->settings);
    c->settings[c->n_settings++] = (struct setting) { key, value, from, false };
    return 0;
}

static void push(struct cli *c, const char ***list, int *n, const char *word)
{
    *list = grown(c, *list, *n, sizeof **list);
    (*list)[(*n)++] = word;
}

static int word_or_setting(struct cli *c, const char *a, bool options_over)
{
    const char *eq = strchr(a, '=');
    if (eq && !options_over) {
        if (!cli_key_valid(a, (size_t) (eq - a)))
            return cli_fail(
                c, EXIT_USAGE,
                "'%s': expected key=value, the key of letters, digits, '_', '.' and '-'", a);
        return cli_set(c, cli_text(c, "%.*s", (int) (eq - a), a), eq + 1, "command line");
    }
    if (!c->command) {
        c->command = cli_command(a);
        if (c->command)
            return 0;
        const char *names[64];
        int n = 0;
        for (const struct command *k = cli_commands; k->name; k++)
            names[n++] = k->name;
        const char *near = cli_nearest(a, names, n);
        return cli_fail(c, EXIT_USAGE, "command '%s' is unknown%s%s%s", a,
                        near ? "; did you mean '" : "", near ? near : "; see 'limbeck help'",
                        near ? "'?" : "");
    }
    push(c, &c->words, &c->n_words, a);
    return 0;
}

static int unknown_option(struct cli *c, const char *a)
{
    static const char *const names[] = { "--json",    "--dry-run", "--help",        "--quiet",
                                         "--verbose", "--config",  "--color=never", "--version" };
    const char *near = cli_nearest(a, names, sizeof names / sizeof *names);
    return cli_fail(c, EXIT_USAGE, "option '%s' is unknown%s%s%s", a,
                    near ? "; did you mean '" : "",
                    near ? near : "; settings are written key=value", near ? "'?" : "");
}

/* An option that starts with '-'; *i moves on when it has a value of its own. */
static int option(struct cli *c, int argc, char **argv, int *i)
{
    const char *a = argv[*i];
    if (!strcmp(a, "--json"))
        c->json = true;
    else if (!strcmp(a, "--dry-run"))
        c->dry_run = true;
    else if (!strcmp(a, "-h") || !strcmp(a, "--help"))
        c->help = true;
    else if (!strcmp(a, "-q") || !strcmp(a, "--quiet"))
        c->verbose = -1;
    else if (!strcmp(a, "-v") || !strcmp(a, "--verbose"))
        c->verbose = c->verbose < 1 ? 1 : 2;
    else if (!strcmp(a, "-vv"))
        c->verbose = 2;
    else if (!strcmp(a, "--color=never") || !strcmp(a, "--color=always"))
        c->colour = a[8] == 'a';
    else if (!strcmp(a, "--version") && !c->command)
        c->command = cli_command("version");
    else if (!strncmp(a, "--config=", 9))
        push(c, &c->recipes, &c->n_recipes, a + 9);
    else if ((!strcmp(a, "-c") || !strcmp(a, "--config")) && *i + 1 < argc)
        push(c, &c->recipes, &c->n_recipes, argv[++*i]);
    else if (!strcmp(a, "-c") || !strcmp(a, "--config"))
        return cli_fail(c, EXIT_USAGE, "option '%s' needs the name of a recipe", a);
    else
        return unknown_option(c, a);
    return 0;
}

static int check_flags(struct cli *c)
{
    const unsigned f = c->command->flags;
    const char *name = c->command->name;
    if (c->json && !(f & CMD_JSON))
        return cli_fail(c, EXIT_USAGE, "%s: --json is for commands that only read", name);
    if (c->dry_run && strcmp(name, "train"))
        return cli_fail(c, EXIT_USAGE, "%s: --dry-run is for 'limbeck train'", name);
    if (c->n_recipes && !(f & CMD_RUNS))
        return cli_fail(c, EXIT_USAGE, "%s: takes no recipe", name);
    if (c->n_settings && !(f & CMD_KEYS))
        return cli_fail(c, EXIT_USAGE, "%s: takes no key=value, found '%s='", name,
                        c->settings[0].key);
    return 0;
}

/* Recipes come first, whatever the order on the line, so the command line has the last word. */
static int read_recipes(struct cli *c)
{
    const int n = c->n_settings;
    const struct setting *line = c->settings;
    c->n_settings = 0;
    c->settings = NULL;
    for (int i = 0; i < c->n_recipes; i++) {
        const int bad = cli_recipe_read(c, c->recipes[i]);
        if (bad)
            return bad;
    }
    for (int i = 0; i < n; i++)
        cli_set(c, line[i].key, line[i].value, line[i].from);
    return 0;
}

int cli_args_parse(struct cli *c, int argc, char **argv)
{
    bool over = false;
    int bad = 0;
    for (int i = 1; i < argc && !bad; i++) {
        if (!over && !strcmp(argv[i], "--"))
            over = true;
        else if (!over && argv[i][0] == '-' && argv[i][1])
            bad = option(c, argc, argv, &i);
        else
            bad = word_or_setting(c, argv[i], over);
    }
    if (bad || !c->command || c->help)
        return bad;
    bad = check_flags(c);
    return bad ? bad : read_recipes(c);
}

static struct setting *find(struct cli *c, const char *key)
{
    for (int i = 0; i < c->n_settings; i++) {
        if (!strcmp(c->settings[i].key, key))
            return &c->settings[i];
    }
    return NULL;
}

const char *cli_take(struct cli *c, const char *key)
{
    struct setting *s = find(c, key);
    if (!s)
        return NULL;
    s->taken = true;
    return s->value;
}

int cli_take_int(struct cli *c, const char *key, int64_t min, int64_t max, int64_t *out)
{
    struct setting *s = find(c, key);
    if (!s)
        return 0;
    s->taken = true;
    char *end = NULL;
    errno = 0;
    const long long v = strtoll(s->value, &end, 10);
    if (end == s->value || *end)
        return cli_fail(c, EXIT_USAGE, "%s: %s: expected a whole number, got '%s'", s->from, key,
                        s->value);
    if (errno || v < min || v > max)
        return cli_fail(c, EXIT_USAGE, "%s: %s: expected %lld..%lld, got '%s'", s->from, key,
                        (long long) min, (long long) max, s->value);
    *out = v;
    return 0;
}

static const struct lbk_setting *settings(struct cli *c, bool all, int *n)
{
    struct lbk_setting *out = cli_alloc(c, (size_t) c->n_settings * sizeof *out);
    *n = 0;
    for (int i = 0; i < c->n_settings; i++) {
        const struct setting *s = &c->settings[i];
        if (all || !s->taken)
            out[(*n)++] = (struct lbk_setting) { s->key, s->value };
    }
    return out;
}

const struct lbk_setting *cli_all(struct cli *c, int *n)
{
    return settings(c, true, n);
}

const struct lbk_setting *cli_rest(struct cli *c, int *n)
{
    return settings(c, false, n);
}

int cli_no_rest(struct cli *c)
{
    for (int i = 0; i < c->n_settings; i++) {
        const struct setting *s = &c->settings[i];
        if (s->taken)
            continue;
        const char *names[32];
        int n = 0;
        for (const struct cli_key *k = c->command->keys; k && k->name; k++)
            names[n++] = k->name;
        const char *near = cli_nearest(s->key, names, n);
        return cli_fail(c, EXIT_USAGE, "%s: '%s' is unknown%s%s%s", c->command->name, s->key,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return 0;
}
