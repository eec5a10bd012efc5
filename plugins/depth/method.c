/* SPDX-License-Identifier: MIT */
/* The teacher's depth is a label for images that have none: Hu et al., "Boosting light-weight depth
 * estimation via knowledge distillation", 2023. */
#include "error.h"

struct depth {
    struct depth_task task; /* first: its options are the task's own */
    struct lbk_ramp kd, unlabelled;
    double labelled, ratio;
    bool mask_teacher;
    struct lbk_span teacher;
};
static const struct lbk_opt opts[] = {
    LBK_WEIGHT(depth, kd, "0.9", "of the teacher on labelled images; the truth gets the rest"),
    LBK_WEIGHT(depth, unlabelled, "1", "of the teacher on the stream 'unlabelled'"),
    LBK_FLOAT(depth, labelled, 1, 0, 1000,
              "times truth and teacher on labelled images, beside unlabelled ones; 0 = none of it"),
    LBK_FLOAT(depth, ratio, 1, 0.01, 100, "unlabelled images to a labelled one"),
    LBK_BOOL(depth, mask_teacher, false, "pixels where the teacher is not positive do not count"),
    LBK_SPAN(depth, teacher, "100%", "how long the teacher learns, unless it has weights"),
    DEPTH_TASK_OPTS,
    LBK_OPTS_END,
};

static void teach(lbk_objective *o, const void *cfg)
{
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(lbk_obj_pass(o, "teacher", NULL)));
}

static void follow(lbk_objective *o, const struct depth *c, const char *label,
                   struct lbk_ramp weight, lbk_pass *student, lbk_pass *teacher)
{
    const struct depth_error *e = &c->task.error;
    lbk_val *target = lbk_pass_out(teacher);
    const struct lbk_wire wires[] = { { "student", lbk_pass_out(student) },
                                      { "target", target },
                                      { "mask", c->mask_teacher ? target : NULL },
                                      { NULL, NULL } };
    if (e->loss == DEPTH_L1)
        lbk_obj_term(o, label, weight, "depth.l1", wires, NULL);
    else
        lbk_obj_term(o, label, weight, "depth.hu3", wires,
                     "alpha=%.17g,w_log=%.17g,w_grad=%.17g,w_normal=%.17g", e->alpha, e->w_log,
                     e->w_grad, e->w_normal);
}

/* What labelled images count beside nothing makes no difference. */
static void distil(lbk_objective *o, const void *cfg)
{
    const struct depth *c = cfg;
    const double labelled = lbk_ramp_off(c->unlabelled) ? 1 : c->labelled;
    lbk_pass *s = lbk_obj_pass(o, "student", "train"), *t = lbk_obj_pass(o, "teacher", "train");
    lbk_obj_loss(o, "task", lbk_ramp_times(lbk_ramp_rest(c->kd), labelled), lbk_pass_loss(s));
    follow(o, c, "kd", lbk_ramp_times(c->kd, labelled), s, t);
    if (lbk_obj_passes(o, "student", "unlabelled", 1, &s) > 0 &&
        lbk_obj_passes(o, "teacher", "unlabelled", 1, &t) > 0)
        follow(o, c, "unlabelled", c->unlabelled, s, t);
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role alone[] = { { "teacher", NULL, LBK_TRAINED, 0 }, { 0 } };
    static const struct lbk_role pair[] = { { "student", NULL, LBK_TRAINED, 0 },
                                            { "teacher", NULL, LBK_FROZEN, 0 },
                                            { 0 } };
    const struct depth *c = cfg;
    const struct lbk_stream streams[] = {
        { "train", NULL, 1, 0 },
        { "unlabelled", NULL, c->ratio, LBK_STREAM_OPTIONAL },
        { 0 },
    };
    const bool given = lbk_schedule_given(out, "teacher.weights");
    const lbk_status st = lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "teacher", .flags = given ? LBK_STAGE_SKIP : 0,
                      .roles = alone, .length = c->teacher, .objective = teach));
    return st ? st
              : lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "student", .roles = pair,
                                               .streams = streams, .objective = distil));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const tasks[] = { "depth", NULL };
    depth_register_losses(r);
    depth_register_metric(r);
    depth_register_task(r);
    return lbk_register_method(
        r, LBK_DESC(lbk_method, .name = "depth", .doc = "a teacher's depth, also without labels",
                    .paper = "arXiv:2105.06143", .tasks = tasks, .opts = opts,
                    .cfg_size = sizeof(struct depth), .schedule = schedule));
}

LBK_PLUGIN(depth, "0.1", "MIT", NULL, setup);
