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

/* The option "width" of every model that has one: 1 is the published network. */
#define PART_WIDTH(T) LBK_FLOAT(T, width, 1, 0.1, 4, "multiplies all numbers of channels, in steps of 8")
#define PART_CLASSES(T, of) LBK_INT(T, classes, 0, 0, 1e6, of "; 0 = as many as the data has")
/* channels times width in steps of 8, at least 8 and never less than 0.9 of it; at width 1 as they are. */
int64_t part_width(int64_t channels, double width);
/* Fails the graph when classes is 0. */
void part_need_classes(lbk_graph *g, const char *model, int64_t classes);

/* Models that differ in a table. LIST(X) has a row X(name, doc, { ... }) for each, which starts a T, and build(scope, input,
 * options, const T *) makes one; base: what they share of struct lbk_model. Defines their builders and lbk_models_<family>(). */
#define PART_BUILDER(name, text, ...)                                                                                              \
    static lbk_val *name(lbk_scope *s, lbk_val *x, const void *cfg)                                                                \
    {                                                                                                                              \
        static const part_row row = __VA_ARGS__;                                                                                   \
        return build(s, x, cfg, &row);                                                                                             \
    }
#define PART_ENTRY(function, text, ...)                                                                                            \
    m.name = #function, m.doc = text, m.build = function;                                                                          \
    st = lbk_register_model(r, &m);
#define PART_FAMILY(family, LIST, T, base)                                                                                         \
    typedef T part_row;                                                                                                            \
    LIST(PART_BUILDER)                                                                                                             \
    lbk_status lbk_models_##family(lbk_registrar *r);                                                                              \
    lbk_status lbk_models_##family(lbk_registrar *r)                                                                               \
    {                                                                                                                              \
        lbk_status st = LBK_OK;                                                                                                    \
        struct lbk_model m = base;                                                                                                 \
        LIST(PART_ENTRY)                                                                                                           \
        return st;                                                                                                                 \
    }

/* A residual block (He et al., "Deep residual learning", 2016). channels: of its 3 x 3 convolutions; a
 * bottleneck has four times as many outside. 0 = 1 for stride and dilations. */
struct part_block {
    const char *shortcut; /* name of the projection, an nn.Sequential */
    enum part_start start;
    bool bottleneck;
    int64_t channels, stride;
    int64_t dilation[2]; /* of the first 3 x 3 and of the second, which a bottleneck lacks */
};
lbk_val *part_block(lbk_scope *s, lbk_val *x, struct part_block b);

/* What comes before the pooling in a ResNet for large images. deep: three 3 x 3 convolutions in place of
 * the 7 x 7. dilated: the last two stages keep the resolution of the second (1/8) and spread their kernels
 * by 2 and 4; the first block of each starts from half of that. out[i] = of layer<i + 1>. Returns the last. */
struct part_resnet {
    int64_t blocks[4];
    bool bottleneck, deep, dilated;
    double width;
};
lbk_val *part_resnet(lbk_scope *s, lbk_val *x, const struct part_resnet *r, lbk_val *out[4]);

enum { PART_MOBILE_BLOCKS = 18 }; /* the stem and 17 inverted residuals */
/* The first so many blocks of MobileNetV2 (Sandler et al., 2018, table 2). dilated: from block 7 on the
 * resolution stays at 1/8 and depthwise kernels spread, in block 14 by 2 and after it by 4, else by 2 but
 * for block 7. */
struct part_mobilenet {
    int blocks;
    bool dilated;
    double width;
};
lbk_val *part_relu6(lbk_graph *g, lbk_val *x);
/* The blocks as entries of an nn.Sequential at s. out[i] = of block i. Returns the last. */
lbk_val *part_mobilenet(lbk_scope *s, lbk_val *x, const struct part_mobilenet *m, lbk_val *out[]);
/* 3 x 3 or 1 x 1 convolution, batch normalisation, ReLU6: entry n of an nn.Sequential at s. */
lbk_val *part_mobile_unit(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c);

#endif
