/* SPDX-License-Identifier: MIT */
#include "move.h"
#include "transform.h"

const struct lbk_transform *const lbk__transforms[] = {
    &lbk__resize_data, &lbk__scale_data, &lbk__crop,   &lbk__pad_data,
    &lbk__center_crop, &lbk__flip,       &lbk__rotate, &lbk__color,
    &lbk__lighting,    &lbk__normalize,  NULL,
};
