/* SPDX-License-Identifier: MIT */
/* What the machine says of itself. */
#ifndef LBK_HOST_H
#define LBK_HOST_H
#include <stdint.h>

/* Bytes that this process can still take without swapping: what Linux calls available, or what the limit of its control group
 * (versions 1 and 2) leaves, files that are only cached not counted, whichever is less. root: the folder that proc/ and sys/ are
 * in, "" for the machine's own. 0 = unknown. [any thread] */
uint64_t lbk__host_memory(const char *root);

#endif
