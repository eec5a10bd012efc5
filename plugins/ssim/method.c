/* SPDX-License-Identifier: MIT */
/* Hidden layers of a teacher, compared by their local structure: de Rijk, Schneider, Cordts and
 * Gavrila, "Structural knowledge distillation for object detection", 2022. */
#include "ssim.h"

struct ssim {
    struct lbk_feature feature; /* first: its options are some of these */
    struct lbk_ramp weight;
    const char *taps, *loss, *with;
    struct lbk_span teacher;
};
static const struct lbk_opt opts[] = {
    LBK_WEIGHT(ssim, weight, "4", "of each level, beside the task's loss"),
    LBK_STRING(ssim, taps, "neck/*", "levels of both, matched in order"),
    LBK_STRING(
        ssim, loss, "ssim.ssim",
        "what compares two of them: ssim.ssim, l1, mse or another with adapter and normalise"),
    LBK_FEATURE_OPTS("auto", "channel"),
    LBK_STRING(ssim, with, "", "further options of the loss, as window=7,contrast=no"),
    LBK_SPAN(ssim, teacher, "100%", "how long the teacher learns, unless it has weights"),
    LBK_OPTS_END,
};

static void teach(lbk_objective *o, const void *cfg)
{
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "teacher", NULL)));
}

static void distil(lbk_objective *o, const void *cfg)
{
    static const char *const adapters[] = LBK_ADAPTER_NAMES, *const scalings[] = LBK_SCALING_NAMES;
    static const char *const yes_no[] = { "no", "yes" };
    const struct ssim *c = cfg;
    lbk_pass *s = lbk_obj_pass(o, "student", NULL), *t = lbk_obj_pass(o, "teacher", NULL);
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(s));
    lbk_obj_levels(o, "ssim", c->weight, s, t, c->taps, c->loss,
                   "adapter=%s,normalise=%s,stop=%s%s%s", adapters[c->feature.adapter],
                   scalings[c->feature.normalise], yes_no[c->feature.stop], *c->with ? "," : "",
                   c->with);
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role alone[] = { { "teacher", NULL, LBK_TRAINED, 0 }, { 0 } };
    static const struct lbk_role pair[] = { { "student", NULL, LBK_TRAINED, 0 },
                                            { "teacher", NULL, LBK_FROZEN, 0 },
                                            { 0 } };
    const struct ssim *c = cfg;
    const bool given = lbk_schedule_given(out, "teacher.weights");
    lbk_schedule_add(out,
                     LBK_DESC(lbk_stage, .name = "teacher", .flags = given ? LBK_STAGE_SKIP : 0,
                              .roles = alone, .length = c->teacher, .objective = teach));
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "student", .roles = pair, .objective = distil));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const tasks[] = { "detect", "segment", "depth", "classify", NULL };
    ssim_register_loss(r);
    return lbk_register_method(
        r, LBK_DESC(lbk_method, .name = "ssim",
                    .doc = "hidden layers of a teacher, compared by their local structure",
                    .paper = "arXiv:2211.13133", .tasks = tasks, .opts = opts,
                    .cfg_size = sizeof(struct ssim), .schedule = schedule));
}

LBK_PLUGIN(ssim, "0.1", "MIT", NULL, setup);
