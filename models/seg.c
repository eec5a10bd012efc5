/* SPDX-License-Identifier: MIT */
#include "seg.h"

lbk_val *seg_drop(lbk_scope *s, lbk_val *x, const struct seg *c, double p)
{
    return c->dropout ? lbk_nn_dropout(s, x, p) : x;
}

lbk_val *seg_unit(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c)
{
    return lbk_relu(lbk_scope_graph(s), part_pair(s, x, n, PART_UNIFORM, c));
}

lbk_val *seg_classes(lbk_scope *s, lbk_val *x, const struct seg *c)
{
    return lbk_nn_conv2d(s, x, lbk_conv(.out = c->classes, .kernel = 1, .bias = true));
}

/* A fully convolutional head on c3, with a quarter of its channels. */
static lbk_val *auxiliary(lbk_scope *s, lbk_val *c3, const struct seg *c)
{
    const int64_t few = lbk_shape_of(c3).d[1] / 4;
    lbk_val *x = seg_unit(s, c3, 0, lbk_conv(.out = few, .kernel = 3, .pad = 1));
    x = seg_drop(lbk_scope_sub(s, "3"), x, c, 0.1);
    return seg_classes(lbk_scope_sub(s, "4"), x, c);
}

static void backbone(lbk_scope *s, lbk_val *x, const struct seg *c, const struct seg_net *n,
                     lbk_val *layer[4])
{
    static const int last[4] = { 3, 6, 13, 17 };
    const struct part_resnet r = { .blocks = { n->blocks[0], n->blocks[1], n->blocks[2],
                                               n->blocks[3] },
                                   .bottleneck = n->bottleneck,
                                   .deep = c->deep,
                                   .dilated = true,
                                   .width = c->width };
    const struct part_mobilenet m = { PART_MOBILE_BLOCKS, true, c->width };
    lbk_val *out[PART_MOBILE_BLOCKS];
    if (n->blocks[0]) {
        part_resnet(s, x, &r, layer);
        return;
    }
    part_mobilenet(lbk_scope_sub(s, "features"), x, &m, out);
    for (int i = 0; i < 4; i++)
        layer[i] = out[last[i]];
}

lbk_val *seg_build(lbk_scope *s, lbk_val *x, const struct seg *c, const struct seg_net *n)
{
    lbk_val *layer[4];
    backbone(lbk_scope_sub(s, "pretrained"), x, c, n, layer);
    for (int i = 0; i < 4; i++)
        lbk_tap(lbk_scope_sub(s, "layer%d", i + 1), "", layer[i]);
    x = n->head(s, layer[3], c);
    if (n->blocks[0])
        lbk_tap(s, "aux", auxiliary(lbk_scope_sub(s, "auxlayer/block"), layer[2], c));
    return x;
}

lbk_status seg_register(lbk_registrar *r, const char *name, const char *doc,
                        const struct lbk_opt *opts,
                        lbk_val *(*build)(lbk_scope *s, lbk_val *x, const void *cfg),
                        const struct lbk_rename *renames)
{
    return lbk_register_model(r, LBK_DESC(lbk_model, .name = name, .doc = doc, .task = "segment",
                                          .opts = opts, .cfg_size = sizeof(struct seg),
                                          .build = build, .renames = renames));
}
