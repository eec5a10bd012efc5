/* SPDX-License-Identifier: MIT */
/* Operands of a group, which are expressions over its args. [any thread] */
#ifndef LBK_OPERAND_H
#define LBK_OPERAND_H
#include <limbeck/backend.h>

/* Shape of operand i, which its args broadcast to. False: it has no args, or they differ in rank. */
bool operand_shape(const struct lbk_group *g, int i, lbk_shape *out);

#endif
