/* SPDX-License-Identifier: MIT */
/* The convolutional autoencoder of ReffAKD (Doshi and Kim, 2023): three convolutions down, three
 * transposed ones up. Weights are named as in two nn.Sequential, "encoder" and "decoder". */
#include <limbeck/plugin.h>

static lbk_val *down(lbk_scope *s, lbk_val *x, int index, int64_t out)
{
    x = lbk_nn_conv2d(lbk_scope_sub(s, "encoder/%d", index), x,
                      lbk_conv(.out = out, .kernel = 4, .stride = 2, .pad = 1, .bias = true));
    return lbk_relu(lbk_scope_graph(s), x);
}

static lbk_val *up(lbk_scope *s, lbk_val *x, int index, int64_t out)
{
    return lbk_nn_conv2d_transpose(
        lbk_scope_sub(s, "decoder/%d", index), x,
        lbk_conv(.out = out, .kernel = 4, .stride = 2, .pad = 1, .bias = true));
}

static lbk_val *code_and_back(lbk_scope *s, lbk_val *x)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape in = lbk_shape_of(x);
    if (in.n != 4 || in.d[2] % 8 || in.d[3] % 8) {
        lbk_graph_fail(
            g, LBK_EINVAL,
            "autoencoder: expected images whose sides are multiples of 8, found %lld x %lld",
            (long long) in.d[2], (long long) in.d[3]);
        return NULL;
    }
    x = down(s, down(s, down(s, x, 0, 12), 2, 24), 4, 48);
    lbk_tap(s, "code", x);
    return up(s, lbk_relu(g, up(s, lbk_relu(g, up(s, x, 0, 24)), 2, 12)), 4, in.d[1]);
}

static lbk_val *autoencoder(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return lbk_sigmoid(lbk_scope_graph(s), code_and_back(s, x));
}

static lbk_val *autoencoder_linear(lbk_scope *s, lbk_val *x, const void *cfg)
{
    return code_and_back(s, x);
}

lbk_status lbk_models_autoencoder(lbk_registrar *r);
lbk_status lbk_models_autoencoder(lbk_registrar *r)
{
    lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "autoencoder", .task = "reconstruct", .build = autoencoder,
                    .doc = "ReffAKD's autoencoder as published: answers lie in 0..1"));
    return lbk_register_model(
        r, LBK_DESC(lbk_model, .name = "autoencoder_linear", .task = "reconstruct",
                    .doc = "the same without the last sigmoid, for images that leave 0..1",
                    .build = autoencoder_linear));
}
