/* SPDX-License-Identifier: MIT */
/* A page about runs: one file of HTML, which reads nothing else. */
#ifndef LBK_SRC_PAGE_H
#define LBK_SRC_PAGE_H
#include <limbeck/train.h>
#include "arena.h"
#include "compare.h"
#include "figure.h"

enum { PAGE_LEVELS = 64 };
/* What the folder of a run tells. */
struct page_run {
    const char *dir;
    json_t *result; /* NULL: it has not ended */
    json_t *env, *teacher;
    int n_setting;
    struct lbk_setting *setting;
    struct history history;
    int n_level;
    struct level level[PAGE_LEVELS];
    char title[512], subtitle[256];
    struct arena arena;
};
/* result: what result.json is going to hold, taken as it is; NULL: what the file holds. Free it always. LBK_ENOENT: it is no folder
 * of a run. */
lbk_status lbk__page_read(lbk_ctx *ctx, const char *dir, json_t *result, struct page_run *out);
void lbk__page_free(struct page_run *r);
/* "" where it was not set. */
const char *lbk__page_setting(const struct page_run *r, const char *name);

/* All that is said of one run; n: which of several, from 1, or 0 for one alone. */
void lbk__page_run(struct text *t, const struct page_run *r, int n);
/* Panels with their legend. */
void lbk__page_curves(struct text *t, const struct figure *f);
/* The pictures in its samples/ as they are, the latest first. */
void lbk__page_pictures(struct text *t, const char *dir);

/* "tables" of result.json. */
void lbk__page_tables(struct text *t, const json_t *tables);

/* An element with text, escaped; class NULL: none. */
void lbk__page_tag(struct text *t, const char *tag, const char *class, const char *text);
void lbk__page_cell(struct text *t, double v);  /* <td> of a number, or of a dash */
void lbk__page_begin_table(struct text *t, const char *const heads[]); /* ends at NULL */
void lbk__page_end_table(struct text *t);

/* report.html in the folder of a run that ends, before result.json is written. */
lbk_status lbk__page_write(lbk_ctx *ctx, const char *dir, const char *result);

#endif
