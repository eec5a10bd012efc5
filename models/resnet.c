/* SPDX-License-Identifier: MIT */
/* Residual networks for large images (He et al., "Deep residual learning", 2016, table 1), with the
 * names of torchvision's; a bottleneck has its stride in the 3 x 3, as there. */
#include "parts.h"

struct resnet {
    int64_t classes;
    double width;
    bool deep, dilated;
};
static const struct lbk_opt opts[] = {
    PART_CLASSES(resnet, "of the last layer"),
    PART_WIDTH(resnet),
    LBK_BOOL(resnet, deep, false, "three 3 x 3 convolutions before the pooling, not one 7 x 7"),
    LBK_BOOL(resnet, dilated, false,
             "layer3 and layer4 spread their kernels and keep 1/8 of the image"),
    LBK_OPTS_END,
};

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct resnet *c,
                      const struct part_resnet *table)
{
    struct part_resnet r = *table;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *out[4];
    part_need_classes(g, "resnet", c->classes);
    r.width = c->width, r.deep = c->deep, r.dilated = c->dilated;
    x = part_resnet(s, x, &r, out);
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "layer%d", i + 1), "", out[i]);
    x = part_image_mean(g, x);
    lbk_tap(s, "pool", x);
    return lbk_nn_linear(lbk_scope_sub(s, "fc"), x, c->classes, true);
}

#define LIST(X)                                                                                    \
 X(resnet18, "ResNet-18, for images of 224 x 224", { { 2, 2, 2, 2 }, .bottleneck = false })        \
 X(resnet34, "ResNet-34, for images of 224 x 224", { { 3, 4, 6, 3 }, .bottleneck = false })        \
 X(resnet50, "ResNet-50, for images of 224 x 224", { { 3, 4, 6, 3 }, .bottleneck = true })         \
 X(resnet101, "ResNet-101, for images of 224 x 224", { { 3, 4, 23, 3 }, .bottleneck = true })

static const struct lbk_model base = {
    .size = sizeof base, .task = "classify", .opts = opts, .cfg_size = sizeof(struct resnet)
};
PART_FAMILY(resnet, LIST, struct part_resnet, base)
