/* SPDX-License-Identifier: MIT */
/* Residual networks for small images (He et al., "Deep residual learning", 2016, section 4.2), in
 * the two shapes that distillation papers use: three stages as in RepDistiller and mdistiller, four
 * stages after the ImageNet networks. Weights are named as in the usual PyTorch implementations of
 * each. */
#include "parts.h"

struct resnet {
    int64_t classes;
    double width;
};
static const struct lbk_opt opts[] = {
    PART_CLASSES(resnet, "of the last layer"),
    PART_WIDTH(resnet),
    LBK_OPTS_END,
};

struct family {
    const char *shortcut, *head; /* names of the projection and of the last layer */
    enum part_start start;
    bool bottleneck;
    int stages;
    int64_t stem, channels[4], blocks[4];
};

/* Three stages end in the mean over the image; four in means over 4 x 4, all of which the last
 * layer sees. */
static lbk_val *pool(lbk_graph *g, lbk_val *x, const struct family *f)
{
    if (f->stages == 3)
        return part_image_mean(g, x);
    x = lbk_avg_pool(g, x, (struct lbk_pool){ .kernel = 4 });
    return lbk_reshape(g, x, (struct lbk_dims){ 2, { lbk_shape_of(x).d[0], -1 } });
}

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct resnet *c, const struct family *f)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t first = part_width(f->stem, c->width);
    part_need_classes(g, "resnet", c->classes);
    x = lbk_relu(g, part_unit(s, x, 1, f->start, lbk_conv(.out = first, .kernel = 3, .pad = 1)));
    lbk_tap(s, "stem", x);
    for (int i = 0; i < f->stages; i++) {
        lbk_scope *stage = lbk_scope_sub(s, "layer%d", i + 1);
        for (int j = 0; j < (int) f->blocks[i]; j++)
            x = part_block(lbk_scope_sub(stage, "%d", j), x,
                           (struct part_block){ .shortcut = f->shortcut,
                                                .start = f->start,
                                                .bottleneck = f->bottleneck,
                                                .channels = part_width(f->channels[i], c->width),
                                                .stride = i && !j ? 2 : 1 });
        lbk_tap(stage, "", x);
    }
    x = pool(g, x, f);
    lbk_tap(s, "pool", x);
    return lbk_nn_linear(lbk_scope_sub(s, "%s", f->head), x, c->classes, true);
}

#define THREE(n, w0, w1, w2, w3)                                                                   \
 {                                                                                                 \
  "downsample", "fc", PART_NORMAL, false, 3, w0, { w1, w2, w3 }, { n, n, n }                       \
 }
#define FOUR(wide, b0, b1, b2, b3)                                                                 \
 {                                                                                                 \
  "shortcut", "linear", PART_UNIFORM, wide, 4, 64, { 64, 128, 256, 512 }, { b0, b1, b2, b3 }       \
 }
#define LIST(X)                                                                                    \
 X(resnet20, "20 layers, 16 to 64 channels", THREE(3, 16, 16, 32, 64))                             \
 X(resnet32, "32 layers, 16 to 64 channels", THREE(5, 16, 16, 32, 64))                             \
 X(resnet56, "56 layers, 16 to 64 channels", THREE(9, 16, 16, 32, 64))                             \
 X(resnet110, "110 layers, 16 to 64 channels", THREE(18, 16, 16, 32, 64))                          \
 X(resnet8x4, "8 layers, four times as wide", THREE(1, 32, 64, 128, 256))                          \
 X(resnet32x4, "32 layers, four times as wide", THREE(5, 32, 64, 128, 256))                        \
 X(resnet18_cifar, "ResNet-18 with a 3 x 3 stem and no pooling", FOUR(false, 2, 2, 2, 2))          \
 X(resnet34_cifar, "ResNet-34 with a 3 x 3 stem and no pooling", FOUR(false, 3, 4, 6, 3))          \
 X(resnet50_cifar, "ResNet-50 with a 3 x 3 stem and no pooling", FOUR(true, 3, 4, 6, 3))

static const struct lbk_model base = {
    .size = sizeof base, .task = "classify", .opts = opts, .cfg_size = sizeof(struct resnet)
};
PART_FAMILY(resnet_cifar, LIST, struct family, base)
