/* SPDX-License-Identifier: MIT */
/* No distillation: the student learns its task from its labels. */
#include <limbeck/plugin.h>

static void objective(lbk_objective *o, const void *cfg)
{
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "student", NULL)));
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = { { "student", NULL, LBK_TRAINED, 0 }, { 0 } };
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "student", .roles = roles, .objective = objective));
}

static lbk_status setup(lbk_registrar *r)
{
    return lbk_register_method(r, LBK_DESC(lbk_method, .name = "none",
                                           .doc = "plain training, the baseline of every method",
                                           .schedule = schedule));
}

LBK_PLUGIN(none, "0.1", "MIT", NULL, setup);
