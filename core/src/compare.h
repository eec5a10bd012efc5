/* SPDX-License-Identifier: MIT */
/* What runs have left in result.json. */
#ifndef LBK_SRC_COMPARE_H
#define LBK_SRC_COMPARE_H
#include <jansson.h>
#include <limbeck/report.h>

/* Of the folder of a run, with a metric, its value and settings; json_decref. LBK_ENOENT, LBK_EIO, LBK_EFORMAT. */
lbk_status lbk__result_read(lbk_ctx *ctx, const char *dir, json_t **out);
/* "" and NAN where there is none. */
const char *lbk__json_text(const json_t *o, const char *key);
double lbk__json_double(const json_t *o, const char *key);

#endif
