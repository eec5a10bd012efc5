/* SPDX-License-Identifier: MIT */
/* Optimisers as graph. A spec is a name and options of it: "sgd,momentum=0.9,nesterov=yes,wd=5e-4",
 * "adam,beta1=0.9,beta2=0.999", "adamw,wd=0.01,clip=1". They are those of PyTorch's documentation;
 * wd is L2 in sgd and adam, decoupled in adamw. With clip above 0 gradients are multiplied by
 * min(1, clip / |g|), |g| the L2 norm of those of all parameters (Pascanu, Mikolov, Bengio 2013,
 * algorithm 1), before weight decay. */
#ifndef LBK_SRC_OPTIM_H
#define LBK_SRC_OPTIM_H
#include "graph.h"

/* Fails as lbk__optim_build would for this spec. */
lbk_status lbk__optim_check(lbk_ctx *ctx, const char *spec);

/* Assigns every parameter (an F32 state) and the states "<its name>@momentum", or "@moment1" and
 * "@moment2", what a step makes of them. lr: F32 scalar. ok: F32 scalar, where it is not above 0
 * nothing changes; NULL = 1. step: I32 scalar, from 0. A parameter without a gradient (NULL) stays
 * as it is. The result is |g|, F32 scalar; NULL without clip and where the graph has failed. */
lbk_val *lbk__optim_build(lbk_graph *g, const char *spec, lbk_val *lr, lbk_val *ok, lbk_val *step,
                          int n, lbk_val *const param[], lbk_val *const grad[]);

#endif
