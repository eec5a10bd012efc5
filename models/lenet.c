/* SPDX-License-Identifier: MIT */
/* LeNet-5 with batch normalisation: LeCun et al., "Gradient-based learning applied to document
 * recognition", 1998, in the form that ReffAKD trains on Fashion-MNIST. */
#include "parts.h"

struct lenet {
    int64_t classes;
};
static const struct lbk_opt opts[] = {
    PART_CLASSES(lenet, "of the last layer"),
    LBK_OPTS_END,
};

static lbk_val *block(lbk_scope *s, lbk_val *x, int n, int64_t out)
{
    lbk_graph *g = lbk_scope_graph(s);
    x = lbk_nn_conv2d(lbk_scope_sub(s, "conv%d", n), x,
                      lbk_conv(.out = out, .kernel = 5, .bias = true));
    x = lbk_relu(g, lbk_nn_batch_norm(lbk_scope_sub(s, "bn%d", n), x));
    return lbk_max_pool(g, x, (struct lbk_pool){ .kernel = 2 });
}

static lbk_val *lenet5_bn(lbk_scope *s, lbk_val *x, const void *cfg)
{
    const struct lenet *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    part_need_classes(g, "lenet5_bn", c->classes);
    x = block(s, x, 1, 6);
    lbk_tap(s, "layer1", x);
    x = block(s, x, 2, 16);
    lbk_tap(s, "layer2", x);
    x = lbk_reshape(g, x, (struct lbk_dims){ 2, { lbk_shape_of(x).d[0], -1 } });
    x = lbk_relu(g, lbk_nn_linear(lbk_scope_sub(s, "fc1"), x, 120, true));
    x = lbk_relu(g, lbk_nn_linear(lbk_scope_sub(s, "fc2"), x, 84, true));
    lbk_tap(s, "pool", x);
    return lbk_nn_linear(lbk_scope_sub(s, "fc3"), x, c->classes, true);
}

lbk_status lbk_models_lenet(lbk_registrar *r);
lbk_status lbk_models_lenet(lbk_registrar *r)
{
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "lenet5_bn", .task = "classify", .opts = opts,
                    .doc = "LeNet-5 with batch normalisation, for images of 32 x 32",
                    .cfg_size = sizeof(struct lenet), .build = lenet5_bn));
}
