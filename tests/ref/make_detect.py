#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""detect.safetensors: what the COCO evaluation says of made-up boxes (coco/*), which anchors are hits of which boxes (match/*),
and what boxes an answer means (found/*), the latter two by plain code of another kind than limbeck's: every anchor by every box.
Needs numpy, and pycocotools for the first. bccd_found.json has 12 pictures of BCCD (MIT licence), corners and class and area of
what is true, corners and score and class of what plugins/none/recipes/bccd_small.yaml found after 60 epochs."""
import json
import math
import os
import numpy as np
import st

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(1)
tensors, meta = {}, {}
f32 = np.float32


# ---- average precision ----

def some_boxes(n, classes, side, whole):
    """n x 5: corners and a class."""
    xy, wh = rng.uniform(0, side * 0.8, (n, 2)), side * np.exp(rng.uniform(-4, -0.4, (n, 2)))
    b = np.concatenate([xy, xy + wh, rng.integers(0, classes, (n, 1))], 1)
    return np.round(b) + [0, 0, 1, 1, 0] if whole else b


def answers(truth, classes, side, extra, whole):
    """Near the true boxes, and elsewhere; scores in steps, so that many are equal."""
    near = truth[rng.random(len(truth)) < 0.9]
    size = near[:, 2:4] - near[:, :2]
    shift = np.concatenate([size, size], 1) * rng.normal(0, rng.choice([0, 0.03, 0.12], (len(near), 1)), (len(near), 4))
    near = np.concatenate([near[:, :4] + (np.round(shift) if whole else shift), near[:, 4:]], 1)
    twice = near[rng.random(len(near)) < 0.3]
    d = np.concatenate([near, twice, some_boxes(extra, classes, side, whole)])
    d[rng.random(len(d)) < 0.1, 4] = rng.integers(0, classes)
    score = np.round(rng.random((len(d), 1)), 1 if whole else 2)
    d = np.concatenate([d[:, :4], score, d[:, 4:]], 1)
    return d[rng.permutation(len(d))].astype(f32)


def evaluate(pictures, classes):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    gt, dt = COCO(), []
    notes = []
    for i, (boxes, area, crowd, to, found) in enumerate(pictures):
        to = to.astype(float)
        sides = lambda b: [*(b[:2] * to[:2] + to[2:]), *((b[2:4] * to[:2] + to[2:]) - (b[:2] * to[:2] + to[2:]))]
        for b, a, c in zip(boxes.astype(float), area, crowd):
            notes.append({'id': len(notes) + 1, 'image_id': i, 'category_id': int(b[4]), 'bbox': sides(b), 'area': float(a),
                          'iscrowd': int(c)})
        dt += [{'image_id': i, 'category_id': int(d[5]), 'bbox': sides(d), 'score': float(d[4])} for d in found.astype(float)]
    gt.dataset = {'images': [{'id': i} for i in range(len(pictures))], 'categories': [{'id': k} for k in range(classes)],
                  'annotations': notes, 'info': {}}
    gt.createIndex()
    e = COCOeval(gt, gt.loadRes(dt), 'bbox')
    e.evaluate()
    e.accumulate()
    e.summarize()
    p = e.eval['precision'][:, :, :, :, 2]                # overlap, recall, class, area
    each = [[p[:, :, k, 0], p[0, :, k, 0], p[5, :, k, 0], *(p[:, :, k, a] for a in (1, 2, 3))] for k in range(classes)]
    return e.stats[:6], np.array([[x.mean() for x in row] for row in each])


def add_pictures(name, pictures, classes, plain=False):
    scores, each = evaluate(pictures, classes)
    for key, v in zip(('boxes', 'area', 'crowd', 'to', 'found'), zip(*pictures)):
        if not plain or key in ('boxes', 'found'):
            tensors[f'coco/{name}/{key}'] = np.concatenate(v).astype(np.int32 if key == 'crowd' else f32)
    tensors[f'coco/{name}/rows'] = np.array([[len(p[0]), len(p[4])] for p in pictures], np.int32)
    tensors[f'coco/{name}/scores'], tensors[f'coco/{name}/each'] = np.array(scores, np.float64), each.astype(np.float64)
    meta[f'coco/{name}'] = str(classes)


def add_coco(name, images, classes, side=200.0, most=12, extra=6, whole=False, to=(1, 1, 0, 0), plain=False, only=None):
    pictures = []
    for i in range(images):
        n = 0 if i % 5 == 4 else int(rng.integers(1, most))
        boxes = some_boxes(n, only or classes, side, whole)
        found = answers(boxes, classes, side, extra, whole) if i % 7 != 6 else np.zeros((0, 6), f32)
        boxes = boxes.astype(f32)
        size = (boxes[:, 2:4].astype(float) - boxes[:, :2].astype(float)) * to[:2]
        area = size.prod(1) * (1 if plain else rng.uniform(0.5, 1, n))
        area = area if plain else area.astype(f32)
        crowd = np.zeros(n, np.int32) if plain else (rng.random(n) < 0.15).astype(np.int32)
        pictures.append((boxes, area, crowd, np.array(to, f32), found))
    add_pictures(name, pictures, classes, plain)


add_coco('plain', 15, 3, plain=True)
add_coco('crowds', 25, 3)
add_coco('whole', 25, 2, side=24.0, whole=True)           # overlaps of exactly 0.5, many equal scores
add_coco('many', 3, 1, side=400.0, most=120, extra=150)   # more than 100 found
add_coco('absent', 12, 5, only=3)                         # two classes without an instance
add_coco('small', 12, 2, side=40.0)                       # no large ones
add_coco('moved', 12, 3, to=(2.5, 2, -8, 4))
real = []
for picture in json.load(open(os.path.join(here, 'bccd_found.json'))):
    truth, found = np.array(picture['truth']), np.array(picture['found'])
    real.append((truth[:, :5].astype(f32), truth[:, 5].astype(f32), np.zeros(len(truth), np.int32), np.array((1, 1, 0, 0), f32),
                 found.astype(f32)))
add_pictures('bccd', real, 3)


# ---- matches ----

def anchors(levels, base, sizes, ratios):
    """Middle and sides of all: level, size and ratio, row, column."""
    out = []
    for n, h, w in levels:
        y, x = np.meshgrid(np.arange(h), np.arange(w), indexing='ij')
        for s in range(sizes):
            for r in ratios:
                side = base * 2.0**n * 2.0**(s / sizes)
                out.append(np.stack([(x + 0.5) * 2**n, (y + 0.5) * 2**n, np.full(x.shape, side / math.sqrt(r)),
                                     np.full(x.shape, side * math.sqrt(r))], -1).reshape(-1, 4))
    return np.concatenate(out)


def corners(a):
    return np.concatenate([a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2], 1)


def overlaps(a, b):
    side = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    both = np.clip(side, 0, None).prod(2)
    return both / ((a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None] - both)


def add_match(name, levels, boxes, crowd, base, sizes=3, ratios=(0.5, 1, 2), pos=0.5, neg=0.4):
    a = anchors(levels, base, sizes, ratios)
    boxes = boxes.astype(f32)
    b = boxes[crowd == 0].astype(float)
    o = overlaps(corners(a), b[:, :4]) if len(b) else np.zeros((len(a), 1))
    cls, which = np.full(len(a), -2), o.argmax(1)
    cls[o.max(1) < neg] = -1
    hit = o.max(1) >= pos
    for j in range(len(b)):
        nearest = o[:, j] >= o[:, j].max() - 1e-9 if o[:, j].max() > 0 else np.zeros(len(a), bool)
        which[nearest], hit[nearest] = j, True
    delta = np.zeros((len(a), 4))
    if len(b):
        g = b[which]
        cls[hit] = g[hit, 4]
        delta[:, :2] = ((g[:, :2] + g[:, 2:4]) / 2 - a[:, :2]) / a[:, 2:]
        delta[:, 2:] = np.log((g[:, 2:4] - g[:, :2]) / a[:, 2:])
        delta[~hit] = 0
    for key, v in dict(levels=np.array(levels, np.int32), boxes=boxes, crowd=crowd.astype(np.int32), cls=cls.astype(np.int32),
                       hits=np.nonzero(hit)[0].astype(np.int32), delta=delta[hit].astype(f32),
                       reached=(o[:, :len(b)].max(0) >= pos).astype(np.int32)).items():
        tensors[f'match/{name}/{key}'] = v
    meta[f'match/{name}'] = f'base={base} ratios={":".join(map(str, ratios))} pos={pos} neg={neg}'


LEVELS = [(3, 16, 20), (4, 8, 10), (5, 4, 5)]
b = some_boxes(14, 3, 140.0, False)
add_match('random', LEVELS, b, np.zeros(14), 2.5)
add_match('crowd', LEVELS, b, np.arange(14) % 3 == 0, 4.0)
add_match('whole', LEVELS, some_boxes(10, 3, 128.0, True), np.zeros(10), 4.0)
centred = np.array([[16, 16, 48, 48, 1], [20, 20, 44, 44, 0], [16, 16, 48, 48, 2], [0, 0, 160, 128, 0], [60, 60, 61, 61, 1]])
add_match('ties', LEVELS, centred, np.zeros(5), 4.0)      # as much as several anchors, two boxes in one place, a speck
add_match('odd', [(3, 13, 19), (4, 7, 10), (5, 4, 5), (6, 2, 3)], b, np.zeros(14), 3.0, 2, (1, 3), 0.6, 0.3)
add_match('none', LEVELS, np.zeros((0, 5)), np.zeros(0), 4.0)


# ---- boxes of an answer ----

def add_found(name, levels, classes, base, score, nms, candidates, top, spread):
    a = anchors(levels, base, 3, (0.5, 1, 2))
    p = np.clip(rng.random((len(a), classes)) ** spread, 0, 1).astype(f32)
    d = rng.normal(0, 0.4, (len(a), 4)).astype(f32)
    d[::50, 2:] = 6                                       # more than decoding lets grow
    picture = np.array([levels[0][2] * 2**levels[0][0] - 3, levels[0][1] * 2**levels[0][0] - 5], float)
    middle = a[:, :2] + d[:, :2].astype(float) * a[:, 2:]
    most = math.log(1000 / 16)
    b = corners(np.concatenate([middle, a[:, 2:] * np.exp(np.clip(d[:, 2:].astype(float), -most, most))], 1))
    b = np.clip(b, 0, np.concatenate([picture, picture]))
    chosen, at = [], 0
    for _, h, w in levels:
        n = 9 * h * w
        each = [(-p[i, k], i, k) for i in range(at, at + n) for k in range(classes) if p[i, k] > score]
        chosen += sorted(each, key=lambda x: x[0])[:candidates]
        at += n
    kept = []
    for s, i, k in sorted(chosen, key=lambda x: x[0]):
        same = np.array([b[j] for _, j, c in kept if c == k])
        if len(same) and np.nan_to_num(overlaps(b[i:i + 1], same)).max() > nms:
            continue
        kept.append((s, i, k))
        if len(kept) == top:
            break
    found = np.array([[*b[i], -s, k] for s, i, k in kept], f32)
    heads, at = {'scores': [], 'deltas': []}, 0
    for _, h, w in levels:                                # as heads have them: anchors, then classes or deltas, then cells
        n = 9 * h * w
        heads['scores'].append(p[at:at + n].reshape(9, h * w, classes).transpose(0, 2, 1).ravel())
        heads['deltas'].append(d[at:at + n].reshape(9, h * w, 4).transpose(0, 2, 1).ravel())
        at += n
    tensors.update({f'found/{name}/{k}': np.concatenate(v) for k, v in heads.items()})
    tensors[f'found/{name}/levels'] = np.array(levels, f32)
    tensors[f'found/{name}/picture'] = picture[::-1].astype(np.int32)
    tensors[f'found/{name}/found'] = found
    meta[f'found/{name}'] = f'base={base} score={score} nms={nms} candidates={candidates} top={top}'


SMALL = [(3, 8, 10), (4, 4, 5), (5, 2, 3)]
add_found('some', SMALL, 3, 2.5, 0.3, 0.5, 1000, 100, 6)
add_found('few', SMALL, 2, 4.0, 0.05, 0.3, 20, 7, 2)
add_found('nothing', SMALL, 1, 4.0, 0.99, 0.5, 1000, 100, 900)
st.save(os.path.join(here, 'detect.safetensors'), tensors, meta)
