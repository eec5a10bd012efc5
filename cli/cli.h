/* SPDX-License-Identifier: MIT */
#ifndef LBK_CLI_H
#define LBK_CLI_H
#include <limbeck/plugin.h>
#include <limbeck/train.h>
#include <jansson.h>

/* One key=value and where it was written: "command line", or "recipe.yaml:3". */
struct setting { const char *key, *value, *from; bool taken; };

struct cli {
    const struct command *command;
    int n_words;      const char **words;              /* after the command */
    /* recipes first; a later one replaces an earlier one */
    int n_settings;   struct setting *settings;
    int n_recipes;    const char **recipes;
    bool json, dry_run, help, colour;
    bool answered;                                     /* the JSON of a failure is out */
    bool quiet;                                        /* not even errors are printed */
    int verbose;                                       /* -1 quiet, 0, 1 debug, 2 trace */
    int n_owned;      void **owned;                    /* freed together at the end */
    char error[1200];
    int failed_code;                                   /* exit code of the last cli_fail() */
    const char *about;                                 /* key that the library's next failure comes from, or NULL */
    bool progress_open;  /* a progress line is on the terminal, unfinished */
    lbk_ctx *ctx;
};

enum {
    CMD_JSON = 1,                                      /* read-only: takes --json */
    CMD_KEYS = 2,                                      /* takes key=value */
    CMD_RUNS = 4,  /* trains or evaluates: speaks at INFO, takes -c */
    CMD_NO_CTX = 8,
};
/* a key the command takes itself; a table ends at NULL */
struct cli_key { const char *name, *help; };
struct command {
    const char *name, *words, *doc;
    unsigned flags;
    const struct cli_key *keys;
    const char *more, *examples;                       /* one per line */
    int (*run)(struct cli *c);                         /* returns an exit code */
};
extern const struct command cli_commands[];            /* ends at name NULL */
const struct command *cli_command(const char *name);

/* args.c: returns 0 or an exit code. */
int cli_args_parse(struct cli *c, int argc, char **argv);
/* NULL = not given. Marks the key as used. */
const char *cli_take(struct cli *c, const char *key);
int cli_take_int(struct cli *c, const char *key, int64_t min, int64_t max, int64_t *out);
const struct lbk_setting *cli_all(struct cli *c, int *n);                /* owned by c */
/* What nobody took, for the library; owned by c. */
const struct lbk_setting *cli_rest(struct cli *c, int *n);
/* 0, or exit code 2 naming the first key nobody took. */
int cli_no_rest(struct cli *c);
int cli_set(struct cli *c, const char *key, const char *value, const char *from);
bool cli_key_valid(const char *key, size_t n);

/* recipe.c */
int cli_recipe_read(struct cli *c, const char *path);
int cli_recipe_parse(struct cli *c, const char *name, const unsigned char *text, size_t size);

/* memory.c: an allocation that fails ends the program with exit code 6. */
void *cli_alloc(struct cli *c, size_t bytes);                            /* zeroed */
char *cli_text(struct cli *c, const char *fmt, ...) LBK_PRINTF(2, 3);
void *cli_own(struct cli *c, void *p);
void cli_free(struct cli *c);
/* NULL = none is near */
const char *cli_nearest(const char *name, const char *const *names, int n);

/* status.c */
enum {
    EXIT_FAILED = 1, EXIT_USAGE, EXIT_DAMAGED, EXIT_IO, EXIT_DEVICE, EXIT_MEMORY, EXIT_DIVERGED,
    EXIT_PLUGIN
};
int cli_exit_code(lbk_status st);
void cli_exit_codes(void (*put)(void *ud, int code, const char *meaning), void *ud);
/* Says it on the standard error as "limbeck: ...", keeps it for --json, returns code. */
int cli_fail(struct cli *c, int code, const char *fmt, ...) LBK_PRINTF(3, 4);
void cli_log(void *ud, enum lbk_log_level lvl, const char *msg);
void cli_say(struct cli *c, const char *prefix, const char *msg);
/* Signals: the first asks for a stop, the second exits at once. */
void cli_signals_catch(void);
int cli_signal(void);                                                    /* 0 = none came */

/* json.c */
json_t *cli_json_options(const struct lbk_opt *table);
json_t *cli_json_names(const char *const *names);
void cli_json_add(json_t *o, const char *key, json_t *v);  /* takes v; a NULL v is left out */
json_t *cli_json_number(double v);                         /* null for what JSON has no number for */
void cli_json_text(json_t *o, const char *key, const char *text);        /* NULL text is left out */
/* Writes {"schema": "limbeck.<what>/1", ...o} and frees o. */
int cli_json_put(struct cli *c, const char *what, json_t *o);
/* The same of an answer that is a failure as well: with "error", as cli_fail() has said it. Returns its code. */
int cli_json_put_failed(struct cli *c, const char *what, json_t *o);
void cli_json_error(struct cli *c, int code);  /* nothing where the answer has it already */

/* show.c */
void cli_line(void *ud, const char *line);                               /* ud is a FILE * */
int cli_flush(struct cli *c);  /* 4 when the standard output could not be written */
const char *cli_shape(struct cli *c, lbk_shape s);                       /* "3x32x32" */
int cli_shape_parse(struct cli *c, const char *key, const char *text, lbk_shape *out);
const char *cli_dtype(lbk_dtype t);

/* registry.c: one row per kind of thing that can be registered. */
struct kind {
    const char *plural, *name;                                           /* "methods", "method" */
    enum lbk_registry which;
    const char *(*key)(const void *d);
    const char *(*doc)(const void *d);
    const struct lbk_opt *(*opts)(const void *d);
    void (*json)(json_t *o, const void *d);                              /* the rest of it */
    int (*text)(struct cli *c, const void *d);                           /* 0 or an exit code */
};
extern const struct kind cli_kinds[];
const struct kind *cli_kind(const char *name);                           /* singular or plural */
/* Loads what it takes to find it; NULL after cli_fail() with the nearest name. */
const void *cli_need(struct cli *c, const struct kind *k, const char *name);

/* progress.c */
struct progress;
struct progress *cli_progress_create(struct cli *c);
bool cli_progress(void *ud, const struct lbk_progress *p);
void cli_progress_end(struct progress *p);

/* params.c: settings the program itself understands, turned into what the library takes. */
int cli_train_params(struct cli *c, struct lbk_train_params *p);
int cli_device(struct cli *c, const char **spec);                        /* device= and threads= */

int cmd_train(struct cli *c);
int cmd_resume(struct cli *c);
int cmd_eval(struct cli *c);
int cmd_predict(struct cli *c);
int cmd_list(struct cli *c);
int cmd_help(struct cli *c);
int cmd_devices(struct cli *c);
int cmd_inspect(struct cli *c);
int cmd_convert(struct cli *c);
int cmd_loss(struct cli *c);
int cmd_bench(struct cli *c);
int cmd_plugin(struct cli *c);
int cmd_compare(struct cli *c);
int cmd_report(struct cli *c);
int cmd_version(struct cli *c);
int cmd_doctor(struct cli *c);
int cmd_tune(struct cli *c);
int cli_devices(struct cli *c);                                          /* all of them, in short */
void cli_help_command(const struct command *k);

#endif
