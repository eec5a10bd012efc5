/* SPDX-License-Identifier: MIT */
/* RetinaNet (Lin et al., "Focal loss for dense object detection", 2017): a ResNet, a feature
 * pyramid (Lin et al., 2017) and two towers of convolutions that all levels share. Level n has a
 * cell for 2^n pixels; P6 and P7 are made of layer4, without a ReLU between them, as in
 * MMDetection. Named as torchvision's. */
#include <math.h>
#include <stdlib.h>
#include "parts.h"

enum { FIRST = 3, MOST_LEVELS = 5, MOST_CHANNELS = 1 << 24 };
static const double few = 0.01; /* how likely an anchor is thought to be a class before training */

/* How many anchors a cell has is an option of the network, for its last layers are made by it and
 * weights fit no other number; the task learns it from them. What the anchors look like is the
 * task's. */
struct retinanet {
    int64_t classes, neck, tower, levels, anchors;
    double width;
};
static const struct lbk_opt opts[] = {
    PART_CLASSES(retinanet, "of a box"),
    LBK_FLOAT(retinanet, width, 1, 0.1, 4,
              "multiplies the backbone's numbers of channels, in steps of 8"),
    LBK_INT(retinanet, neck, 256, 1, 65536, "channels of the pyramid and of the towers"),
    LBK_INT(retinanet, tower, 4, 0, 64, "convolutions of a tower before its last"),
    LBK_INT(retinanet, levels, 5, 3, MOST_LEVELS, "of the pyramid: 3 is P3 to P5, 5 is P3 to P7"),
    LBK_INT(retinanet, anchors, 9, 1, 1024, "of a cell: sizes times ratios of task detect"),
    LBK_OPTS_END,
};

/* How a convolution's weights start: uniform as Glorot and Bengio (2010), or normal with 0.01 at
 * the published 256 channels and with the same variance of sums at any other number, without which
 * a narrow tower learns nothing for many epochs. */
enum start { GLOROT, SMALL };
static const struct lbk_init zeros = { .kind = LBK_INIT_ZEROS };

static lbk_val *conv(lbk_scope *s, lbk_val *x, enum start start, struct lbk_init bias,
                     struct lbk_conv c)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t in = lbk_shape_of(x).d[1];
    const double fans = (double) ((in + c.out) * c.kernel * c.kernel);
    const struct lbk_init small = { .kind = LBK_INIT_NORMAL,
                                    .a = 0.01 * sqrt(256.0 / (double) in) },
                          glorot = { .kind = LBK_INIT_UNIFORM, .a = sqrt(6 / fans) };
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(c.out, in, c.kernel, c.kernel),
                            start == SMALL ? small : glorot);
    lbk_val *b = lbk_weight(s, "bias", LBK_SHAPE(c.out), bias);
    x = lbk_conv2d(g, x, w, (struct lbk_conv2d){ .stride = c.stride, .pad = c.kernel / 2 });
    return lbk_add(g, x, lbk_reshape(g, b, (struct lbk_dims){ 3, { c.out, 1, 1 } }));
}

static lbk_val *three(lbk_scope *s, lbk_val *x, int64_t out, int64_t stride)
{
    return conv(s, x, GLOROT, zeros, lbk_conv(.out = out, .kernel = 3, .stride = stride));
}

/* layer: of the ResNet, of which the last three are seen. level[i]: P<3 + i>. */
static void pyramid(lbk_scope *s, lbk_val *const layer[4], const struct retinanet *c,
                    lbk_val *level[])
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *above = NULL;
    for (int i = 2; i >= 0; i--) {
        lbk_val *x = conv(lbk_scope_sub(s, "inner_blocks/%d/0", i), layer[i + 1], GLOROT, zeros,
                          lbk_conv(.out = c->neck, .kernel = 1));
        const lbk_shape size = lbk_shape_of(x);
        if (i < 2)
            x = lbk_add(
                g, x,
                lbk_resize(g, above, (struct lbk_resize){ size.d[2], size.d[3], LBK_NEAREST }));
        above = x;
        level[i] = three(lbk_scope_sub(s, "layer_blocks/%d/0", i), x, c->neck, 1);
    }
    for (int i = 3; i < (int) c->levels; i++)
        level[i] = three(lbk_scope_sub(s, "extra_blocks/p%d", FIRST + i),
                         i == 3 ? layer[3] : level[i - 1], c->neck, 2);
}

static lbk_val *tower(lbk_scope *s, lbk_val *x, const struct retinanet *c)
{
    const struct lbk_conv same = lbk_conv(.out = c->neck, .kernel = 3);
    for (int i = 0; i < (int) c->tower; i++)
        x = lbk_relu(lbk_scope_graph(s),
                     conv(lbk_scope_sub(s, "conv/%d/0", i), x, SMALL, zeros, same));
    return x;
}

static lbk_val *classes(lbk_scope *s, lbk_val *x, const struct retinanet *c)
{
    const int64_t n = c->anchors * c->classes;
    float *rare = malloc((size_t) n * sizeof *rare);
    for (int64_t i = 0; rare && i < n; i++)
        rare[i] = (float) -log((1 - few) / few);
    if (!rare)
        lbk_graph_fail(lbk_scope_graph(s), LBK_ENOMEM, "retinanet: out of memory");
    s = lbk_scope_sub(s, "classification_head");
    x = conv(lbk_scope_sub(s, "cls_logits"), tower(s, x, c), SMALL,
             (struct lbk_init){ .kind = rare ? LBK_INIT_DATA : LBK_INIT_ZEROS, .data = rare },
             lbk_conv(.out = n, .kernel = 3));
    free(rare);
    return x;
}

static lbk_val *deltas(lbk_scope *s, lbk_val *x, const struct retinanet *c)
{
    s = lbk_scope_sub(s, "regression_head");
    return conv(lbk_scope_sub(s, "bbox_reg"), tower(s, x, c), SMALL, zeros,
                lbk_conv(.out = c->anchors * 4, .kernel = 3));
}

/* N x (anchors of all cells) x width. */
static lbk_val *by_anchor(lbk_graph *g, lbk_val *x, int64_t width)
{
    const int64_t batch = lbk_shape_of(x).d[0];
    x = lbk_transpose(g, x, (struct lbk_dims){ 4, { 0, 2, 3, 1 } });
    return lbk_reshape(g, x, (struct lbk_dims){ 3, { batch, -1, width } });
}

/* Returns N x (anchors of all cells of all levels) x (classes + 4). */
static lbk_val *heads(lbk_scope *s, lbk_val *const level[], const struct retinanet *c)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *head = lbk_scope_sub(s, "head");
    lbk_val *part[MOST_LEVELS];
    for (int i = 0; i < (int) c->levels; i++)
        lbk_tap(lbk_scope_sub(s, "neck/%d", FIRST + i), "", level[i]);
    for (int i = 0; i < (int) c->levels; i++) {
        lbk_val *cls = classes(head, level[i], c), *box = deltas(head, level[i], c);
        lbk_tap(lbk_scope_sub(s, "cls/%d", FIRST + i), "", cls);
        lbk_tap(lbk_scope_sub(s, "box/%d", FIRST + i), "", box);
        lbk_val *both[] = { by_anchor(g, cls, c->classes), by_anchor(g, box, 4) };
        part[i] = lbk_concat(g, 2, both, (struct lbk_axis){ 2 });
    }
    return lbk_concat(g, (int) c->levels, part, (struct lbk_axis){ 1 });
}

static bool fits(lbk_graph *g, const lbk_val *x, const struct retinanet *c)
{
    const lbk_shape in = lbk_shape_of(x);
    const long long least = 1LL << (FIRST + c->levels - 1);
    part_need_classes(g, "retinanet", c->classes);
    if (in.n != 4 || in.d[2] < least || in.d[3] < least)
        lbk_graph_fail(g, LBK_EINVAL,
                       "retinanet: levels: the deepest of %lld has a cell for %lld x %lld pixels, "
                       "expected images as large, found %lld x %lld",
                       (long long) c->levels, least, least, (long long) in.d[2],
                       (long long) in.d[3]);
    if (c->classes > MOST_CHANNELS / c->anchors)
        lbk_graph_fail(g, LBK_EINVAL, "retinanet: expected classes x anchors in 1..%d, found %lld",
                       MOST_CHANNELS, (long long) (c->classes * c->anchors));
    return !lbk_graph_status(g);
}

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct retinanet *c,
                      const struct part_resnet *table)
{
    struct part_resnet r = *table;
    lbk_scope *backbone = lbk_scope_sub(s, "backbone");
    lbk_val *layer[4], *level[MOST_LEVELS];
    if (!fits(lbk_scope_graph(s), x, c))
        return NULL;
    r.width = c->width;
    part_resnet(lbk_scope_sub(backbone, "body"), x, &r, layer);
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "layer%d", i + 1), "", layer[i]);
    pyramid(lbk_scope_sub(backbone, "fpn"), layer, c, level);
    return heads(s, level, c);
}

#define LIST(X)                                                                                    \
 X(retinanet_resnet10, "RetinaNet on ResNet-10: one block a stage",                                \
   { { 1, 1, 1, 1 }, .bottleneck = false })                                                        \
 X(retinanet_resnet18, "RetinaNet on ResNet-18", { { 2, 2, 2, 2 }, .bottleneck = false })          \
 X(retinanet_resnet34, "RetinaNet on ResNet-34", { { 3, 4, 6, 3 }, .bottleneck = false })          \
 X(retinanet_resnet50, "RetinaNet on ResNet-50", { { 3, 4, 6, 3 }, .bottleneck = true })           \
 X(retinanet_resnet101, "RetinaNet on ResNet-101", { { 3, 4, 23, 3 }, .bottleneck = true })

static const struct lbk_model base = {
    .size = sizeof base, .task = "detect", .opts = opts, .cfg_size = sizeof(struct retinanet)
};
PART_FAMILY(retinanet, LIST, struct part_resnet, base)
