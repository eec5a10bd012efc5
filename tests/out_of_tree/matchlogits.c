/* SPDX-License-Identifier: MIT */
/* A method of its own project: the student's logits are to equal the teacher's, as in Ba and
 * Caruana, "Do deep nets really need to be deep?", 2014. Both sides are centred first when asked
 * to. */
#include <limbeck/plugin.h>

struct match {
    bool centre;
};
static const struct lbk_opt loss_opts[] = {
    LBK_BOOL(match, centre, false, "subtract the mean over classes from both sides"),
    LBK_OPTS_END,
};

static lbk_val *centred(lbk_graph *g, lbk_val *z)
{
    return lbk_sub(g, z, lbk_mean(g, z, (struct lbk_reduce){ 1u << 1, true }));
}

static lbk_val *match(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    const struct match *c = cfg;
    lbk_graph *g = lbk_scope_graph(s);
    lbk_val *a = in[0], *b = lbk_stop_grad(g, in[1]);
    if (c->centre)
        a = centred(g, a), b = centred(g, b);
    return lbk_mean(g, lbk_square(g, lbk_sub(g, a, b)), LBK_ALL);
}

struct method {
    struct lbk_ramp weight;
    bool centre;
};
static const struct lbk_opt opts[] = {
    LBK_WEIGHT(method, weight, "0.1", "of the distance between the logits"),
    LBK_BOOL(method, centre, true, "as in the loss"),
    LBK_OPTS_END,
};

static void objective(lbk_objective *o, const void *cfg)
{
    const struct method *c = cfg;
    lbk_pass *s = lbk_obj_pass(o, "student", NULL);
    lbk_obj_loss(o, "task", LBK_CONST(1), lbk_pass_loss(s));
    if (!lbk_ramp_off(c->weight))
        lbk_obj_term(o, "match", c->weight, "matchlogits.match",
                     LBK_WIRES({ "student", lbk_pass_out(s) },
                               { "teacher", lbk_pass_out(lbk_obj_pass(o, "teacher", NULL)) }),
                     "centre=%s", c->centre ? "yes" : "no");
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = {
        { "student", NULL, LBK_TRAINED, 0 },
        { "teacher", NULL, LBK_FROZEN, 0 },
        { 0 },
    };
    (void) ctx, (void) cfg;
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "student", .roles = roles, .objective = objective));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const inputs[] = { "student", "teacher", NULL };
    static const char *const shapes[] = { "N x K", "N x K", NULL }, *const tasks[] = { "classify",
                                                                                       NULL };
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "matchlogits.match", .inputs = inputs,
                                  .doc = "mean squared difference of logits", .shapes = shapes,
                                  .opts = loss_opts, .cfg_size = sizeof(struct match),
                                  .build = match));
    return lbk_register_method(r,
                               LBK_DESC(lbk_method, .name = "matchlogits", .tasks = tasks,
                                        .doc = "logits as a regression target", .opts = opts,
                                        .cfg_size = sizeof(struct method), .schedule = schedule));
}

LBK_PLUGIN(matchlogits, "1.0", "MIT", NULL, setup);
