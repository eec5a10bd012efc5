/* SPDX-License-Identifier: MIT */
/* Knowledge distillation from softened outputs, from any number of teachers: Hinton, Vinyals and
 * Dean, "Distilling the knowledge in a neural network", 2015. FitNet's hint (Romero et al., 2015)
 * and attention transfer
 * as losses that any recipe can add. */
#include <stdio.h>
#include <limbeck/plugin.h>

enum { MAX_TEACHERS = 16 };
static const char *const reductions[] = { "batchmean", "mean", "sum", "pixelmean", NULL };

/* mean of (adapt(student) - teacher)^2; the adapter is a 1 x 1 convolution with batch
 * normalisation. */
static lbk_val *fitnet(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape t = lbk_shape_of(in[1]);
    if (lbk_shape_of(in[0]).n != 4 || t.n != 4) {
        lbk_graph_fail(g, LBK_EINVAL, "kd.fitnet: expected maps of rank 4, found rank %d and %d",
                       lbk_shape_of(in[0]).n, t.n);
        return NULL;
    }
    lbk_val *x =
        lbk_nn_conv2d(lbk_scope_sub(s, "conv"), in[0], lbk_conv(.out = t.d[1], .kernel = 1));
    x = lbk_nn_batch_norm(lbk_scope_sub(s, "bn"), x);
    if (lbk_shape_of(x).d[2] != t.d[2] || lbk_shape_of(x).d[3] != t.d[3])
        x = lbk_resize(g, x, (struct lbk_resize){ t.d[2], t.d[3], LBK_BILINEAR });
    return lbk_mean(g, lbk_square(g, lbk_sub(g, x, lbk_stop_grad(g, in[1]))), LBK_ALL);
}

/* Where a network looks: mean over channels of the squares, each sample's map of length 1. */
static lbk_val *attention(lbk_graph *g, lbk_val *x)
{
    const struct lbk_reduce pixels = { 1u << 2 | 1u << 3, true };
    lbk_val *a = lbk_mean(g, lbk_square(g, x), (struct lbk_reduce){ 1u << 1, true });
    lbk_val *length = lbk_sqrt(g, lbk_sum(g, lbk_square(g, a), pixels));
    return lbk_div(g, a, lbk_maximum(g, length, lbk_scalar(g, 1e-12)));
}

/* Attention transfer (Zagoruyko and Komodakis, 2017), its mean over samples and pixels. */
static lbk_val *at(lbk_scope *s, lbk_val *const in[], const void *cfg)
{
    lbk_graph *g = lbk_scope_graph(s);
    const lbk_shape x = lbk_shape_of(in[0]), t = lbk_shape_of(in[1]);
    if (x.n != 4 || t.n != 4 || x.d[2] != t.d[2] || x.d[3] != t.d[3]) {
        lbk_graph_fail(g, LBK_EINVAL,
                       "kd.at: expected maps of one height and width, found %lld x %lld of rank %d "
                       "and %lld x %lld of rank %d",
                       (long long) x.d[2], (long long) x.d[3], x.n, (long long) t.d[2],
                       (long long) t.d[3], t.n);
        return NULL;
    }
    return lbk_mean(
        g, lbk_square(g, lbk_sub(g, attention(g, in[0]), lbk_stop_grad(g, attention(g, in[1])))),
        LBK_ALL);
}

struct kd {
    struct lbk_ramp weight, hint;
    double temperature, teacher_temperature;
    int reduction;
    const char *hint_tap;
};
static const struct lbk_opt opts[] = {
    LBK_WEIGHT(kd, weight, "0.9", "of the teachers together; the labels get the rest"),
    LBK_FLOAT(kd, temperature, 4, 0.01, 1000, "divides the logits of both before the softmax"),
    LBK_FLOAT(kd, teacher_temperature, 0, 0, 1000,
              "another one for the teachers' logits; 0 = the same"),
    LBK_ENUM(kd, reduction, "batchmean", reductions,
             "sum over classes and mean over samples, mean over both, sum; pixelmean: sum over "
             "classes, mean over samples and their pixels"),
    LBK_WEIGHT(kd, hint, "0", "of FitNet's hint from the first teacher"),
    LBK_STRING(kd, hint_tap, "layer2", "where the hint is taken, in both"),
    LBK_OPTS_END,
};

static void add_teacher(lbk_objective *o, const struct kd *c, lbk_pass *student, lbk_pass *teacher,
                        int i, int n)
{
    char label[32];
    if (n > 1)
        snprintf(label, sizeof label, "kd%d", i);
    else
        snprintf(label, sizeof label, "kd");
    lbk_obj_term(
        o, label, n > 1 ? lbk_ramp_times(c->weight, 1.0 / n) : c->weight, "kl",
        LBK_WIRES({ "student", lbk_pass_out(student) }, { "teacher", lbk_pass_out(teacher) }),
        "temperature=%.17g,teacher_temperature=%.17g,reduction=%s", c->temperature,
        c->teacher_temperature, reductions[c->reduction]);
}

static void objective(lbk_objective *o, const void *cfg)
{
    const struct kd *c = cfg;
    lbk_pass *s = lbk_obj_pass(o, "student", NULL), *t[MAX_TEACHERS];
    const int n = lbk_obj_passes(o, "teacher", NULL, MAX_TEACHERS, t);
    lbk_obj_loss(o, "task", lbk_ramp_rest(c->weight), lbk_pass_loss(s));
    for (int i = 0; i < n && i < MAX_TEACHERS; i++)
        add_teacher(o, c, s, t[i], i, n);
    if (n > 0 && !lbk_ramp_off(c->hint))
        lbk_obj_term(o, "hint", c->hint, "kd.fitnet",
                     LBK_WIRES({ "student", lbk_pass_tap(s, c->hint_tap) },
                               { "teacher", lbk_pass_tap(t[0], c->hint_tap) }),
                     NULL);
}

static lbk_status schedule(lbk_ctx *ctx, const void *cfg, lbk_schedule *out)
{
    static const struct lbk_role roles[] = {
        { "student", NULL, LBK_TRAINED, 0 },
        { "teacher", NULL, LBK_FROZEN, LBK_ROLE_MANY },
        { 0 },
    };
    return lbk_schedule_add(
        out, LBK_DESC(lbk_stage, .name = "student", .roles = roles, .objective = objective));
}

static lbk_status setup(lbk_registrar *r)
{
    static const char *const wires[] = { "student", "teacher", NULL }, *const tasks[] = {
        "classify", NULL
    };
    static const char *const shapes[] = { "N x C x H x W", "N x D x h x w", NULL },
                             *const maps[] = { "N x C x H x W", "N x D x H x W", NULL };
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "kd.fitnet",
                                  .doc = "regression of a teacher's hidden layer", .inputs = wires,
                                  .shapes = shapes, .build = fitnet));
    lbk_register_loss(r, LBK_DESC(lbk_loss, .name = "kd.at",
                                  .doc = "where a teacher's hidden layer looks", .inputs = wires,
                                  .shapes = maps, .build = at));
    return lbk_register_method(
        r, LBK_DESC(lbk_method, .name = "kd", .doc = "softened outputs of one or more teachers",
                    .paper = "arXiv:1503.02531", .tasks = tasks, .opts = opts,
                    .cfg_size = sizeof(struct kd), .schedule = schedule));
}

LBK_PLUGIN(kd, "0.1", "MIT", NULL, setup);
