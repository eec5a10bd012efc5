/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include "cli.h"

static void indented(const char *text)
{
    for (const char *at = text; at && *at;) {
        const char *end = strchrnul(at, '\n');
        printf("  %.*s\n", (int) (end - at), at);
        at = *end ? end + 1 : end;
    }
}

static void overview(void)
{
    printf("limbeck: knowledge distillation on any device\n\n");
    indented("limbeck train -c plugins/reffakd/recipes/fashion_mnist.yaml out=runs/a\n"
             "limbeck list methods\n"
             "limbeck help method reffakd");
    printf("\ncommands:\n");
    for (const struct command *k = cli_commands; k->name; k++)
        printf("  %-9s %s\n", k->name, k->doc);
    printf("\noptions:\n");
    indented("-c, --config RECIPE  settings from a YAML file; the command line wins\n"
             "--json               machine-readable output of commands that only read\n"
             "--dry-run            of train: check and print the plan\n"
             "-q, -v, -vv          errors only; more; everything\n"
             "--color=WHEN         always or never; NO_COLOR is respected\n"
             "-h, --help           this, or the help of a command");
}

void cli_help_command(const struct command *k)
{
    if (!k) {
        overview();
        return;
    }
    printf("limbeck %s %s\n%s\n\n", k->name, k->words, k->doc);
    indented(k->examples);
    if (k->keys)
        printf("\nkeys:\n");
    for (const struct cli_key *key = k->keys; key && key->name; key++)
        printf("  %-9s %s\n", key->name, key->help);
    if (k->more)
        printf("\n%s\n", k->more);
}

static void put_code(void *ud, int code, const char *meaning)
{
    printf("%4d  %s\n", code, meaning);
}

static int help_thing(struct cli *c, const struct kind *k, const char *name)
{
    const void *d = cli_need(c, k, name);
    if (!d)
        return c->failed_code;
    printf("%s %s: %s\n", k->name, k->key(d), k->doc(d) ? k->doc(d) : "");
    const struct lbk_opt *o = k->opts(d);
    if (o && o->type != LBK_OPT_END) {
        printf("options:\n");
        lbk_opts_help(o, cli_line, stdout);
    }
    return k->text ? k->text(c, d) : 0;
}

int cmd_help(struct cli *c)
{
    if (c->n_words == 0) {
        overview();
        return 0;
    }
    const char *topic = c->words[0];
    const struct kind *k = cli_kind(topic);
    if (k && c->n_words == 2)
        return help_thing(c, k, c->words[1]);
    if (c->n_words == 1 && !strcmp(topic, "exit-codes")) {
        cli_exit_codes(put_code, NULL);
        return 0;
    }
    if (c->n_words == 1 && !strcmp(topic, "settings")) {
        lbk_opts_help(lbk_train_options(), cli_line, stdout);
        return 0;
    }
    const struct command *command = cli_command(topic);
    if (command && c->n_words == 1) {
        cli_help_command(command);
        return 0;
    }
    if (k)
        return cli_fail(c, EXIT_USAGE, "help %s: expected the name of a %s; see 'limbeck list %s'",
                        topic, k->name, k->plural);
    return cli_fail(c, EXIT_USAGE, "help: '%s' is neither a command nor a kind of thing", topic);
}
