/* SPDX-License-Identifier: MIT */
/* Pieces that several models are made of, with weights named as in torchvision. Like all builders:
 * NULL in, NULL out; errors latch. [owner thread of the graph] */
#ifndef LBK_MODELS_PARTS_H
#define LBK_MODELS_PARTS_H
#include <limbeck/plugin.h>

/* How the weights of a convolution start: normal by fan-out (He et al., 2015), or uniform by fan-in
 * as PyTorch's own layers do. */
enum part_start { PART_NORMAL, PART_UNIFORM };

/* A convolution; PART_NORMAL has no bias. s: where its weight is. */
lbk_val *part_conv(lbk_scope *s, lbk_val *x, enum part_start start, struct lbk_conv c);
/* Convolution and batch normalisation as entries n and n + 1 of an nn.Sequential at s. */
lbk_val *part_pair(lbk_scope *s, lbk_val *x, int n, enum part_start start, struct lbk_conv c);
/* The same as "conv<n>" and "bn<n>" of s. */
lbk_val *part_unit(lbk_scope *s, lbk_val *x, int n, enum part_start start, struct lbk_conv c);
/* Means over the image: N x C. */
lbk_val *part_image_mean(lbk_graph *g, lbk_val *x);

/* A residual block (He et al., "Deep residual learning", 2016). width: of its 3 x 3 convolutions; a
 * bottleneck is four times as wide outside. 0 = 1 for stride and dilations. */
struct part_block {
    const char *shortcut; /* name of the projection, an nn.Sequential */
    enum part_start start;
    bool bottleneck;
    int64_t width, stride;
    int64_t dilation[2]; /* of the first 3 x 3 and of the second, which a bottleneck lacks */
};
lbk_val *part_block(lbk_scope *s, lbk_val *x, struct part_block b);

/* What comes before the pooling in a ResNet of basic blocks for large images. deep: three 3 x 3
 * convolutions in place of the 7 x 7. dilated: the last two stages keep the resolution of the
 * second (1/8) and spread their kernels by 2 and 4; the first block of each starts from half of
 * that. out[i] = of layer<i + 1>. Returns the last. */
struct part_resnet {
    int64_t blocks[4];
    bool deep, dilated;
};
lbk_val *part_resnet(lbk_scope *s, lbk_val *x, const struct part_resnet *r, lbk_val *out[4]);

enum { PART_MOBILE_BLOCKS = 18 }; /* the stem and 17 inverted residuals */
lbk_val *part_relu6(lbk_graph *g, lbk_val *x);
/* v in steps of 8, at least 8, never less than 0.9 v. */
int64_t part_width(double v);
/* The first n blocks of MobileNetV2 (Sandler et al., 2018, table 2), as entries of an nn.Sequential
 * at s; channels times width. out[i] = of block i. Returns the last. */
lbk_val *part_mobilenet(lbk_scope *s, lbk_val *x, double width, int n, lbk_val *out[]);
/* 3 x 3 or 1 x 1 convolution, batch normalisation, ReLU6: entry n of an nn.Sequential at s. */
lbk_val *part_mobile_unit(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c);

#endif
