/* SPDX-License-Identifier: MIT */
/* The two networks of "Boosting light-weight depth estimation via knowledge distillation" (Hu et
 * al., 2023), named as in the authors' implementation: the first 17 blocks of MobileNetV2, or
 * ResNet-34, and one decoder. Of each of four features the decoder weighs the channels, compresses
 * them to 16 with a 5 x 5 convolution and enlarges those to a half of the image (twice the first
 * feature); two 5 x 5 convolutions over all 64 and one to a single channel follow, and the result,
 * in metres, is enlarged to the image. Resampling is bilinear with aligned corners. */
#include "parts.h"

enum { NARROW = 16, WIDE = 64 };

static lbk_val *five(lbk_scope *s, lbk_val *x, int64_t out, bool bias)
{
    return lbk_nn_conv2d(s, x, lbk_conv(.out = out, .kernel = 5, .pad = 2, .bias = bias));
}

static lbk_val *attention(lbk_scope *s, lbk_val *x)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t c = lbk_shape_of(x).d[1], few = c / 16;
    lbk_val *a = lbk_mean(g, x, (struct lbk_reduce){ 1u << 2 | 1u << 3, true });
    a = lbk_nn_conv2d(lbk_scope_sub(s, "1"), a, lbk_conv(.out = few, .kernel = 1));
    a = lbk_nn_conv2d(lbk_scope_sub(s, "3"), lbk_relu(g, a), lbk_conv(.out = c, .kernel = 1));
    return lbk_mul(g, x, lbk_sigmoid(g, a));
}

static lbk_val *compress(lbk_scope *s, lbk_val *x, int n, int64_t h, int64_t w)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *up = lbk_scope_sub(s, "up%d", n);
    x = attention(lbk_scope_sub(s, "att%d", n), x);
    x = five(lbk_scope_sub(up, "conv1"), x, NARROW, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(up, "bn1"), x));
    return lbk_resize(g, x, (struct lbk_resize){ h, w, LBK_CORNERS });
}

static lbk_val *decode(lbk_scope *s, lbk_val *const feature[4], lbk_shape image)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *join = lbk_scope_sub(s, "MFF"), *last = lbk_scope_sub(s, "R");
    const lbk_shape first = lbk_shape_of(feature[0]);
    lbk_val *part[4];
    for (int i = 0; i < 4; i++)
        part[i] = compress(join, feature[i], i + 1, 2 * first.d[2], 2 * first.d[3]);
    lbk_val *x = lbk_concat(g, 4, part, (struct lbk_axis){ 1 });
    x = five(lbk_scope_sub(join, "conv"), x, WIDE, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(join, "bn"), x));
    lbk_tap(join, "", x);
    x = five(lbk_scope_sub(last, "conv0"), x, WIDE, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(last, "bn0"), x));
    x = five(lbk_scope_sub(last, "conv2"), x, 1, true);
    return lbk_resize(g, x, (struct lbk_resize){ image.d[2], image.d[3], LBK_CORNERS });
}

static lbk_val *finish(lbk_scope *s, lbk_val *const feature[4], const lbk_val *image)
{
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "block%d", i + 1), "", feature[i]);
    return decode(s, feature, lbk_shape_of(image));
}

static lbk_val *student(lbk_scope *s, lbk_val *x, const void *cfg)
{
    lbk_val *out[PART_MOBILE_BLOCKS];
    part_mobilenet(lbk_scope_sub(s, "E/mv2"), x, 1, 17, out);
    return finish(s, (lbk_val *[]){ out[3], out[6], out[13], out[16] }, x);
}

static lbk_val *teacher(lbk_scope *s, lbk_val *x, const void *cfg)
{
    static const struct part_resnet r = { .blocks = { 3, 4, 6, 3 } };
    lbk_val *out[4];
    part_resnet(lbk_scope_sub(s, "E"), x, &r, out);
    return finish(s, out, x);
}

lbk_status lbk_models_depth_kd(lbk_registrar *r);
lbk_status lbk_models_depth_kd(lbk_registrar *r)
{
    lbk_register_model(r, LBK_DESC(lbk_model, .name = "depth_mobilenet_v2", .task = "depth",
                                   .doc = "light depth network of depth KD, for 228 x 304",
                                   .build = student));
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = "depth_resnet34", .task = "depth",
                                          .doc = "teacher of depth KD, for 228 x 304",
                                          .build = teacher));
}
