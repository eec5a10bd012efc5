/* SPDX-License-Identifier: MIT */
#include <math.h>
#include "parts.h"

lbk_val *part_conv(lbk_scope *s, lbk_val *x, enum part_start start, struct lbk_conv c)
{
    if (start == PART_UNIFORM)
        return lbk_nn_conv2d(s, x, c);
    const int64_t in = lbk_shape_of(x).d[1] / (c.groups ? c.groups : 1);
    const struct lbk_init init = { .kind = LBK_INIT_NORMAL,
                                   .a = sqrt(2.0 / (double) (c.out * c.kernel * c.kernel)) };
    lbk_val *w = lbk_weight(s, "weight", LBK_SHAPE(c.out, in, c.kernel, c.kernel), init);
    return lbk_conv2d(lbk_scope_graph(s), x, w,
                      (struct lbk_conv2d){ c.stride, c.pad, c.dilation, c.groups });
}

lbk_val *part_pair(lbk_scope *s, lbk_val *x, int n, enum part_start start, struct lbk_conv c)
{
    x = part_conv(lbk_scope_sub(s, "%d", n), x, start, c);
    return lbk_nn_batch_norm(lbk_scope_sub(s, "%d", n + 1), x);
}

lbk_val *part_unit(lbk_scope *s, lbk_val *x, int n, enum part_start start, struct lbk_conv c)
{
    x = part_conv(lbk_scope_sub(s, "conv%d", n), x, start, c);
    return lbk_nn_batch_norm(lbk_scope_sub(s, "bn%d", n), x);
}

lbk_val *part_image_mean(lbk_graph *g, lbk_val *x)
{
    return lbk_mean(g, x, (struct lbk_reduce){ 1u << 2 | 1u << 3, false });
}

int64_t part_width(int64_t channels, double width)
{
    const double v = (double) channels * width;
    const int64_t near = (int64_t) (v + 4) / 8 * 8, w = near < 8 ? 8 : near;
    if (width == 1)
        return channels;
    return (double) w < 0.9 * v ? w + 8 : w;
}

void part_need_classes(lbk_graph *g, const char *model, int64_t classes)
{
    if (classes == 0)
        lbk_graph_fail(g, LBK_EINVAL, "%s: classes: expected 1 or more, found 0", model);
}

/* ---- residual networks ---- */

static struct lbk_conv three(int64_t out, int64_t stride, int64_t dilation)
{
    dilation = dilation ? dilation : 1;
    return lbk_conv(.out = out, .kernel = 3, .stride = stride, .pad = dilation,
                    .dilation = dilation);
}

lbk_val *part_block(lbk_scope *s, lbk_val *x, struct part_block b)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t out = b.bottleneck ? 4 * b.channels : b.channels;
    const struct lbk_conv first = three(b.channels, b.stride, b.dilation[0]);
    lbk_val *y;
    if (b.bottleneck) {
        y = lbk_relu(g, part_unit(s, x, 1, b.start, lbk_conv(.out = b.channels, .kernel = 1)));
        y = lbk_relu(g, part_unit(s, y, 2, b.start, first));
        y = part_unit(s, y, 3, b.start, lbk_conv(.out = out, .kernel = 1));
    } else {
        y = lbk_relu(g, part_unit(s, x, 1, b.start, first));
        y = part_unit(s, y, 2, b.start, three(out, 1, b.dilation[1]));
    }
    if (b.stride > 1 || lbk_shape_of(x).d[1] != out)
        x = part_pair(lbk_scope_sub(s, "%s", b.shortcut), x, 0, b.start,
                      lbk_conv(.out = out, .kernel = 1, .stride = b.stride));
    return lbk_relu(g, lbk_add(g, y, x));
}

static lbk_val *stem(lbk_scope *s, lbk_val *x, const struct part_resnet *r)
{
    lbk_graph *g = lbk_scope_graph(s);
    const int64_t c = part_width(64, r->width);
    if (r->deep) {
        x = lbk_relu(g, part_unit(s, x, 1, PART_NORMAL, three(c, 2, 1)));
        x = lbk_relu(g, part_unit(s, x, 2, PART_NORMAL, three(c, 1, 1)));
        x = lbk_relu(g, part_unit(s, x, 3, PART_NORMAL, three(part_width(128, r->width), 1, 1)));
    } else {
        x = part_unit(s, x, 1, PART_NORMAL, lbk_conv(.out = c, .kernel = 7, .stride = 2, .pad = 3));
        x = lbk_relu(g, x);
    }
    return lbk_max_pool(g, x, (struct lbk_pool){ .kernel = 3, .stride = 2, .pad = 1 });
}

lbk_val *part_resnet(lbk_scope *s, lbk_val *x, const struct part_resnet *r, lbk_val *out[4])
{
    x = stem(s, x, r);
    for (int i = 0; i < 4; i++) {
        const int64_t spread = r->dilated && i > 1 ? (int64_t) 1 << (i - 1) : 1;
        for (int j = 0; j < (int) r->blocks[i]; j++) {
            const struct part_block b = {
                .shortcut = "downsample",
                .bottleneck = r->bottleneck,
                .channels = part_width((int64_t) 64 << i, r->width),
                .stride = i && !j && spread == 1 ? 2 : 1,
                .dilation = { j || spread == 1 ? spread : spread / 2, spread },
            };
            x = part_block(lbk_scope_sub(s, "layer%d/%d", i + 1, j), x, b);
        }
        out[i] = x;
    }
    return x;
}

/* ---- MobileNetV2 ---- */

lbk_val *part_relu6(lbk_graph *g, lbk_val *x)
{
    return lbk_minimum(g, lbk_relu(g, x), lbk_scalar(g, 6));
}

lbk_val *part_mobile_unit(lbk_scope *s, lbk_val *x, int n, struct lbk_conv c)
{
    return part_relu6(lbk_scope_graph(s),
                      part_pair(lbk_scope_sub(s, "%d", n), x, 0, PART_NORMAL, c));
}

/* expand: how many times as wide inside; stride and dilation of its 3 x 3. */
struct inverted {
    int64_t expand, out, stride, dilation;
};

static lbk_val *inverted(lbk_scope *s, lbk_val *x, struct inverted b)
{
    const int64_t in = lbk_shape_of(x).d[1], wide = in * b.expand;
    lbk_scope *seq = lbk_scope_sub(s, "conv");
    struct lbk_conv spatial = three(wide, b.stride, b.dilation);
    lbk_val *y = x;
    int n = 0;
    spatial.groups = wide;
    if (b.expand != 1)
        y = part_mobile_unit(seq, y, n++, lbk_conv(.out = wide, .kernel = 1));
    y = part_mobile_unit(seq, y, n++, spatial);
    y = part_pair(seq, y, n, PART_NORMAL, lbk_conv(.out = b.out, .kernel = 1));
    return b.stride == 1 && in == b.out ? lbk_add(lbk_scope_graph(s), x, y) : y;
}

lbk_val *part_mobilenet(lbk_scope *s, lbk_val *x, const struct part_mobilenet *m, lbk_val *out[])
{
    static const struct {
        int64_t expand, channels, count, stride;
    } row[] = { { 1, 16, 1, 1 }, { 6, 24, 2, 2 },  { 6, 32, 3, 2 }, { 6, 64, 4, 2 },
                { 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 } };
    int64_t spread = 1;
    x = part_mobile_unit(s, x, 0, three(part_width(32, m->width), 2, 1));
    out[0] = x;
    for (int i = 1, k = 0, j = 0; i < m->blocks; i++, j++) {
        if (j == (int) row[k].count)
            k++, j = 0;
        const bool held = m->dilated && k >= 3 && j == 0 && row[k].stride > 1;
        x = inverted(lbk_scope_sub(s, "%d", i), x,
                     (struct inverted){ row[k].expand, part_width(row[k].channels, m->width),
                                        j || held ? 1 : row[k].stride, spread });
        out[i] = x;
        spread *= held ? 2 : 1;
    }
    return x;
}
