/* SPDX-License-Identifier: MIT */
/* PSPNet (Zhao et al., "Pyramid scene parsing network", 2017): students of CIRKD and RDD, and one
 * as large as their teacher. */
#include "seg.h"

static const struct lbk_opt small[] = { SEG_OPTS(128), SEG_STEM, LBK_OPTS_END },
                            large[] = { SEG_OPTS(512), SEG_STEM, LBK_OPTS_END },
                            mobile[] = { SEG_OPTS(128), LBK_OPTS_END };

/* x and its means over grids of 1 x 1 to 6 x 6 parts of the image, those a quarter as wide. */
static lbk_val *pyramid(lbk_scope *s, lbk_val *x)
{
    static const int64_t bins[4] = { 1, 2, 3, 6 };
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape in = lbk_shape_of(x);
    const struct lbk_conv quarter = lbk_conv(.out = in.d[1] / 4, .kernel = 1);
    lbk_val *part[5] = { x };
    for (int i = 0; i < 4; i++) {
        lbk_val *y = lbk_adaptive_avg_pool(g, x, (struct lbk_hw){ bins[i], bins[i] });
        y = seg_unit(lbk_scope_sub(s, "conv%d", i + 1), y, 0, quarter);
        part[i + 1] = lbk_resize(g, y, (struct lbk_resize){ in.d[2], in.d[3], LBK_CORNERS });
    }
    return lbk_concat(g, 5, part, (struct lbk_axis){ 1 });
}

static lbk_val *head(lbk_scope *s, lbk_val *c4, const struct seg *c)
{
    lbk_scope *head = lbk_scope_sub(s, "head"), *block = lbk_scope_sub(head, "block");
    const int64_t channels = part_width(c->head, c->width);
    lbk_val *x = pyramid(lbk_scope_sub(head, "psp"), c4);
    x = seg_unit(block, x, 0, lbk_conv(.out = channels, .kernel = 3, .pad = 1));
    x = seg_drop(lbk_scope_sub(block, "3"), x, c, 0.1);
    lbk_tap(s, "feature", x);
    return seg_classes(lbk_scope_sub(head, "classifier"), x, c);
}

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct seg *c, struct seg_net n)
{
    part_need_classes(lbk_scope_graph(s), "pspnet", c->classes);
    n.head = head;
    return seg_build(s, x, c, &n);
}

static lbk_val *resnet18(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ .blocks = { 2, 2, 2, 2 } });
}

static lbk_val *resnet101(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ .blocks = { 3, 4, 23, 3 }, .bottleneck = true });
}

static lbk_val *mobilenet_v2(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, (struct seg_net){ 0 });
}

lbk_status lbk_models_pspnet(lbk_registrar *r);
lbk_status lbk_models_pspnet(lbk_registrar *r)
{
    seg_register(r, "pspnet_resnet18",
                 "PSPNet on ResNet-18 at 1/8 of the image, with an auxiliary head", small, resnet18,
                 NULL);
    seg_register(r, "pspnet_resnet101",
                 "PSPNet on ResNet-101 at 1/8 of the image, with an auxiliary head", large,
                 resnet101, NULL);
    return seg_register(r, "pspnet_mobilenet_v2", "PSPNet on MobileNetV2 at 1/8 of the image",
                        mobile, mobilenet_v2, NULL);
}
