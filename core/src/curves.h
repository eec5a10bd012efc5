/* SPDX-License-Identifier: MIT */
/* What is said over the curves of a run. */
#ifndef LBK_SRC_CURVES_H
#define LBK_SRC_CURVES_H
#include "history.h"

void lbk__curves_title(const char *method, const char *model, const char *data, const char *seed,
                       char *out, size_t size);
void lbk__curves_subtitle(const struct history *h, char *out, size_t size);

#endif
