/* SPDX-License-Identifier: MIT */
/* What the user set, and who took it: a name that nobody takes is an error. [owner thread] */
#ifndef LBK_SRC_SETTING_H
#define LBK_SRC_SETTING_H
#include <limbeck/train.h>
#include "arena.h"

struct settings {
    lbk_ctx *ctx;
    struct arena arena;
    int n;
    struct lbk_setting *at; /* the last one of a name wins */
    bool *taken;
    const char **known; /* names that were asked for */
    int64_t n_known, cap_known;
};

enum { CACHE_OFF, CACHE_MEMORY, CACHE_DISK };
/* Options of a run that belong to nobody else. */
struct run_cfg {
    const char *data, *model, *optim, *augment, *val;
    struct lbk_ramp lr;
    int64_t batch, eval_batch, epochs, steps, loaders, seed, threads, log_every, samples;
    struct lbk_span eval_every, checkpoint_every, samples_every;
    int64_t checkpoint_seconds;
    int teacher_cache; /* CACHE_... */
    const char *teacher_cache_dir;
    int64_t teacher_cache_bytes;
    const char *method, *device, *out;
    bool strict, plain, teacher_eval, tensorboard;
};

lbk_status lbk__settings_create(lbk_ctx *ctx, int n, const struct lbk_setting at[],
                                struct settings **out);
void lbk__settings_destroy(struct settings **s);
/* NULL = not set. Takes it. */
const char *lbk__setting(struct settings *s, const char *fmt, ...) LBK_PRINTF(2, 3);
/* Every "<prefix>.<name>" into o, whose name is `prefix` in messages; prefix "": every name that o
 * has. */
lbk_status lbk__settings_fill(struct settings *s, const char *prefix, lbk_opts *o);
/* The options of a table, named `owner` in messages, with defaults of text (or NULL) under the
 * settings of n prefixes. */
lbk_status lbk__settings_opts(struct settings *s, const struct lbk_opt *table, size_t size,
                              const char *owner, const char *text, int n,
                              const char *const prefix[], lbk_opts **out);
/* All "<prefix>.<name>" as name and value, in the arena; takes them. */
int lbk__settings_list(struct settings *s, const char *prefix, const struct lbk_setting **out);
/* Is there a setting that begins so? Takes nothing. */
bool lbk__settings_any(const struct settings *s, const char *prefix);
/* Fails with the nearest of the names that were asked for. */
lbk_status lbk__settings_unknown(struct settings *s, const char *name);
lbk_status lbk__settings_done(struct settings *s);
/* Fails when a setting that nobody takes looks as if it was meant to be this one. */
lbk_status lbk__settings_typo(struct settings *s, const char *name);
/* The name of one that was set to the value, or to a list with it; NULL: there is none. */
const char *lbk__settings_valued(const struct settings *s, const char *value);

#endif
