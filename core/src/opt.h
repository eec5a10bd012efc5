/* SPDX-License-Identifier: MIT */
/* Inside of option blocks and of what changes over a run. */
#ifndef LBK_SRC_OPT_H
#define LBK_SRC_OPT_H
#include <limbeck/opt.h>
#include "arena.h"

/* What messages call the owner of the options: "rdd" gives "rdd.lambda: expected ...". Copied. */
lbk_status lbk__opts_prefix(lbk_opts *o, const char *prefix);
bool lbk__opts_has(const lbk_opts *o, const char *name);
const struct lbk_opt *lbk__opts_table(const lbk_opts *o);
/* Every LBK_OPT_WEIGHT off for the whole run; true too of a table without any. */
bool lbk__opts_weights_off(const lbk_opts *o);
/* Turns every LBK_OPT_WEIGHT off. */
lbk_status lbk__opts_plain(lbk_opts *o);

/* "enum", and "0..100" or "code|clean" or ""; returns buf. */
const char *lbk__opt_type_name(enum lbk_opt_type t);
char *lbk__opt_range(const struct lbk_opt *d, char *buf, size_t size);
char *lbk__opt_default(const struct lbk_opt *d, char *buf, size_t size);

/* NULL when well formed, else what was expected. Curves are made in the arena, "0.1" needs none. */
const char *lbk__parse_span(const char *s, size_t n, struct lbk_span *out);
const char *lbk__parse_ramp(struct arena *a, const char *s, size_t n, struct lbk_ramp *out);

/* total_steps: of the clock the ramp runs on. A span of zero is the whole clock. */
double lbk__span_steps(struct lbk_span s, double steps_per_epoch, double total_steps);
double lbk__ramp_at(struct lbk_ramp r, double step, double steps_per_epoch, double total_steps);
/* The same value from beginning to end. */
bool lbk__ramp_constant(struct lbk_ramp r, double *value);

#endif
