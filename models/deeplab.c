/* SPDX-License-Identifier: MIT */
/* DeepLabV3 (Chen et al., "Rethinking atrous convolution", 2017): the teacher and the students of
 * CIRKD and RDD. */
#include "seg.h"

#define RATES LBK_NUMBERS(seg, rates, "12:24:36", "dilations of the three spread branches")
static const struct lbk_opt small[] = { SEG_OPTS(128), SEG_STEM, RATES, LBK_OPTS_END },
                            large[] = { SEG_OPTS(256), SEG_STEM, RATES, LBK_OPTS_END },
                            mobile[] = { SEG_OPTS(128), RATES, LBK_OPTS_END };

/* torchvision's, which are those with deep=no. */
static const struct lbk_rename renames[] = {
    { "backbone", "pretrained" },
    { "classifier.0.convs.0", "head.aspp.b0" },
    { "classifier.0.convs.1", "head.aspp.b1.block" },
    { "classifier.0.convs.2", "head.aspp.b2.block" },
    { "classifier.0.convs.3", "head.aspp.b3.block" },
    { "classifier.0.convs.4", "head.aspp.b4.gap" },
    { "classifier.0.project", "head.aspp.project" },
    { "classifier.1", "head.block.0" },
    { "classifier.2", "head.block.1" },
    { "classifier.4", "head.block.4" },
    { "aux_classifier", "auxlayer.block" },
    { NULL, NULL },
};

/* Five looks at x: 1 x 1, three spread 3 x 3, the whole image. */
static lbk_val *pyramid(lbk_scope *s, lbk_val *x, const struct seg *c, int64_t channels)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape in = lbk_shape_of(x);
    const struct lbk_conv one = lbk_conv(.out = channels, .kernel = 1);
    lbk_val *part[5] = { seg_unit(lbk_scope_sub(s, "b0"), x, 0, one) };
    for (int i = 1; i < 4; i++) {
        const int64_t rate = (int64_t) c->rates.v[i - 1];
        part[i] = seg_unit(lbk_scope_sub(s, "b%d/block", i), x, 0,
                           lbk_conv(.out = channels, .kernel = 3, .pad = rate, .dilation = rate));
    }
    lbk_val *all = lbk_mean(g, x, (struct lbk_reduce){ 1u << 2 | 1u << 3, true });
    all = seg_unit(lbk_scope_sub(s, "b4/gap"), all, 1, one);
    part[4] =
        lbk_broadcast(g, all, (struct lbk_dims){ 4, { in.d[0], channels, in.d[2], in.d[3] } });
    lbk_scope *project = lbk_scope_sub(s, "project");
    x = seg_unit(project, lbk_concat(g, 5, part, (struct lbk_axis){ 1 }), 0, one);
    return seg_drop(lbk_scope_sub(project, "3"), x, c, 0.5);
}

static lbk_val *head(lbk_scope *s, lbk_val *c4, const struct seg *c)
{
    lbk_scope *head = lbk_scope_sub(s, "head"), *block = lbk_scope_sub(head, "block");
    const int64_t channels = part_width(c->head, c->width);
    lbk_val *x = pyramid(lbk_scope_sub(head, "aspp"), c4, c, channels);
    x = seg_unit(block, x, 0, lbk_conv(.out = channels, .kernel = 3, .pad = 1));
    x = seg_drop(lbk_scope_sub(block, "3"), x, c, 0.1);
    lbk_tap(s, "feature", x);
    return seg_classes(lbk_scope_sub(block, "4"), x, c);
}

static bool fits(lbk_graph *g, const struct seg *c)
{
    part_need_classes(g, "deeplabv3", c->classes);
    if (c->rates.n != 3)
        lbk_graph_fail(g, LBK_EINVAL, "deeplabv3: rates: expected 3 numbers, found %lld",
                       (long long) c->rates.n);
    for (int i = 0; i < 3 && c->rates.n == 3; i++)
        if (!(c->rates.v[i] >= 1 && c->rates.v[i] <= 1024))
            lbk_graph_fail(g, LBK_EINVAL, "deeplabv3: rates: expected 1..1024, found %g",
                           c->rates.v[i]);
    return !lbk_graph_status(g);
}

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct seg *c, struct seg_net n)
{
    n.head = head;
    return fits(lbk_scope_graph(s), c) ? seg_build(s, x, c, &n) : NULL;
}

static lbk_val *resnet18(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ .blocks = { 2, 2, 2, 2 } });
}

static lbk_val *resnet50(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ .blocks = { 3, 4, 6, 3 }, .bottleneck = true });
}

static lbk_val *resnet101(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ .blocks = { 3, 4, 23, 3 }, .bottleneck = true });
}

static lbk_val *mobilenet_v2(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ 0 });
}

lbk_status lbk_models_deeplab(lbk_registrar *r);
lbk_status lbk_models_deeplab(lbk_registrar *r)
{
    seg_register(r, "deeplabv3_resnet18",
                 "DeepLabV3 on ResNet-18 at 1/8 of the image, with an auxiliary head", small,
                 resnet18, renames);
    seg_register(r, "deeplabv3_resnet50",
                 "DeepLabV3 on ResNet-50 at 1/8 of the image, with an auxiliary head", large,
                 resnet50, renames);
    seg_register(r, "deeplabv3_resnet101",
                 "DeepLabV3 on ResNet-101 at 1/8 of the image, with an auxiliary head", large,
                 resnet101, renames);
    return seg_register(r, "deeplabv3_mobilenet_v2", "DeepLabV3 on MobileNetV2 at 1/8 of the image",
                        mobile, mobilenet_v2, renames);
}
