/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <limbeck/ctx.h>
#include "move.h"

struct color {
    double brightness, contrast, saturation, hue;
};
static const struct lbk_opt color_opts[] = {
    LBK_FLOAT(color, brightness, 0.4, 0, 1, "factor 1 - b .. 1 + b on every pixel"),
    LBK_FLOAT(color, contrast, 0.4, 0, 1, "the same on the distance from the mean grey"),
    LBK_FLOAT(color, saturation, 0.4, 0, 1, "the same on the distance from the pixel's grey"),
    LBK_FLOAT(color, hue, 0, 0, 0.5, "turn of the colour wheel, either way; 0.5 = half of it"),
    LBK_OPTS_END
};

static float unit(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
/* ITU-R BT.601 */
static float grey(const float *p, int64_t n)
{
    return 0.299f * p[0] + 0.587f * p[n] + 0.114f * p[2 * n];
}

static void brightness(float *p, int64_t count, float k)
{
    for (int64_t i = 0; i < count; i++)
        p[i] = unit(k * p[i]);
}

static void contrast(float *p, int64_t channels, int64_t n, float k)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double) (channels == 3 ? grey(p + i, n) : p[i]);
    const float mean = (float) (sum / (double) n);
    for (int64_t i = 0; i < channels * n; i++)
        p[i] = unit(mean + k * (p[i] - mean));
}

static void saturation(float *p, int64_t n, float k)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = grey(p + i, n);
        for (int64_t c = 0; c < 3; c++)
            p[i + c * n] = unit(g + k * (p[i + c * n] - g));
    }
}

/* About the grey axis of the RGB cube, which leaves greys alone. */
static void hue(float *p, int64_t n, double turn)
{
    const float c = (float) cos(6.283185307179586 * turn),
                s = (float) (sin(6.283185307179586 * turn) / 1.7320508075688772);
    const float same = (1 + 2 * c) / 3, one = (1 - c) / 3 - s, two = (1 - c) / 3 + s;
    for (int64_t i = 0; i < n; i++) {
        const float r = p[i], g = p[i + n], b = p[i + 2 * n];
        p[i] = unit(same * r + one * g + two * b);
        p[i + n] = unit(two * r + same * g + one * b);
        p[i + 2 * n] = unit(one * r + two * g + same * b);
    }
}

static float factor(uint32_t bits, double most)
{
    return (float) (1 + most * (2 * (double) lbk_unit(bits) - 1));
}

static lbk_status color(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct color *c = cfg;
    const struct lbk_philox v = lbk_philox(rng, 0, 0);
    struct lbk_array a;
    lbk_status st = lbk_record_get(r, "image", LBK_F32, &a);
    if (st)
        return st;
    if (a.shape.n != 3)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "color: expected an image of channels x height x width, found %d axes",
                        a.shape.n);
    const int64_t channels = a.shape.d[0], n = a.shape.d[1] * a.shape.d[2];
    if (c->brightness > 0)
        brightness(a.data, channels * n, factor(v.v[0], c->brightness));
    if (c->contrast > 0)
        contrast(a.data, channels, n, factor(v.v[1], c->contrast));
    if (channels == 3 && c->saturation > 0)
        saturation(a.data, n, factor(v.v[2], c->saturation));
    if (channels == 3 && c->hue > 0)
        hue(a.data, n, c->hue * (2 * (double) lbk_unit(v.v[3]) - 1));
    return LBK_OK;
}

const struct lbk_transform lbk__color = {
    .size = sizeof(struct lbk_transform),
    .name = "color",
    .doc = "random brightness, contrast, saturation and hue",
    .opts = color_opts,
    .cfg_size = sizeof(struct color),
    .apply = color,
};

struct normalize {
    struct lbk_numbers mean, std;
};
static const struct lbk_opt normalize_opts[] = {
    LBK_NUMBERS(normalize, mean, "0", "taken off, one number or one per channel"),
    LBK_NUMBERS(normalize, std, "1", "what is divided by then"), LBK_OPTS_END
};

static lbk_status of_channel(const lbk_record *r, const char *name, struct lbk_numbers v, int64_t c,
                             int64_t channels, float none, float *out)
{
    *out = none;
    if (v.n)
        *out = (float) v.v[v.n == 1 ? 0 : c < v.n ? c : 0];
    if (v.n > 1 && v.n != channels)
        return lbk_fail(r->ctx, LBK_EINVAL,
                        "normalize.%s: expected 1 or %" PRId64 " numbers, got %" PRId64, name,
                        channels, v.n);
    return LBK_OK;
}

static lbk_status normalize(lbk_record *r, uint64_t rng, const void *cfg)
{
    const struct normalize *k = cfg;
    struct lbk_array a;
    lbk_status st = lbk_record_get(r, "image", LBK_F32, &a);
    const int64_t channels = a.shape.n ? a.shape.d[0] : 0,
                  n = channels ? lbk_shape_count(a.shape) / channels : 0;
    for (int64_t c = 0; c < channels && !st; c++) {
        float mean, std, *p = (float *) a.data + c * n;
        st = of_channel(r, "mean", k->mean, c, channels, 0, &mean);
        if (!st)
            st = of_channel(r, "std", k->std, c, channels, 1, &std);
        if (!st && !(std > 0))
            st = lbk_fail(r->ctx, LBK_EINVAL, "normalize.std: expected more than 0, got %g",
                          (double) std);
        for (int64_t i = 0; i < n && !st; i++)
            p[i] = (p[i] - mean) / std;
    }
    return st;
}

const struct lbk_transform lbk__normalize = {
    .size = sizeof(struct lbk_transform),
    .name = "normalize",
    .doc = "(image - mean) / std",
    .opts = normalize_opts,
    .cfg_size = sizeof(struct normalize),
    .apply = normalize,
    .fixed = true,
};
