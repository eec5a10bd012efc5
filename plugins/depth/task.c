/* SPDX-License-Identifier: MIT */
/* The task: metres for every pixel, resampled to the image. */
#include "error.h"

static lbk_val *metres(lbk_pass *p)
{
    return depth_fit(lbk_pass_graph(p), lbk_pass_out(p), lbk_pass_field(p, "image"));
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    const struct depth_task *c = cfg;
    struct lbk_term all[DEPTH_TERMS];
    lbk_val *truth = lbk_pass_field(p, "depth");
    const int n = depth_error(lbk_pass_graph(p), lbk_pass_out(p), truth, c->mask_gt ? truth : NULL,
                              &c->error, all);
    for (int i = 0; i < n && i < max; i++)
        out[i] = all[i];
    return n;
}

static void predict(lbk_pass *p, const void *cfg) { lbk_pass_read(p, "metres", metres(p)); }

static lbk_status draw(lbk_record *r, const void *cfg)
{
    lbk_draw_map(r, "metres", "turbo");
    return LBK_OK;
}

static const struct lbk_opt opts[] = { DEPTH_TASK_OPTS, LBK_OPTS_END };

lbk_status depth_register_task(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "depth", LBK_MAP, LBK_F32, 0, 0 }, { NULL } };
    static const char *const metrics[] = { "depth", NULL };
    return lbk_register_task(
        r, LBK_DESC(lbk_task, .name = "depth", .opts = opts, .doc = "metres for every pixel",
                    .cfg_size = sizeof(struct depth_task), .fields = fields, .metrics = metrics,
                    .terms = terms, .predict = predict, .draw = draw));
}
