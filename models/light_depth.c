/* SPDX-License-Identifier: MIT */
/* A depth network in which every spatial convolution but the first is depthwise, after FastDepth
 * (Wofk et al., 2019). Encoder: all blocks of MobileNetV2 without its last 1 x 1 convolution, 320
 * channels at 1/32. Decoder: five stages to 256, 128, 64, 48 and 32 channels, each
 *   depthwise 5 x 5, batch normalisation, ReLU, 1 x 1, batch normalisation, ReLU, nearest
 * resampling to the size of the next finer feature (blocks 13, 6, 3 and 1 of the encoder: 96, 32,
 * 24 and 16 channels at 1/16, 1/8, 1/4 and 1/2; at last the image), which is appended. A 1 x 1
 * convolution with bias answers in metres. */
#include "parts.h"

struct light {
    double width;
};
static const struct lbk_opt opts[] = { PART_WIDTH(light), LBK_OPTS_END };

static lbk_val *stage(lbk_scope *s, lbk_val *x, int64_t out, lbk_shape to)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t in = lbk_shape_of(x).d[1];
    x = part_unit(s, x, 1, PART_NORMAL, lbk_conv(.out = in, .kernel = 5, .pad = 2, .groups = in));
    x = part_unit(s, lbk_relu(g, x), 2, PART_NORMAL, lbk_conv(.out = out, .kernel = 1));
    return lbk_resize(g, lbk_relu(g, x), (struct lbk_resize){ to.d[2], to.d[3], LBK_NEAREST });
}

static lbk_val *light_depth(lbk_scope *s, lbk_val *image, const void *cfg)
{
    static const struct {
        int64_t channels;
        int block; /* of the encoder, appended after; -1 = none */
    } row[] = { { 256, 13 }, { 128, 6 }, { 64, 3 }, { 48, 1 }, { 32, -1 } };
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *out[PART_MOBILE_BLOCKS];
    const double width = ((const struct light *) cfg)->width;
    const struct part_mobilenet m = { PART_MOBILE_BLOCKS, false, width };
    lbk_val *x = part_mobilenet(lbk_scope_sub(s, "features"), image, &m, out);
    lbk_tap(s, "encoder", x);
    for (int i = 0; i < 5; i++) {
        lbk_val *side = row[i].block < 0 ? image : out[row[i].block];
        lbk_scope *at = lbk_scope_sub(s, "decoder/%d", i);
        x = stage(at, x, part_width(row[i].channels, width), lbk_shape_of(side));
        lbk_tap(at, "", x);
        if (row[i].block >= 0)
            x = lbk_concat(g, 2, (lbk_val *[]){ x, side }, (struct lbk_axis){ 1 });
    }
    return lbk_nn_conv2d(lbk_scope_sub(s, "decoder/5"), x,
                         lbk_conv(.out = 1, .kernel = 1, .bias = true));
}

lbk_status lbk_models_light_depth(lbk_registrar *r);
lbk_status lbk_models_light_depth(lbk_registrar *r)
{
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "light_depth", .task = "depth",
                    .doc = "MobileNetV2 and a decoder of depthwise 5 x 5 convolutions, for depth",
                    .opts = opts, .cfg_size = sizeof(struct light), .build = light_depth));
}
