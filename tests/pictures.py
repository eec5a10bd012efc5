# SPDX-License-Identifier: MIT
"""Small data sets of pictures with a depth, a mask and a class each, for tests."""
import json
import random

import png

WIDE, HIGH = 40, 24
failed = []


def check(name, ok, *seen):
    if not ok:
        failed.append(name)
        print(f'not ok: {name}', *seen)


def folder(path):
    path.mkdir(parents=True, exist_ok=True)
    return path


def make_data(root):
    """Pictures of two halves, with a depth in millimetres (0: none), a mask (255: none) and a class each."""
    rng = random.Random(3)
    for part, n in (('train', 8), ('val', 4), ('test', 3)):
        for i in range(n):
            a, b, edge = rng.randrange(40, 250), rng.randrange(40, 250), rng.randrange(8, WIDE - 8)
            png.write(folder(root / part) / f'{i}.png', WIDE, HIGH, lambda x, y: (a if x < edge else b, 5 * y, 4 * x))
            png.write(folder(root / (part + '_depth')) / f'{i}.png', WIDE, HIGH,
                      lambda x, y: 0 if y < 2 else (10 * a if x < edge else 12 * b) + y, 16)
            png.write(folder(root / (part + '_mask')) / f'{i}.png', WIDE, HIGH,
                      lambda x, y: 255 if y < 2 else 0 if x < edge else 1 + (b > 140))
            png.write(folder(root / (part + '_class') / ('low' if a < b else 'rising')) / f'{i}.png', WIDE, HIGH,
                      lambda x, y: (a if x < edge else b, 5 * y, 4 * x))
        for name in ('low', 'rising'):
            png.write(folder(root / (part + '_class') / name) / 'x.png', WIDE, HIGH, lambda x, y: (9, 5 * y, 4 * x))


BOX, BOX_CLASSES = (4, 5, 16, 12), ('cat', 'dog')


def coco(root, *more):
    """The same pictures with a box each, dogs and cats in turn."""
    for part, n in (('train', 8), ('val', 4), ('test', 3)):
        images = [{'id': 10 * i, 'file_name': f'{part}/{i}.png', 'width': WIDE, 'height': HIGH} for i in range(n)]
        boxes = [{'image_id': 10 * i, 'category_id': 7 - i % 2, 'bbox': BOX, 'area': BOX[2] * BOX[3]} for i in range(n)]
        classes = [{'id': 7, 'name': 'dog'}, {'id': 6, 'name': 'cat'}]
        with open(root / f'instances_{part}.json', 'w') as f:
            json.dump({'images': images, 'annotations': boxes, 'categories': classes}, f)
    return 'data=coco,' + ','.join([f'root={root}', 'images=.', *more])


def pairs(root, kind, ending, *more):
    labels = [] if kind == 'class' else [f'{p}labels={root}/{q}{ending}' for p, q in
                                         (('', 'train'), ('val_', 'val'), ('test_', 'test'))]
    images = [f'{p}images={root}/{q}{ending if kind == "class" else ""}' for p, q in
              (('', 'train'), ('val_', 'val'), ('test_', 'test'))]
    return 'data=pairs,' + ','.join([f'kind={kind}', *images, *labels, *more])
