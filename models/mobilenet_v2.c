/* SPDX-License-Identifier: MIT */
/* MobileNetV2 (Sandler et al., "Inverted residuals and linear bottlenecks", 2018), with the names
 * and the start of torchvision's. */
#include "parts.h"

struct mobilenet {
    int64_t classes;
    double width, dropout;
};
static const struct lbk_opt opts[] = {
    PART_CLASSES(mobilenet, "of the last layer"),
    PART_WIDTH(mobilenet),
    LBK_FLOAT(mobilenet, dropout, 0.2, 0, 0.99, "of the features, in training"),
    LBK_OPTS_END,
};

static lbk_val *classifier(lbk_scope *s, lbk_val *x, int64_t classes)
{
    lbk_graph *g = lbk_scope_graph(s);
    const struct lbk_init normal = { .kind = LBK_INIT_NORMAL, .a = 0.01 },
                          zeros = { .kind = LBK_INIT_ZEROS };
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(classes, lbk_shape_of(x).d[1]), normal);
    lbk_val *b = lbk_weight(s, "bias", LBK_SHAPE(classes), zeros);
    return lbk_add(g, lbk_matmul(g, x, w, (struct lbk_matmul){ false, true }), b);
}

static lbk_val *mobilenet_v2(lbk_scope *s, lbk_val *x, const void *cfg)
{
    const struct mobilenet *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_scope *features = lbk_scope_sub(s, "features");
    lbk_val *out[PART_MOBILE_BLOCKS];
    const struct part_mobilenet m = { PART_MOBILE_BLOCKS, false, c->width };
    part_need_classes(g, "mobilenet_v2", c->classes);
    x = part_mobilenet(features, x, &m, out);
    for (int i = 0; i < PART_MOBILE_BLOCKS; i++)
        lbk_tap(lbk_scope_sub(features, "%d", i), "", out[i]);
    const int64_t last = part_width(1280, c->width > 1 ? c->width : 1);
    x = part_mobile_unit(features, x, PART_MOBILE_BLOCKS, lbk_conv(.out = last, .kernel = 1));
    x = part_image_mean(g, x);
    lbk_tap(s, "pool", x);
    x = lbk_nn_dropout(lbk_scope_sub(s, "classifier/0"), x, c->dropout);
    return classifier(lbk_scope_sub(s, "classifier/1"), x, c->classes);
}

lbk_status lbk_models_mobilenet_v2(lbk_registrar *r);
lbk_status lbk_models_mobilenet_v2(lbk_registrar *r)
{
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "mobilenet_v2", .task = "classify", .opts = opts,
                    .doc = "MobileNetV2, for images of 224 x 224",
                    .cfg_size = sizeof(struct mobilenet), .build = mobilenet_v2));
}
