#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""samples/ in the folder of a run, read by other code: samples.py LIMBECK."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import png
from pictures import BOX, HIGH, WIDE, check, coco, failed, make_data, pairs

LIMBECK = os.path.abspath(sys.argv[1])
ZOOM, GAP, HEAD, LINE = 5, 8, 8 + 3 * 13, 13
PALETTE = [(30, 120, 210), (135, 210, 0), (195, 0, 45)]


def train(out, *argv):
    argv = [LIMBECK, 'train', f'out={out}', 'batch=4', 'eval_batch=8', '-q', *argv]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=250)
    assert p.returncode == 0, (argv, p.stderr[-1000:])
    return json.loads((out / 'result.json').read_text())['weights_sha256']


def names(run):
    return sorted(x.name for x in (run / 'samples').iterdir())


def pixel(sheet, column, row, x, y):
    """The middle of a pixel of a picture, zoomed, in that cell."""
    left, top = GAP + column * (ZOOM * WIDE + GAP), HEAD + row * (ZOOM * HIGH + LINE + GAP)
    return sheet.at(left + ZOOM * x + 2, top + ZOOM * y + 2)


def every():
    return [(x, y) for y in range(HIGH) for x in range(WIDE)]


def test_labels(tmp):
    """Input, truth and student are in their columns, and what is wrong is red."""
    data = pairs(tmp, 'mask', '_mask', 'classes=3', 'names=[floor,wall,door]')
    small = ['model=deeplabv3_resnet18', 'model.width=0.125', data, 'epochs=2']
    run = tmp / 'labels'
    train(run, *small, 'samples=3', 'samples_every=1e')
    made = ['latest.png', 'student_epoch_0001.png', 'student_epoch_0002.png']
    check('a picture after each epoch', names(run) == made, names(run))
    check('the last is the latest', (run / 'samples' / 'latest.png').read_bytes() ==
          (run / 'samples' / 'student_epoch_0002.png').read_bytes())
    sheet = png.Png(run / 'samples' / 'latest.png')
    check('four columns', sheet.width == GAP + 4 * (ZOOM * WIDE + GAP), sheet.width)
    check('three rows and a legend', 0 < sheet.height - HEAD - 3 * (ZOOM * HIGH + LINE + GAP) < 40, sheet.height)
    check('a title', sheet.text['Title'] == 'student, epoch 2: validation samples', sheet.text)
    for row, i in enumerate((0, 1, 2)):
        picture, truth = png.Png(tmp / 'val' / f'{i}.png'), png.Png(tmp / 'val_mask' / f'{i}.png')
        for x, y in every():
            label, student, error = truth.at(x, y), pixel(sheet, 2, row, x, y), pixel(sheet, 3, row, x, y)
            colour = (128, 128, 128) if label == 255 else PALETTE[label]
            right = pixel(sheet, 0, row, x, y) == picture.at(x, y) and pixel(sheet, 1, row, x, y) == colour and student in PALETTE
            red = label != 255 and student != colour
            if not right or (error == (215, 25, 25)) != red:
                check('cells', False, row, x, y, label, student, error)
                return


def test_depth(tmp):
    """Truth and student share a scale, and training does not know that it is watched."""
    data, model = pairs(tmp, 'depth', '_depth'), ['model=light_depth', 'epochs=2', 'seed=5']
    watched = train(tmp / 'seen', *model, data, 'samples=2', 'samples_every=1')
    check('the same weights without it', watched == train(tmp / 'unseen', *model, data, 'samples=0'))
    check('none are made then', not (tmp / 'unseen' / 'samples').exists())
    sheet = png.Png(tmp / 'seen' / 'samples' / 'latest.png')
    bars = sheet.width - GAP - 4 * (ZOOM * WIDE + GAP)
    check('two scales', 2 * 30 < bars < 2 * 70, bars)
    check('two rows', sheet.height == HEAD + 2 * (ZOOM * HIGH + LINE + GAP), sheet.height)
    truth = png.Png(tmp / 'val_depth' / '0.png')
    known = [(truth.at(x, y), x, y) for x, y in every() if truth.at(x, y)]
    near, far = pixel(sheet, 1, 0, *min(known)[1:]), pixel(sheet, 1, 0, *max(known)[1:])
    check('near is blue', near[2] > near[0] + 30, near)
    check('far is red', far[0] > far[2] + 80, far)
    none = [pixel(sheet, 1, 0, x, y) for x, y in every() if not truth.at(x, y)]
    check('what is not measured is grey', set(none) == {(128, 128, 128)}, set(none))


def test_classes(tmp):
    """A grid with a green or red frame around each picture; a teacher has a line of its own."""
    data = pairs(tmp, 'class', '_class', 'prepare=resize=32')
    train(tmp / 'plain', 'model=resnet8x4', data, 'epochs=1')
    one = png.Png(tmp / 'plain' / 'samples' / 'latest.png')
    train(tmp / 'taught', 'method=kd', 'model=resnet8x4', 'teacher=resnet8x4', data, 'epochs=1',
          f'teacher.weights={tmp}/plain/student.safetensors')
    two = png.Png(tmp / 'taught' / 'samples' / 'latest.png')
    check('pictures in a row', one.width == two.width and two.height == one.height + LINE, one.height, two.height)
    frame = one.at(GAP + 1, GAP + 2 * LINE + 1)
    check('with a frame that tells', frame in ((0, 120, 40), (215, 25, 25)), frame)


def test_boxes(tmp):
    """A column for the truth and one for each network, and no error."""
    train(tmp / 'boxes', 'model=retinanet_resnet10', 'model.width=0.125', 'model.neck=16', 'model.tower=1', 'model.levels=3',
          coco(tmp, 'prepare=resize=64'), 'epochs=1', 'samples=2')
    sheet = png.Png(tmp / 'boxes' / 'samples' / 'latest.png')
    check('three columns', sheet.width == GAP + 3 * (ZOOM * WIDE + GAP), sheet.width)
    for row, colour in enumerate((PALETTE[1], PALETTE[1])):
        x, y = BOX[0] + BOX[2] - 1, BOX[1] + 6
        left, top = GAP + ZOOM * WIDE + GAP, HEAD + row * (ZOOM * HIGH + LINE + GAP)
        check('the edge of a box', sheet.at(left + ZOOM * (x + 1) - 1, top + ZOOM * y) == colour, row)


def test_resumed(tmp):
    """A run that was stopped goes on with the pictures that it would have made."""
    argv = ['model=resnet8x4', pairs(tmp, 'class', '_class', 'prepare=resize=32'), 'epochs=30', 'batch=4', 'eval_batch=8',
            'samples_every=1e', '-q']
    whole, cut = tmp / 'whole', tmp / 'cut'
    train(whole, *argv)
    child = subprocess.Popen([LIMBECK, 'train', f'out={cut}', *argv], stderr=subprocess.DEVNULL)
    while not (cut / 'samples' / 'student_epoch_0003.png').exists() and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    check('stopped', child.wait() == 130, child.returncode)
    before = len(names(cut))
    check('before the end', before < len(names(whole)), before)
    p = subprocess.run([LIMBECK, 'resume', str(cut), '-q'], capture_output=True, text=True, timeout=250)
    check('and gone on', p.returncode == 0, p.stderr)
    check('the same pictures', names(cut) == names(whole), names(cut))
    other = [n for n in names(whole) if (cut / 'samples' / n).read_bytes() != (whole / 'samples' / n).read_bytes()]
    check('of the same bytes', not other, other)


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        make_data(tmp)
        for test in (test_depth, test_labels, test_classes, test_boxes, test_resumed):
            test(tmp)
    print(f'{len(failed)} failed')
    return 1 if failed else 0


sys.exit(main())
