/* SPDX-License-Identifier: MIT */
/* How far apart two maps of metres are, pixel by pixel: what the task learns from, and the losses "depth.*". */
#ifndef DEPTH_ERROR_H
#define DEPTH_ERROR_H
#include <limbeck/plugin.h>

enum { DEPTH_HU3, DEPTH_L1 };
enum { DEPTH_TERMS = 3 };
/* Of e = a - b, hu3 is (Hu et al., "Revisiting single image depth estimation", 2019, equation 3)
 *   w_log * F(e) + w_grad * (F(Sx * e) + F(Sy * e)) + w_normal * |1 - cos(n(a), n(b))|,   F(v) = ln(|v| + alpha),
 * Sx and Sy Sobel's kernels with zeros around the map, n(v) = (-Sx * v, -Sy * v, 1). l1 is |e| and has no weights. */
struct depth_error {
    int loss;
    double alpha, w_log, w_grad, w_normal;
};
#define DEPTH_ALPHA LBK_FLOAT(depth_error, alpha, 0.5, 1e-6, 100, "added to errors before their logarithm is taken")
#define DEPTH_WEIGHTS                                                                                                             \
 LBK_FLOAT(depth_error, w_log, 1, 0, 1000, "weight of the logarithm of errors in hu3"),                                           \
     LBK_FLOAT(depth_error, w_grad, 1, 0, 1000, "weight of the errors of slopes in hu3"),                                         \
     LBK_FLOAT(depth_error, w_normal, 1, 0, 1000, "weight of the errors of surface normals in hu3")

/* Terms of a against b, both N x 1 x H x W, for every pixel; returns how many, 0 = failed. b and valid are constants. a is
 * resampled to the size of b. valid, of that size too, is positive where b counts; NULL = everywhere. Slopes and normals count
 * where all of a pixel's 3 x 3 neighbours do, of which those beyond the border are no hindrance. */
int depth_error(lbk_graph *g, lbk_val *a, lbk_val *b, lbk_val *valid, const struct depth_error *c,
                struct lbk_term out[DEPTH_TERMS]);
/* Bilinear, corners aligned; what has the height and width of `like` already stays as it is. */
lbk_val *depth_fit(lbk_graph *g, lbk_val *map, const lbk_val *like);

/* Each registers what its file defines. error.c: depth.log, depth.gradient, depth.normal, their sum depth.hu3, and depth.l1. */
lbk_status depth_register_losses(lbk_registrar *r);
lbk_status depth_register_metric(lbk_registrar *r);
lbk_status depth_register_task(lbk_registrar *r);

/* Options of the task. The method has them too, under the same names: one setting is for both. */
struct depth_task {
    struct depth_error error;
    bool mask_gt;
};
extern const char *const depth_losses[];
#define DEPTH_TASK_OPTS                                                                                                           \
 LBK_ENUM(depth_error, loss, "hu3", depth_losses, "logarithms of errors, of slopes and of normals, or the error itself"),         \
     DEPTH_ALPHA, DEPTH_WEIGHTS, LBK_BOOL(depth_task, mask_gt, true, "pixels whose truth is not positive do not count")

#endif
