/* SPDX-License-Identifier: MIT */
/* Inside of the module. */
#ifndef SSIM_H
#define SSIM_H
#include <limbeck/plugin.h>

/* "ssim.ssim": mean over all elements of (1 - S) / 2, in 0..1, S the structural similarity of student and teacher after adapter and
 * normalisation, or the product of those of its factors that are on. Teachers get no gradient. */
lbk_status ssim_register_loss(lbk_registrar *r);

#endif
