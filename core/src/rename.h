/* SPDX-License-Identifier: MIT */
/* Names of tensors in files of other programs. [any thread] */
#ifndef LBK_SRC_RENAME_H
#define LBK_SRC_RENAME_H
#include <limbeck/ckpt.h>
#include "safetensors.h"

enum { RENAME_SIZE = ST_MAX_NAME * 2 };

/* "downsample.0.weight" as prefix and "short/conv/weight": '/' for '.', then every rule in turn, each at the first run of
 * parts that it fits. */
void lbk__rename_ours(const char *theirs, const char *prefix, const struct lbk_rename *renames, char out[RENAME_SIZE]);
/* The name with '.' that lbk__rename_ours turns into ours, which has no prefix. False: the rules turn none into it. */
bool lbk__rename_theirs(const char *ours, const struct lbk_rename *renames, char out[RENAME_SIZE]);
/* In place. */
void lbk__rename_parts(char *name, char from, char to);
/* What PyTorch counts beside the statistics of a batch norm: nothing here depends on it. */
bool lbk__rename_is_count(const char *theirs);

#endif
