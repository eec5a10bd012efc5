/* SPDX-License-Identifier: MIT */
/* What DeepLabV3 and PSPNet share, as CIRKD and RDD train them and with their names: a backbone "pretrained" (MobileNetV2
 * inside it has torchvision's) that answers at 1/8 of the image, a head, and for ResNets an auxiliary head on layer3 (Zhao et
 * al., 2017, section 3.3). Convolutions of heads start as PyTorch's own layers do. [owner thread of the graph] */
#ifndef LBK_MODELS_SEG_H
#define LBK_MODELS_SEG_H
#include "parts.h"

struct seg {
    int64_t classes, head;
    double width;
    bool deep, dropout;
    struct lbk_numbers rates; /* of DeepLabV3 */
};
#define SEG_OPTS(channels)                                                                                                         \
    PART_CLASSES(seg, "of a pixel"), PART_WIDTH(seg), LBK_INT(seg, head, channels, 1, 65536, "channels of the head at width 1"),   \
        LBK_BOOL(seg, dropout, true, "in the heads, in training: 0.1, and 0.5 after the branches of DeepLabV3")
/* For backbones that are ResNets. */
#define SEG_STEM LBK_BOOL(seg, deep, true, "three 3 x 3 convolutions before the pooling, not one 7 x 7")

/* A network up to its answer. blocks: of a ResNet's stages; all 0: MobileNetV2 without its last 1 x 1. */
struct seg_net {
    int64_t blocks[4];
    bool bottleneck;
    /* The answer at 1/8 of the image, of c4; taps "feature". */
    lbk_val *(*head)(lbk_scope *s, lbk_val *c4, const struct seg *c);
};
/* Taps "layer1" .. "layer4" (of MobileNetV2: the last blocks at 1/4 and 1/8 of the image and of 96 and 320
 * channels), "feature" and, for ResNets, "aux": logits of the auxiliary head. */
lbk_val *seg_build(lbk_scope *s, lbk_val *x, const struct seg *c, const struct seg_net *n);

/* Convolution, batch normalisation and ReLU from entry n of an nn.Sequential at s. */
lbk_val *seg_unit(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c);
lbk_val *seg_drop(lbk_scope *s, lbk_val *x, const struct seg *c, double p);
/* A 1 x 1 convolution to the classes. */
lbk_val *seg_classes(lbk_scope *s, lbk_val *x, const struct seg *c);
/* renames: from another published checkpoint than CIRKD's, or NULL. */
lbk_status seg_register(lbk_registrar *r, const char *name, const char *doc, const struct lbk_opt *opts,
                        lbk_val *(*build)(lbk_scope *s, lbk_val *x, const void *cfg), const struct lbk_rename *renames);

#endif
