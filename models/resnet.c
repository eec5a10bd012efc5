/* SPDX-License-Identifier: MIT */
/* Residual networks for large images (He et al., "Deep residual learning", 2016, table 1), with the
 * names of torchvision's. */
#include "parts.h"

struct resnet {
    int64_t classes;
};
static const struct lbk_opt opts[] = {
    LBK_INT(resnet, classes, 0, 0, 1e6, "of the last layer; 0 = as many as the data has"),
    LBK_OPTS_END,
};

static lbk_val *build(lbk_scope *s, lbk_val *x, const struct resnet *c, const struct part_resnet *r)
{
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *out[4];
    if (c->classes == 0)
        lbk_graph_fail(g, LBK_EINVAL, "resnet: classes: expected 1 or more, found 0");
    x = part_resnet(s, x, r, out);
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "layer%d", i + 1), "", out[i]);
    x = part_image_mean(g, x);
    lbk_tap(s, "pool", x);
    return lbk_nn_linear(lbk_scope_sub(s, "fc"), x, c->classes, true);
}

static lbk_val *resnet18(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, &(struct part_resnet){ .blocks = { 2, 2, 2, 2 } });
}

static lbk_val *resnet34(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return build(s, x, cfg, &(struct part_resnet){ .blocks = { 3, 4, 6, 3 } });
}

lbk_status lbk_models_resnet(lbk_registrar *r);
lbk_status lbk_models_resnet(lbk_registrar *r)
{
    lbk_register_model(r, LBK_DESC(lbk_model, .name = "resnet18", .task = "classify", .opts = opts,
                                   .doc = "ResNet-18, for images of 224 x 224",
                                   .cfg_size = sizeof(struct resnet), .build = resnet18));
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = "resnet34", .task = "classify",
                                          .opts = opts, .doc = "ResNet-34, for images of 224 x 224",
                                          .cfg_size = sizeof(struct resnet), .build = resnet34));
}
