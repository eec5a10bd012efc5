/* SPDX-License-Identifier: MIT */
/* DeepLabV3 (Chen et al., "Rethinking atrous convolution", 2017) on a dilated ResNet-18 with a deep
 * stem: the student of CIRKD and RDD, with their names. Answers at 1/8 of the image. Taps:
 * "feature" (what the classifier sees), "aux" (logits of the auxiliary head), "layer1" .. "layer4".
 */
#include "parts.h"

struct deeplab {
    int64_t classes, width;
    struct lbk_numbers rates;
    bool dropout;
};
static const struct lbk_opt opts[] = {
    LBK_INT(deeplab, classes, 0, 0, 1e6, "of a pixel; 0 = as many as the data has"),
    LBK_INT(deeplab, width, 128, 1, 65536, "channels of the head"),
    LBK_NUMBERS(deeplab, rates, "12:24:36", "dilations of the three spread branches"),
    LBK_BOOL(deeplab, dropout, true, "0.5, 0.1 and 0.1 in the heads, in training"),
    LBK_OPTS_END,
};

static lbk_val *drop(lbk_scope *s, lbk_val *x, const struct deeplab *c, double p)
{
    return c->dropout ? lbk_nn_dropout(s, x, p) : x;
}

static lbk_val *pair(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c)
{
    return lbk_relu(lbk_scope_graph(s), part_pair(s, x, n, PART_UNIFORM, c));
}

/* Five looks at x: 1 x 1, three spread 3 x 3, the whole image. */
static lbk_val *pyramid(lbk_scope *s, lbk_val *x, const struct deeplab *c)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape in = lbk_shape_of(x);
    const struct lbk_conv one = lbk_conv(.out = c->width, .kernel = 1);
    lbk_val *part[5] = { pair(lbk_scope_sub(s, "b0"), x, 0, one) };
    for (int i = 1; i < 4; i++) {
        const int64_t rate = (int64_t) c->rates.v[i - 1];
        part[i] = pair(lbk_scope_sub(s, "b%d/block", i), x, 0,
                       lbk_conv(.out = c->width, .kernel = 3, .pad = rate, .dilation = rate));
    }
    lbk_val *all = lbk_mean(g, x, (struct lbk_reduce){ 1u << 2 | 1u << 3, true });
    all = pair(lbk_scope_sub(s, "b4/gap"), all, 1, one);
    part[4] =
        lbk_broadcast(g, all, (struct lbk_dims){ 4, { in.d[0], c->width, in.d[2], in.d[3] } });
    lbk_scope *project = lbk_scope_sub(s, "project");
    x = pair(project, lbk_concat(g, 5, part, (struct lbk_axis){ 1 }), 0, one);
    return drop(lbk_scope_sub(project, "3"), x, c, 0.5);
}

/* 3 x 3, batch normalisation, ReLU, dropout, and a 1 x 1 that answers; feature: what that sees. */
static lbk_val *answer(lbk_scope *s, lbk_val *x, int64_t width, const struct deeplab *c,
                       lbk_val **feature)
{
    x = pair(s, x, 0, lbk_conv(.out = width, .kernel = 3, .pad = 1));
    *feature = drop(lbk_scope_sub(s, "3"), x, c, 0.1);
    return lbk_nn_conv2d(lbk_scope_sub(s, "4"), *feature,
                         lbk_conv(.out = c->classes, .kernel = 1, .bias = true));
}

static bool fits(lbk_graph *g, const struct deeplab *c)
{
    if (c->classes == 0)
        lbk_graph_fail(g, LBK_EINVAL, "deeplabv3: classes: expected 1 or more, found 0");
    if (c->rates.n != 3)
        lbk_graph_fail(g, LBK_EINVAL, "deeplabv3: rates: expected 3 numbers, found %lld",
                       (long long) c->rates.n);
    for (int i = 0; i < 3 && c->rates.n == 3; i++)
        if (!(c->rates.v[i] >= 1 && c->rates.v[i] <= 1024))
            lbk_graph_fail(g, LBK_EINVAL, "deeplabv3: rates: expected 1..1024, found %g",
                           c->rates.v[i]);
    return !lbk_graph_status(g);
}

static lbk_val *deeplabv3_resnet18(lbk_scope *s, lbk_val *x, const void *cfg)
{
    static const struct part_resnet r = { .blocks = { 2, 2, 2, 2 }, .deep = true, .dilated = true };
    const struct deeplab *c = cfg;
    lbk_val *out[4], *feature;
    if (!fits(lbk_scope_graph(s), c))
        return NULL;
    x = part_resnet(lbk_scope_sub(s, "pretrained"), x, &r, out);
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "layer%d", i + 1), "", out[i]);
    lbk_scope *head = lbk_scope_sub(s, "head");
    x = answer(lbk_scope_sub(head, "block"), pyramid(lbk_scope_sub(head, "aspp"), x, c), c->width,
               c, &feature);
    lbk_tap(s, "feature", feature);
    lbk_tap(s, "aux",
            answer(lbk_scope_sub(s, "auxlayer/block"), out[2], lbk_shape_of(out[2]).d[1] / 4, c,
                   &feature));
    return x;
}

lbk_status lbk_models_deeplab(lbk_registrar *r);
lbk_status lbk_models_deeplab(lbk_registrar *r)
{
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "deeplabv3_resnet18", .task = "segment", .opts = opts,
                    .doc = "DeepLabV3 on ResNet-18 at 1/8 of the image, with an auxiliary head",
                    .cfg_size = sizeof(struct deeplab), .build = deeplabv3_resnet18));
}
