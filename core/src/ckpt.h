/* SPDX-License-Identifier: MIT */
/* Tensors of an open file into a store. [owner thread] */
#ifndef LBK_SRC_CKPT_H
#define LBK_SRC_CKPT_H
#include "rename.h"

struct ckpt_rule {
    const char *prefix; /* of the names in the store */
    const struct lbk_rename *renames;
    const char *const *anew; /* names in the store, ended by NULL, that keep what they have whatever is in the file; or NULL */
    bool strict;
};
/* As lbk_ckpt_load(). */
lbk_status lbk__ckpt_fetch(lbk_store *s, const struct st_file *f, const struct ckpt_rule *r);

#endif
