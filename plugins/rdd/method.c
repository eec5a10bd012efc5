/* SPDX-License-Identifier: MIT */
/* Relative difficulty distillation: a teacher says where the task's loss should look. Liang et al.,
 * "Relative difficulty distillation for semantic segmentation", 2024; README.md says where the code
 * of the paper differs from it, and what is followed. */
#include <stdio.h>
#include <string.h>
#include "rdd.h"

static const char *const modes[] = { "xor", "or", "and", "ohem", "tns", NULL };
static const char *const confidences[] = { "gt_prob", "max_prob", NULL };
static const char *const directions[] = { "aux_main", "main_aux", NULL };
static const char *const reductions[] = { "sel_mean", "pix_mean", NULL };

static const struct lbk_opt opts[] = {
    LBK_WEIGHT(
        rdd, reweight, "1",
        "of the task's loss over weighed or chosen pixels; over all of them it gets the rest"),
    LBK_WEIGHT(rdd, kd, "1", "of the teacher's logits"),
    LBK_FLOAT(rdd, temperature, 1, 0.01, 1000, "divides the logits of both before the softmax"),
    LBK_SPAN(
        rdd, easy, "10%",
        "first stage: pixels are weighed by how easy the teacher finds them; 0 = there is none, "
        "100% = nothing else"),
    LBK_RAMP(rdd, blend, "0",
             "share of the first stage's loss in the second, as in '1 line 0', from its beginning"),
    LBK_ENUM(rdd, direction, "aux_main", directions,
             "KL divergence between the teacher's heads: of which from which"),
    LBK_ENUM(rdd, mode, "xor", modes,
             "pixels chosen in the second stage: hard for one of student and teacher, for any, for "
             "both, for the student, for the student alone"),
    LBK_FLOAT(rdd, threshold, 0.7, 0, 1, "a pixel is hard where the confidence is at most that"),
    LBK_FLOAT(rdd, keep, 0.0477, 0, 1,
              "so many of the labelled pixels are hard at least; 0 = the threshold alone"),
    LBK_ENUM(rdd, confidence, "gt_prob", confidences,
             "probability of the true class, or the largest one"),
    LBK_ENUM(rdd, reduction, "sel_mean", reductions,
             "mean over the chosen pixels, or their sum over the number of all"),
    LBK_NUMBERS(rdd, classes, "", "weight of each class in the second stage; empty = all 1"),
    LBK_OPTS_END,
};

static lbk_status check(lbk_ctx *ctx, const void *cfg)
{
    const struct rdd *c = cfg;
    for (int64_t i = 0; i < c->classes.n; i++)
        if (!(c->classes.v[i] >= 0))
            return lbk_fail(ctx, LBK_EINVAL, "rdd.classes: expected 0 or more, got %g",
                            c->classes.v[i]);
    if (c->reweight.curve && !lbk_ramp_off(c->blend))
        return lbk_fail(ctx, LBK_EINVAL,
                        "rdd.reweight: expected a number, not a curve, beside rdd.blend");
    return LBK_OK;
}

/* ---- heads ---- */

struct heads {
    lbk_pass *pass;
    int n;
    struct lbk_term term[RDD_HEADS];
};

static struct heads heads_of(lbk_graph *g, lbk_pass *p)
{
    struct heads h = { .pass = p };
    h.n = lbk_pass_terms(p, RDD_HEADS, h.term);
    if (h.n > RDD_HEADS)
        lbk_graph_fail(g, LBK_EINVAL, "rdd: a task of %d terms, expected %d at most", h.n,
                       RDD_HEADS);
    return h;
}

/* -1: there is none. */
static int find(const struct heads *h, const char *name)
{
    for (int i = 0; i < h->n; i++)
        if (!strcmp(h->term[i].name, name))
            return i;
    return -1;
}

static struct rdd_head head_at(const struct heads *h, int i)
{
    const char *name = h->term[i].name;
    return (struct rdd_head){ &h->term[i],
                              lbk_pass_find(h->pass, strcmp(name, "main") ? name : "out") };
}

/* "chosen", and of other heads than the first "chosen/aux". */
static void watch(lbk_objective *o, const char *what, const char *head, lbk_val *v)
{
    char label[96];
    if (strcmp(head, "main"))
        snprintf(label, sizeof label, "%s/%s", what, head);
    else
        snprintf(label, sizeof label, "%s", what);
    lbk_obj_watch(o, label, v);
}

/* ---- first stage: easy pixels count more ---- */

static lbk_val *weigh(lbk_objective *o, const struct rdd *c, struct heads student,
                      lbk_pass *teacher)
{
    lbk_graph *g = lbk_obj_graph(o);
    lbk_val *aux = lbk_pass_find(teacher, "aux");
    if (!aux)
        lbk_graph_fail(g, LBK_EINVAL,
                       "rdd: the first stage compares the teacher's head 'aux', which it has not; "
                       "rdd.easy=0 does without");
    lbk_val *low = rdd_ease(g, aux, lbk_pass_out(teacher), c->direction);
    for (int i = 0; low && i < student.n; i++) {
        struct lbk_term *t = &student.term[i];
        const lbk_shape full = lbk_shape_of(t->loss);
        lbk_val *rd = lbk_resize(g, low, (struct lbk_resize){ full.d[1], full.d[2], LBK_CORNERS });
        rd = lbk_reshape(g, rd, (struct lbk_dims){ 3, { full.d[0], full.d[1], full.d[2] } });
        t->weight = t->weight ? lbk_mul(g, rd, t->weight) : rd;
        t->norm = lbk_scalar(g, (double) lbk_shape_count(full));
        if (i == 0)
            lbk_obj_watch(o, "ease", lbk_mean(g, rd, LBK_ALL));
    }
    return lbk_terms_reduce(g, student.n, student.term);
}

/* ---- second stage: hard pixels are chosen ---- */

static lbk_val *class_weights(lbk_graph *g, const struct rdd *c, lbk_pass *p)
{
    lbk_val *label = lbk_pass_field(p, "label");
    const int64_t n = lbk_range_of(label);
    if (n && n != c->classes.n)
        lbk_graph_fail(g, LBK_EINVAL, "rdd.classes: expected %lld numbers, found %lld",
                       (long long) n, (long long) c->classes.n);
    return lbk_gather(g, lbk_numbers(g, LBK_SHAPE(c->classes.n), c->classes.v), label,
                      (struct lbk_axis){ 0 });
}

static void watch_masks(lbk_objective *o, const char *head, const struct rdd_mask mask[2],
                        lbk_val *chosen, lbk_val *valid)
{
    static const char *const names[][2] = { { "hard_student", "cut_student" },
                                            { "hard_teacher", "cut_teacher" } };
    lbk_graph *g = lbk_obj_graph(o);
    lbk_val *n = lbk_maximum(g, lbk_sum(g, valid, LBK_ALL), lbk_scalar(g, 1));
    for (int i = 0; i < 2 && mask[i].hard; i++) {
        watch(o, names[i][0], head, lbk_div(g, lbk_sum(g, mask[i].hard, LBK_ALL), n));
        watch(o, names[i][1], head, mask[i].cut);
    }
    watch(o, "chosen", head, lbk_div(g, lbk_sum(g, chosen, LBK_ALL), n));
}

/* What the student's term i is to be reduced by. */
static void choose(lbk_objective *o, const struct rdd *c, struct heads *student,
                   const struct heads *teacher, int i)
{
    lbk_graph *g = lbk_obj_graph(o);
    struct lbk_term *t = &student->term[i];
    struct rdd_mask mask[2] = { { NULL, NULL }, { NULL, NULL } };
    const int twin = find(teacher, t->name);
    lbk_val *valid =
        t->weight ? lbk_positive(g, t->weight) : lbk_filled(g, lbk_shape_of(t->loss), 1);
    if (twin < 0 && rdd_asks_teacher(c->mode)) {
        lbk_graph_fail(g, LBK_EINVAL,
                       "rdd: the student has a head '%s' and the teacher has none; "
                       "rdd.mode=ohem does without",
                       t->name);
        return;
    }
    mask[0] = rdd_hard(g, c, head_at(student, i), valid);
    if (rdd_asks_teacher(c->mode))
        mask[1] = rdd_hard(g, c, head_at(teacher, twin), valid);
    lbk_val *x = rdd_choose(g, c->mode, mask[0].hard, mask[1].hard);
    watch_masks(o, t->name, mask, x, valid);
    if (c->classes.n)
        x = lbk_mul(g, x, class_weights(g, c, student->pass));
    t->weight = t->weight ? lbk_mul(g, x, t->weight) : x;
    t->norm = c->reduction == RDD_PIX_MEAN
                  ? lbk_scalar(g, (double) lbk_shape_count(lbk_shape_of(t->loss)))
                  : NULL; /* the weights' sum, and 1 where nothing is chosen */
}

static lbk_val *select_hard(lbk_objective *o, const struct rdd *c, struct heads student,
                            const struct heads *teacher)
{
    for (int i = 0; i < student.n && i < RDD_HEADS; i++)
        choose(o, c, &student, teacher, i);
    return lbk_terms_reduce(lbk_obj_graph(o), student.n, student.term);
}

/* ---- both ---- */

static void imitate(lbk_objective *o, const struct rdd *c, lbk_pass *s, lbk_pass *t)
{
    if (lbk_ramp_off(c->kd))
        return;
    const lbk_shape a = lbk_shape_of(lbk_pass_out(s)), b = lbk_shape_of(lbk_pass_out(t));
    if (memcmp(&a, &b, sizeof a))
        lbk_graph_fail(
            lbk_obj_graph(o), LBK_EINVAL,
            "rdd: the student's logits are %lld x %lld x %lld, the teacher's %lld x %lld "
            "x %lld: expected the same",
            (long long) a.d[1], (long long) a.d[2], (long long) a.d[3], (long long) b.d[1],
            (long long) b.d[2], (long long) b.d[3]);
    lbk_obj_term(o, "kd", c->kd, "kl",
                 LBK_WIRES({ "student", lbk_pass_out(s) }, { "teacher", lbk_pass_out(t) }),
                 "reduction=pixelmean,temperature=%.17g", c->temperature);
}

static void build(lbk_objective *o, const struct rdd *c, bool second)
{
    lbk_graph *g = lbk_obj_graph(o);
    lbk_pass *s = lbk_obj_pass(o, "student", NULL), *t = lbk_obj_pass(o, "teacher", NULL);
    lbk_obj_loss(o, "task", lbk_ramp_rest(c->reweight), lbk_pass_loss(s));
    imitate(o, c, s, t);
    if (lbk_ramp_off(c->reweight))
        return;
    const struct heads student = heads_of(g, s), teacher = heads_of(g, t);
    if (!second) {
        lbk_obj_loss(o, "easy", c->reweight, weigh(o, c, student, t));
        return;
    }
    if (lbk_ramp_off(c->blend)) {
        lbk_obj_loss(o, "hard", c->reweight, select_hard(o, c, student, &teacher));
        return;
    }
    const struct lbk_ramp share = lbk_ramp_from(c->blend, c->easy);
    lbk_obj_loss(o, "easy", lbk_ramp_times(share, c->reweight.offset), weigh(o, c, student, t));
    lbk_obj_loss(o, "hard", lbk_ramp_times(lbk_ramp_rest(share), c->reweight.offset),
                 select_hard(o, c, student, &teacher));
}

static void first(lbk_objective *o, const void *cfg) { build(o, cfg, false); }
static void second(lbk_objective *o, const void *cfg) { build(o, cfg, true); }

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = {
        { "student", NULL, LBK_TRAINED, 0 },
        { "teacher", NULL, LBK_FROZEN, 0 },
        { 0 },
    };
    const struct rdd *c = cfg;
    const bool none = c->easy.n <= 0, all = c->easy.unit == LBK_PERCENT && c->easy.n >= 100;
    lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "easy", .flags = none ? LBK_STAGE_SKIP : 0,
                                   .roles = roles, .length = c->easy, .objective = first));
    return lbk_schedule_add(out, LBK_DESC(lbk_stage, .name = "hard",
                                          .flags = LBK_STAGE_CARRY | (all ? LBK_STAGE_SKIP : 0),
                                          .roles = roles, .objective = second));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const tasks[] = { "segment", NULL };
    return lbk_register_method(
        r, LBK_DESC(lbk_method, .name = "rdd",
                    .doc = "a teacher says on which pixels the task's loss should look",
                    .paper = "arXiv:2407.03719", .tasks = tasks, .opts = opts,
                    .cfg_size = sizeof(struct rdd), .check = check, .schedule = schedule));
}

LBK_PLUGIN(rdd, "0.1", "MIT", NULL, setup);
