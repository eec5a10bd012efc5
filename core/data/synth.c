/* SPDX-License-Identifier: MIT */
/* Scenes of shapes with textures before a sloping background. Sample i is a function of (seed,
 * part, i). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <limbeck/ctx.h>
#include <limbeck/file.h>
#include <limbeck/rng.h>
#include "dataset.h"
#include "record.h"
#include "source.h"

enum of { CLASSIFY, SEGMENT, DEPTH, DETECT, ALL };
enum {
    MOST = 4,
    SHAPES = 5,
    TEXTURES = 4,
    COLOURS = 5,
    KINDS = 100
}; /* objects in a scene; classes are their combinations */

struct synth {
    int64_t count, eval_count, classes, h, w, channels, seed;
    double noise;
    int of, split;
};
static const char *const ofs[] = { "classify", "segment", "depth", "detect", "all", NULL };
static const struct lbk_opt opts[] = {
    LBK_ENUM(synth, of, "classify", ofs,
             "what a sample has beside its image: label, label per pixel, depth, boxes or all"),
    LBK_INT(synth, count, 2000, 1, 1e9, "training samples"),
    LBK_INT(synth, eval_count, 500, 1, 1e9, "validation samples, and as many for the test"),
    LBK_INT(synth, classes, 10, 2, KINDS,
            "kinds of objects; one of them is the background of pixel labels"),
    LBK_INT(synth, h, 32, 8, 16384, "height in pixels"),
    LBK_INT(synth, w, 32, 8, 16384, "width in pixels"),
    LBK_INT(synth, channels, 3, 1, 3, "1 = grey, 3 = RGB"),
    LBK_INT(synth, seed, 1, 0, 1e15, "of the scenes"),
    LBK_FLOAT(synth, noise, 0.2, 0, 1, "spread of the noise on every pixel"),
    LBK_ENUM(synth, split, "train", lbk__split_names, "part that is opened"),
    LBK_OPTS_END
};

struct lbk_dataset {
    lbk_ctx *ctx;
    struct synth c;
    int64_t n, kinds;
    uint64_t key;
    struct lbk_field fields[6];
    char name[KINDS + 1][32]; /* of classes */
    const char *names[KINDS + 1];
};

struct object {
    int64_t kind;
    float x, y, radius, cos, sin, depth, colour[3], period;
};
struct scene {
    int n;
    struct object at[MOST];
    float top[3], bottom[3];
};

/* Numbers of one scene, one after the other. */
struct draws {
    uint64_t key, i;
};
static float draw(struct draws *d, float lo, float hi)
{
    const uint64_t i = d->i++;
    return lo + (hi - lo) * lbk_unit(lbk_philox(d->key, 1, i >> 2).v[i & 3]);
}

/* ---- what there is to see ---- */

static void place(const struct lbk_dataset *d, struct draws *r, struct object *o, bool alone)
{
    static const float hues[COLOURS][3] = {
        { 1, 0.3f, 0.3f }, { 0.3f, 1, 0.3f }, { 0.4f, 0.4f, 1 }, { 1, 1, 0.3f }, { 0.9f, 0.4f, 1 }
    };
    const float size = (float) (d->c.h < d->c.w ? d->c.h : d->c.w), angle = draw(r, -0.3f, 0.3f);
    o->radius = size * (alone ? draw(r, 0.28f, 0.42f) : draw(r, 0.12f, 0.28f));
    o->x = (float) d->c.w * (alone ? draw(r, 0.42f, 0.58f) : draw(r, 0.15f, 0.85f));
    o->y = (float) d->c.h * (alone ? draw(r, 0.42f, 0.58f) : draw(r, 0.15f, 0.85f));
    o->cos = cosf(angle), o->sin = sinf(angle);
    /* what is nearer looks larger, so that there is something to learn */
    o->depth = 0.45f * size / o->radius * draw(r, 0.9f, 1.1f);
    o->period = draw(r, 0.45f, 0.6f);
    o->kind = (int64_t) draw(r, 0, (float) d->kinds);
    const bool fixed =
        d->kinds > SHAPES * TEXTURES; /* more kinds than that are told apart by colour */
    const float *hue =
        hues[fixed ? o->kind / (SHAPES * TEXTURES) % COLOURS : (int64_t) draw(r, 0, COLOURS)];
    for (int k = 0; k < 3; k++)
        o->colour[k] = hue[k] * draw(r, 0.8f, 1);
}

static struct scene compose(const struct lbk_dataset *d, uint64_t key)
{
    struct draws r = { key, 0 };
    struct scene s = { 0 };
    const bool alone = d->c.of == CLASSIFY;
    for (int k = 0; k < 3; k++)
        s.top[k] = draw(&r, 0.05f, 0.3f), s.bottom[k] = draw(&r, 0.05f, 0.3f);
    s.n = alone ? 1 : 1 + (int) draw(&r, 0, MOST);
    for (int i = 0; i < s.n; i++)
        place(d, &r, &s.at[i], alone);
    return s;
}

static bool inside(int64_t shape, float u, float v)
{
    const float q = u * u + v * v;
    switch (shape) {
    case 0: return q < 1;                                /* disc */
    case 1: return fabsf(u) < 0.85f && fabsf(v) < 0.85f; /* square */
    case 2: return v < 0.7f && v > 2 * fabsf(u) - 0.95f; /* triangle */
    case 3: return q < 1 && q > 0.3f;                    /* ring */
    default:
        return (fabsf(u) < 0.3f || fabsf(v) < 0.3f) && fmaxf(fabsf(u), fabsf(v)) < 1; /* cross */
    }
}

static float shade(int64_t texture, float u, float v)
{
    const bool a = u - floorf(u) < 0.5f, b = v - floorf(v) < 0.5f;
    switch (texture) {
    case 0: return 1;
    case 1: return a ? 1 : 0.35f;
    case 2: return b ? 1 : 0.35f;
    default: return a == b ? 1 : 0.35f;
    }
}

/* The nearest object there, or -1, and how bright it is. */
static int look(const struct scene *s, float x, float y, float *bright)
{
    int found = -1;
    for (int i = 0; i < s->n; i++) {
        const struct object *o = &s->at[i];
        const float dx = (x - o->x) / o->radius, dy = (y - o->y) / o->radius;
        const float u = o->cos * dx + o->sin * dy, v = o->cos * dy - o->sin * dx;
        if ((found >= 0 && s->at[found].depth <= o->depth) || !inside(o->kind % SHAPES, u, v))
            continue;
        found = i;
        *bright = shade(o->kind / SHAPES % TEXTURES, u / o->period, v / o->period);
    }
    return found;
}

/* ---- arrays ---- */

struct picture {
    float *image, *depth;
    int32_t *mask;
    int64_t bounds[MOST][4], seen[MOST];
};

static void see(struct picture *p, int i, int64_t x, int64_t y)
{
    int64_t *b = p->bounds[i];
    if (!p->seen[i]++)
        b[0] = x, b[1] = y, b[2] = x + 1, b[3] = y + 1;
    b[0] = x < b[0] ? x : b[0];
    b[2] = x + 1 > b[2] ? x + 1 : b[2];
    b[3] = y + 1;
}

static void paint(const struct lbk_dataset *d, const struct scene *s, uint64_t key,
                  struct picture *p)
{
    const int64_t h = d->c.h, w = d->c.w;
    for (int64_t k = 0; k < h * w; k++) {
        const int64_t x = k % w, y = k / w;
        const float t = ((float) y + 0.5f) / (float) h;
        const struct lbk_philox v = lbk_philox(key, 2, (uint64_t) k);
        float bright = 1, rgb[3];
        const int i = look(s, (float) x + 0.5f, (float) y + 0.5f, &bright);
        for (int c = 0; c < 3; c++) {
            const float colour =
                i < 0 ? s->top[c] + (s->bottom[c] - s->top[c]) * t : s->at[i].colour[c] * bright;
            const float noisy = colour + (float) d->c.noise * (lbk_unit(v.v[c]) - 0.5f);
            rgb[c] = noisy < 0 ? 0 : noisy > 1 ? 1 : noisy;
        }
        if (d->c.channels == 1)
            p->image[k] = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
        for (int c = 0; c < 3 && d->c.channels == 3; c++)
            p->image[c * h * w + k] = rgb[c];
        if (p->mask)
            p->mask[k] = i < 0 ? 0 : (int32_t) s->at[i].kind + 1;
        if (p->depth)
            p->depth[k] = i < 0 ? 8 - 3 * t : s->at[i].depth;
        if (i >= 0)
            see(p, i, x, y);
    }
}

static lbk_status put_boxes(const struct scene *s, const struct picture *p, lbk_record *r)
{
    int64_t n = 0;
    for (int i = 0; i < s->n; i++)
        n += p->seen[i] > 0;
    float *to = lbk__record_room(r, "boxes", LBK_F32, LBK_SHAPE(n, 5));
    if (!to)
        return LBK_ENOMEM;
    for (int i = 0; i < s->n; i++) {
        if (!p->seen[i])
            continue;
        for (int k = 0; k < 4; k++)
            *to++ = (float) p->bounds[i][k];
        *to++ = (float) s->at[i].kind;
    }
    return LBK_OK;
}

static lbk_status put_class(const char *name, int64_t kind, lbk_record *r)
{
    int32_t *to = lbk__record_room(r, name, LBK_I32, (lbk_shape){ 0 });
    if (!to)
        return LBK_ENOMEM;
    *to = (int32_t) kind;
    return LBK_OK;
}

static lbk_status read_scene(const lbk_dataset *d, int64_t i, lbk_record *r)
{
    const int of = d->c.of;
    const int64_t h = d->c.h, w = d->c.w;
    const uint64_t key = lbk_mix(d->key, (uint64_t) i);
    const struct scene s = compose(d, key);
    struct picture p = { .image = lbk__record_room(r, "image", LBK_F32,
                                                   LBK_SHAPE(d->c.channels, h, w)) };
    if (of == SEGMENT || of == ALL)
        p.mask = lbk__record_room(r, "label", LBK_I32, LBK_SHAPE(h, w));
    if (of == DEPTH || of == ALL)
        p.depth = lbk__record_room(r, "depth", LBK_F32, LBK_SHAPE(1, h, w));
    if (!p.image || (!p.mask && (of == SEGMENT || of == ALL)) ||
        (!p.depth && (of == DEPTH || of == ALL)))
        return LBK_ENOMEM;
    paint(d, &s, key, &p);
    lbk_status st = LBK_OK;
    if (of == CLASSIFY || of == ALL)
        st = put_class(of == ALL ? "kind" : "label", s.at[0].kind, r);
    if (!st && (of == DETECT || of == ALL))
        st = put_boxes(&s, &p, r);
    return st;
}

/* ---- the source ---- */

static void add_field(struct lbk_dataset *d, const char *name, enum lbk_kind kind, lbk_dtype t,
                      int64_t classes)
{
    struct lbk_field *f = d->fields;
    while (f->name)
        f++;
    *f = (struct lbk_field){ name, kind, t, classes, classes ? -1 : 0, NULL };
    if (classes > d->kinds)
        f->names = d->names;
    else if (classes)
        f->names = d->names + 1;
}

static void name_kinds(struct lbk_dataset *d)
{
    static const char *const shapes[SHAPES] = { "disc", "square", "triangle", "ring", "cross" };
    static const char *const textures[TEXTURES] = { "plain", "upright", "level", "checked" };
    static const char *const colours[COLOURS] = { "red", "green", "blue", "yellow", "purple" };
    snprintf(d->name[0], sizeof d->name[0], "background");
    for (int i = 0; i < KINDS; i++)
        snprintf(d->name[i + 1], sizeof d->name[0], "%s%s%s %s",
                 d->kinds > SHAPES * TEXTURES ? colours[i / (SHAPES * TEXTURES)] : "",
                 d->kinds > SHAPES * TEXTURES ? " " : "", textures[i / SHAPES % TEXTURES],
                 shapes[i % SHAPES]);
    for (int i = 0; i <= KINDS; i++)
        d->names[i] = d->name[i];
}

static lbk_status open_synth(lbk_ctx *ctx, const void *cfg, lbk_dataset **out)
{
    struct lbk_dataset *d = calloc(1, sizeof *d);
    *out = d;
    if (!d)
        return lbk_fail(ctx, LBK_ENOMEM, "synth: out of memory");
    d->ctx = ctx, d->c = *(const struct synth *) cfg;
    if (d->c.channels == 2) {
        free(d);
        return lbk_fail(ctx, LBK_EINVAL, "synth: expected 1 or 3 channels, got 2");
    }
    const int of = d->c.of;
    d->n = d->c.split ? d->c.eval_count : d->c.count;
    d->kinds = d->c.classes - (of == SEGMENT || of == ALL);
    d->key = lbk_mix((uint64_t) d->c.seed, (uint64_t) d->c.split);
    name_kinds(d);
    add_field(d, "image", LBK_IMAGE, LBK_F32, 0);
    if (of == CLASSIFY || of == ALL)
        add_field(d, of == ALL ? "kind" : "label", LBK_CLASS, LBK_I32, d->kinds);
    if (of == SEGMENT || of == ALL)
        add_field(d, "label", LBK_MAP, LBK_I32, d->c.classes);
    if (of == DEPTH || of == ALL)
        add_field(d, "depth", LBK_MAP, LBK_F32, 0);
    if (of == DETECT || of == ALL)
        add_field(d, "boxes", LBK_BOXES, LBK_F32, d->kinds);
    return LBK_OK;
}

static void close_synth(lbk_dataset *d) { free(d); }
static int64_t count(const lbk_dataset *d) { return d->n; }
static const struct lbk_field *fields(const lbk_dataset *d) { return d->fields; }

static lbk_status hash(const lbk_dataset *d, char out[65])
{
    const struct synth *c = &d->c;
    char text[512];
    const int n = snprintf(text, sizeof text, "synth 2 %s %s %lld %lld %lldx%lldx%lld %lld %a",
                           ofs[c->of], lbk__split_names[c->split], (long long) d->n,
                           (long long) c->classes, (long long) c->channels, (long long) c->h,
                           (long long) c->w, (long long) c->seed, c->noise);
    lbk_sha256(text, (size_t) n, out);
    return LBK_OK;
}

const struct lbk_source lbk__synth = {
    .size = sizeof(struct lbk_source),
    .name = "synth",
    .doc = "scenes made by a formula: image, label, mask, depth, boxes",
    .opts = opts,
    .cfg_size = sizeof(struct synth),
    .open = open_synth,
    .close = close_synth,
    .count = count,
    .fields = fields,
    .read = read_scene,
    .hash = hash,
};
