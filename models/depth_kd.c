/* SPDX-License-Identifier: MIT */
/* The networks of "Boosting light-weight depth estimation via knowledge distillation" (Hu et
 * al., 2023), named as in the authors' implementation, for images of any size: the first 17 blocks
 * of MobileNetV2, or a ResNet, and one decoder. Of each of four features the decoder weighs the
 * channels, compresses them to 16 with a 5 x 5 convolution and enlarges those to a half of the
 * image (twice the first feature); two 5 x 5 convolutions over all 64 and one to a single channel
 * follow, and the result, in metres, is enlarged to the image. Resampling is bilinear with aligned
 * corners. */
#include "parts.h"

enum { NARROW = 16, WIDE = 64 };

struct depth_net {
    double width;
};
static const struct lbk_opt opts[] = { PART_WIDTH(depth_net), LBK_OPTS_END };

static lbk_val *five(lbk_scope *s, lbk_val *x, int64_t out, bool bias)
{
    return lbk_nn_conv2d(s, x, lbk_conv(.out = out, .kernel = 5, .pad = 2, .bias = bias));
}

static lbk_val *attention(lbk_scope *s, lbk_val *x)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t c = lbk_shape_of(x).d[1], few = c < 16 ? 1 : c / 16;
    lbk_val *a = lbk_mean(g, x, (struct lbk_reduce){ 1u << 2 | 1u << 3, true });
    a = lbk_nn_conv2d(lbk_scope_sub(s, "1"), a, lbk_conv(.out = few, .kernel = 1));
    a = lbk_nn_conv2d(lbk_scope_sub(s, "3"), lbk_relu(g, a), lbk_conv(.out = c, .kernel = 1));
    return lbk_mul(g, x, lbk_sigmoid(g, a));
}

/* Tap n of the encoder, as so many channels of that size. */
static lbk_val *compress(lbk_scope *s, lbk_val *x, int n, int64_t channels, struct lbk_resize to)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *up = lbk_scope_sub(s, "up%d", n);
    x = attention(lbk_scope_sub(s, "att%d", n), x);
    x = five(lbk_scope_sub(up, "conv1"), x, channels, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(up, "bn1"), x));
    return lbk_resize(g, x, to);
}

static lbk_val *decode(lbk_scope *s, lbk_val *const feature[4], lbk_shape image, double width)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *join = lbk_scope_sub(s, "MFF"), *last = lbk_scope_sub(s, "R");
    const lbk_shape first = lbk_shape_of(feature[0]);
    const struct lbk_resize half = { 2 * first.d[2], 2 * first.d[3], LBK_CORNERS };
    const int64_t narrow = part_width(NARROW, width), wide = part_width(WIDE, width);
    lbk_val *part[4];
    for (int i = 0; i < 4; i++)
        part[i] = compress(join, feature[i], i + 1, narrow, half);
    lbk_val *x = lbk_concat(g, 4, part, (struct lbk_axis){ 1 });
    x = five(lbk_scope_sub(join, "conv"), x, wide, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(join, "bn"), x));
    lbk_tap(join, "", x);
    x = five(lbk_scope_sub(last, "conv0"), x, wide, false);
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(last, "bn0"), x));
    x = five(lbk_scope_sub(last, "conv2"), x, 1, true);
    return lbk_resize(g, x, (struct lbk_resize){ image.d[2], image.d[3], LBK_CORNERS });
}

static lbk_val *finish(lbk_scope *s, lbk_val *const feature[4], const lbk_val *image, double width)
{
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "block%d", i + 1), "", feature[i]);
    return decode(s, feature, lbk_shape_of(image), width);
}

static lbk_val *mobile(lbk_scope *s, lbk_val *x, const void *cfg)
{
    const struct depth_net *c = cfg;
    const struct part_mobilenet m = { .blocks = 17, .width = c->width };
    lbk_val *out[PART_MOBILE_BLOCKS];
    part_mobilenet(lbk_scope_sub(s, "E/mv2"), x, &m, out);
    return finish(s, (lbk_val *[]){ out[3], out[6], out[13], out[16] }, x, c->width);
}

static lbk_val *residual(lbk_scope *s, lbk_val *x, const struct depth_net *c, struct part_resnet r)
{
    lbk_val *out[4];
    r.width = c->width;
    part_resnet(lbk_scope_sub(s, "E"), x, &r, out);
    return finish(s, out, x, c->width);
}

static lbk_val *resnet18(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return residual(s, x, cfg, (struct part_resnet){ .blocks = { 2, 2, 2, 2 } });
}

static lbk_val *resnet34(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return residual(s, x, cfg, (struct part_resnet){ .blocks = { 3, 4, 6, 3 } });
}

static lbk_status add(lbk_registrar *r, const char *name, const char *doc,
                      lbk_val *(*build)(lbk_scope *s, lbk_val *x, const void *cfg))
{
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = name, .doc = doc, .task = "depth",
                                          .opts = opts, .cfg_size = sizeof(struct depth_net),
                                          .build = build));
}

lbk_status lbk_models_depth_kd(lbk_registrar *r);
lbk_status lbk_models_depth_kd(lbk_registrar *r)
{
    add(r, "depth_mobilenet_v2", "light network of depth KD, for images of 228 x 304", mobile);
    add(r, "depth_resnet18", "a smaller teacher of depth KD, for images of 228 x 304", resnet18);
    return add(r, "depth_resnet34", "teacher of depth KD, for images of 228 x 304", resnet34);
}
