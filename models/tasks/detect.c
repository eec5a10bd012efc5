/* SPDX-License-Identifier: MIT */
/* Boxes of classes, from one-stage networks: focal loss (Lin et al., 2017) and L1 of deltas to
 * learn from, both over the number of hits in the batch; average precision to judge by. */
#include <stdio.h>
#include <stdlib.h>
#include "detect.h"

static const struct lbk_opt opts[] = {
    LBK_FLOAT(detect, base, 4, 0.25, 64, "side of the smallest anchor, in cells"),
    LBK_INT(detect, octaves, 0, 0, 64,
            "anchor sizes to an octave; 0 = as the network has: its anchors over ratios"),
    LBK_NUMBERS(detect, ratios, "0.5:1:2", "height over width of anchors"),
    LBK_FLOAT(detect, pos, 0.5, 0, 1, "overlap from which an anchor is a hit"),
    LBK_FLOAT(detect, neg, 0.4, 0, 1, "overlap below which an anchor is background"),
    LBK_FLOAT(detect, alpha, 0.25, 0, 1, "focal loss: weight of hits; the rest is background's"),
    LBK_FLOAT(detect, gamma, 2, 0, 16, "focal loss: how little it counts what is nearly right"),
    LBK_FLOAT(detect, score, 0.05, 0, 1, "least score of a box that is found"),
    LBK_FLOAT(detect, nms, 0.5, 0, 1, "overlap above which the weaker box of a class goes"),
    LBK_INT(detect, candidates, 1000, 1, 1e6, "boxes of a level that are looked at, best first"),
    LBK_INT(detect, top, 100, 1, 1e6, "most boxes found in a picture"),
    LBK_FLOAT(detect, draw, 0.3, 0, 1, "least score of a box that is drawn"),
    LBK_OPTS_END,
};

/* ---- heads ---- */

static bool good_ratios(const struct detect *c, char why[256])
{
    for (int64_t i = 0; i < c->ratios.n; i++)
        if (!(c->ratios.v[i] >= 0.01 && c->ratios.v[i] <= 100)) {
            snprintf(why, 256, "detect.ratios: expected 0.01..100, found %g", c->ratios.v[i]);
            return false;
        }
    if (c->ratios.n < 1)
        snprintf(why, 256, "detect.ratios: expected 1 or more, found none");
    return c->ratios.n > 0;
}

static bool fits(const struct detect *c, const struct heads *h, char why[256])
{
    const long long n = h->anchors, ratios = c->ratios.n;
    if (!good_ratios(c, why))
        return false;
    if (c->neg > c->pos)
        snprintf(why, 256, "detect.neg: expected at most detect.pos, %g, found %g", c->pos, c->neg);
    else if (n % ratios)
        snprintf(why, 256,
                 "detect.ratios: expected a divisor of the network's %lld anchors to a cell, found "
                 "%lld ratios",
                 n, ratios);
    else if (c->octaves && c->octaves * ratios != n)
        snprintf(why, 256,
                 "detect.octaves: expected %lld, the network has %lld anchors to a cell and there "
                 "are %lld ratios, found %lld",
                 n / ratios, n, ratios, (long long) c->octaves);
    else
        return true;
    return false;
}

static bool add_level(struct heads *h, int number, lbk_shape cls, lbk_shape box, char why[256])
{
    const int64_t anchors = box.d[1] / 4, classes = anchors ? cls.d[1] / anchors : 0;
    const bool first = h->n == 0;
    if (cls.n != 4 || box.n != 4)
        snprintf(why, 256, "detect: expected taps 'cls/%d' and 'box/%d', found only one", number,
                 number);
    else if (cls.d[2] != box.d[2] || cls.d[3] != box.d[3])
        snprintf(why, 256,
                 "detect: expected taps 'cls/%d' and 'box/%d' of one size, found %lld x "
                 "%lld and %lld x %lld",
                 number, number, (long long) cls.d[2], (long long) cls.d[3], (long long) box.d[2],
                 (long long) box.d[3]);
    else if (anchors < 1 || classes < 1 || box.d[1] % 4 || cls.d[1] % anchors)
        snprintf(why, 256,
                 "detect: expected 4 channels of 'box/%d' and some of 'cls/%d' to an "
                 "anchor, found %lld and %lld",
                 number, number, (long long) box.d[1], (long long) cls.d[1]);
    else if (!first && (anchors != h->anchors || classes != h->classes))
        snprintf(why, 256,
                 "detect: expected %lld anchors of %lld classes at every level, found "
                 "%lld of %lld at 'cls/%d'",
                 (long long) h->anchors, (long long) h->classes, (long long) anchors,
                 (long long) classes, number);
    else {
        h->anchors = anchors, h->classes = classes;
        h->at[h->n++] = (struct level){ number, cls.d[2], cls.d[3] };
        return true;
    }
    return false;
}

bool detect_heads(const struct detect *c, detect_shape shape, void *ud, struct heads *out,
                  char why[256])
{
    *out = (struct heads){ 0 };
    for (int i = 0; i < DETECT_LEVELS; i++) {
        char name[2][16];
        snprintf(name[0], sizeof name[0], "cls/%d", i);
        snprintf(name[1], sizeof name[1], "box/%d", i);
        const lbk_shape cls = shape(ud, name[0]), box = shape(ud, name[1]);
        if ((cls.n || box.n) && !add_level(out, i, cls, box, why))
            return false;
    }
    if (!out->n) {
        snprintf(why, 256,
                 "detect: expected a network with taps 'cls/3' and 'box/3' or others so "
                 "named, found none");
        return false;
    }
    if (!fits(c, out, why))
        return false;
    out->sizes = out->anchors / c->ratios.n;
    return true;
}

static lbk_shape tap_shape(void *ud, const char *tap)
{
    return lbk_shape_of(lbk_pass_find(ud, tap));
}

static bool find_heads(lbk_pass *p, const struct detect *c, struct heads *h)
{
    char why[256];
    lbk_graph *g = lbk_pass_graph(p);
    if (lbk_graph_status(g) || detect_heads(c, tap_shape, p, h, why))
        return !lbk_graph_status(g);
    lbk_graph_fail(g, LBK_EINVAL, "%s", why);
    return false;
}

static lbk_val *at_level(lbk_val *(*get)(lbk_pass *p, const char *name), lbk_pass *p,
                         const char *what, int number)
{
    char name[32];
    snprintf(name, sizeof name, "%s/%d", what, number);
    return get(p, name);
}

/* ---- what is learnt ---- */

/* x as (samples x anchors) x width x cells. */
static lbk_val *by_cell(lbk_graph *g, lbk_val *x, const struct heads *h, int64_t width)
{
    return lbk_reshape(g, x,
                       (struct lbk_dims){ 3, { lbk_shape_of(x).d[0] * h->anchors, width, -1 } });
}

/* Summed over axis 1, as samples x anchors of the level. */
static lbk_val *each_anchor(lbk_graph *g, lbk_val *x, int64_t batch)
{
    x = lbk_sum(g, x, (struct lbk_reduce){ 1u << 1, false });
    return lbk_reshape(g, x, (struct lbk_dims){ 2, { batch, -1 } });
}

static lbk_val *class_numbers(lbk_graph *g, int64_t classes)
{
    double *v = malloc((size_t) classes * sizeof *v);
    for (int64_t i = 0; v && i < classes; i++)
        v[i] = (double) i;
    if (!v)
        lbk_graph_fail(g, LBK_ENOMEM, "detect: out of memory");
    lbk_val *x = v ? lbk_numbers(g, LBK_SHAPE(1, classes, 1), v) : NULL;
    free(v);
    return x;
}

/* -a (1 - q)^gamma log q, where q is how likely the network thinks what is so of an anchor and a
 * class; s is the logit of what is not, and -log q = softplus(s). */
static lbk_val *focal(lbk_graph *g, const struct detect *c, lbk_val *z, lbk_val *truth)
{
    lbk_val *y = lbk_eq(g, truth, class_numbers(g, lbk_shape_of(z).d[1]));
    lbk_val *s = lbk_mul(g, z, lbk_select(g, y, lbk_scalar(g, -1), lbk_scalar(g, 1))),
            *wrong = lbk_sigmoid(g, s);
    lbk_val *a = lbk_select(g, y, lbk_scalar(g, c->alpha), lbk_scalar(g, 1 - c->alpha));
    wrong = c->gamma == 2 ? lbk_square(g, wrong) : lbk_pow(g, wrong, lbk_scalar(g, c->gamma));
    return lbk_mul(g, a, lbk_mul(g, wrong, lbk_softplus(g, s)));
}

struct losses {
    lbk_val *cls[DETECT_LEVELS], *counts[DETECT_LEVELS], *box[DETECT_LEVELS], *hit[DETECT_LEVELS];
};

static void learn_level(lbk_pass *p, const struct detect *c, const struct heads *h, int i,
                        struct losses *l)
{
    lbk_graph *g = lbk_pass_graph(p);
    const int n = h->at[i].number;
    lbk_val *truth =
        lbk_cast(g, at_level(lbk_pass_field, p, "anchor_class", n), (struct lbk_cast){ LBK_F32 });
    lbk_val *cls = at_level(lbk_pass_tap, p, "cls", n), *box = at_level(lbk_pass_tap, p, "box", n);
    lbk_val *want = at_level(lbk_pass_field, p, "anchor_box", n);
    const int64_t batch = lbk_shape_of(cls).d[0];
    const struct lbk_dims flat = { 2, { batch, -1 } };
    l->cls[i] =
        each_anchor(g, focal(g, c, by_cell(g, cls, h, h->classes), by_cell(g, truth, h, 1)), batch);
    l->box[i] = each_anchor(
        g, lbk_abs(g, lbk_sub(g, by_cell(g, box, h, 4), by_cell(g, want, h, 4))), batch);
    truth = lbk_reshape(g, truth, flat);
    l->hit[i] = lbk_le(g, lbk_scalar(g, 0), truth);
    l->counts[i] = lbk_le(g, lbk_scalar(g, -1), truth);
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    const struct lbk_axis levels = { 1 };
    lbk_graph *g = lbk_pass_graph(p);
    struct heads h;
    struct losses l;
    if (max < 2 || !find_heads(p, cfg, &h))
        return 2;
    for (int i = 0; i < h.n; i++)
        learn_level(p, cfg, &h, i, &l);
    lbk_val *hit = lbk_concat(g, h.n, l.hit, levels);
    lbk_val *norm = lbk_maximum(g, lbk_scalar(g, 1), lbk_sum(g, hit, LBK_ALL));
    out[0] = (struct lbk_term){ "class", 1, lbk_concat(g, h.n, l.cls, levels),
                                lbk_concat(g, h.n, l.counts, levels), norm };
    out[1] = (struct lbk_term){ "box", 1, lbk_concat(g, h.n, l.box, levels), hit, norm };
    return 2;
}

/* ---- what is answered ---- */

static lbk_val *flat(lbk_graph *g, lbk_val *x)
{
    return lbk_reshape(g, x, (struct lbk_dims){ 2, { lbk_shape_of(x).d[0], -1 } });
}

/* Of each sample: number, height and width of every level. */
static lbk_val *table(lbk_graph *g, const struct heads *h, int64_t batch)
{
    double v[3 * DETECT_LEVELS];
    for (int i = 0; i < h->n; i++) {
        const struct level *l = &h->at[i];
        v[3 * i] = l->number, v[3 * i + 1] = (double) l->h, v[3 * i + 2] = (double) l->w;
    }
    return lbk_broadcast(g, lbk_numbers(g, LBK_SHAPE(1, h->n, 3), v),
                         (struct lbk_dims){ 3, { batch, h->n, 3 } });
}

static void predict(lbk_pass *p, const void *cfg)
{
    lbk_graph *g = lbk_pass_graph(p);
    lbk_val *cls[DETECT_LEVELS], *box[DETECT_LEVELS];
    struct heads h;
    if (!find_heads(p, cfg, &h))
        return;
    for (int i = 0; i < h.n; i++) {
        cls[i] = flat(g, at_level(lbk_pass_tap, p, "cls", h.at[i].number));
        box[i] = flat(g, at_level(lbk_pass_tap, p, "box", h.at[i].number));
    }
    const int64_t batch = lbk_shape_of(cls[0]).d[0];
    lbk_pass_read(p, "scores", lbk_sigmoid(g, lbk_concat(g, h.n, cls, (struct lbk_axis){ 1 })));
    lbk_pass_read(p, "deltas", lbk_concat(g, h.n, box, (struct lbk_axis){ 1 }));
    lbk_pass_read(p, "levels", table(g, &h, batch));
}

/* What predict() knew, from what it left. */
static lbk_status read_heads(const lbk_record *r, const struct detect *c, struct heads *h)
{
    struct lbk_array scores, deltas, levels;
    lbk_status st = lbk_record_get(r, "levels", LBK_F32, &levels);
    int64_t cells = 0;
    if (!st)
        st = lbk_record_get(r, "scores", LBK_F32, &scores);
    if (!st)
        st = lbk_record_get(r, "deltas", LBK_F32, &deltas);
    if (st)
        return st;
    const float *v = levels.data;
    *h = (struct heads){ .n = (int) levels.shape.d[0] };
    for (int i = 0; i < h->n; i++) {
        h->at[i] = (struct level){ (int) v[3 * i], (int64_t) v[3 * i + 1], (int64_t) v[3 * i + 2] };
        cells += h->at[i].h * h->at[i].w;
    }
    h->anchors = deltas.shape.d[0] / 4 / cells;
    h->classes = scores.shape.d[0] / (h->anchors * cells);
    h->sizes = h->anchors / c->ratios.n;
    return LBK_OK;
}

static lbk_status post(lbk_record *r, const void *cfg)
{
    struct heads h;
    lbk_status st = read_heads(r, cfg, &h);
    if (!st && lbk_record_has(r, "boxes"))
        st = detect_reach(r, cfg, &h);
    return st ? st : detect_find(r, cfg, &h);
}

static lbk_status draw(lbk_record *r, const void *cfg)
{
    const struct detect *c = cfg;
    lbk_draw_boxes(r, "found", c->draw);
    return LBK_OK;
}

lbk_status lbk_models_detect(lbk_registrar *r);
lbk_status lbk_models_detect(lbk_registrar *r)
{
    static const struct lbk_field fields[] = { { "boxes", LBK_BOXES, LBK_F32, 0, 0 }, { NULL } };
    static const char *const metrics[] = { "coco", "anchors", NULL };
    return lbk_register_task(r, LBK_DESC(lbk_task, .name = "detect", .doc = "boxes of classes",
                                         .opts = opts, .cfg_size = sizeof(struct detect),
                                         .fields = fields, .metrics = metrics,
                                         .encode = detect_encode, .terms = terms,
                                         .predict = predict, .post = post, .draw = draw));
}
