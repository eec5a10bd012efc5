#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `limbeck predict` writes, read by other code: predict.py LIMBECK."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import png
from pictures import BOX, BOX_CLASSES, HIGH, WIDE, check, coco, failed, folder, make_data, pairs

LIMBECK = os.path.abspath(sys.argv[1])


def limbeck(*argv):
    return subprocess.run([LIMBECK, *argv, '-q'], capture_output=True, text=True, timeout=250)


def must(*argv):
    p = limbeck(*argv)
    assert p.returncode == 0, (argv, p.stderr[-1000:])
    return p.stdout


def train(out, model, data, *more):
    must('train', f'model={model}', data, 'batch=4', 'eval_batch=8', f'out={out}', *(more or ['steps=3']))


def test_depth(tmp):
    run, out = tmp / 'depth', tmp / 'depth_out'
    train(run, 'light_depth', pairs(tmp, 'depth', '_depth'), 'steps=24', 'lr=0.01')
    scores = json.loads(must('eval', str(run), '--json'))['scores']
    answer = json.loads(must('predict', str(run), f'out={out}', '--json'))
    for name, v in scores.items():
        check(f'predict scores {name} as eval does', abs(answer['scores'][name] - v) < 1e-4 * abs(v) + 1e-6, answer['scores'])
    rmse = rel = 0
    for i, a in enumerate(answer['answers']):
        check('files are named', a['files'] == [f'{out}/{i:06}_depth.png', f'{out}/{i:06}_depth_mm.png'], a)
        mm = png.Png(a['files'][1])
        check('16 bits of the picture\'s size', (mm.width, mm.height, mm.bits, mm.channels) == (WIDE, HIGH, 16, 1))
        check('the scale is told', mm.text.get('Unit') == 'millimetre' and '0.001 m' in mm.text.get('Scale', ''), mm.text)
        truth = png.Png(tmp / 'test_depth' / f'{i}.png')
        both = [(p / 1000, t / 1000) for p, t in zip(mm.values(), truth.values()) if t]
        rmse += (sum((p - t) ** 2 for p, t in both) / len(both)) ** 0.5 / 3
        rel += sum(abs(p - t) / t for p, t in both) / len(both) / 3
        lo, hi = min(mm.values()) / 1000, max(mm.values()) / 1000
        check('the range is told', abs(a['metres'][0] - lo) < 6e-4 or lo == 0.001, a['metres'], lo)
        check('and its end', abs(a['metres'][1] - hi) < 6e-4, a['metres'], hi)
        colours = png.Png(a['files'][0])
        check('colours are zoomed and have a scale beside them', colours.height == 8 * HIGH and colours.width > 8 * WIDE + 30)
        check('and say so', 'turbo from' in colours.text['Scale'], colours.text)
        check('a pixel is a square', len({colours.at(8 * 5 + k, 8 * 7 + j) for k in range(8) for j in range(8)}) == 1)
    check('millimetres give the rmse of eval', abs(rmse - scores['rmse']) < 1e-3, rmse, scores)
    check('and its relative error', abs(rel - scores['rel']) < 1e-3, rel, scores)
    lines = [json.loads(x) for x in open(out / 'predictions.jsonl')]
    check('a line for each sample', len(lines) == 3)
    files(tmp, run)
    geometry(tmp, run, png.Png(out / '000000_depth_mm.png').values())


def files(tmp, run):
    """Sizes that no training picture had, files that cannot be read, and how it ends."""
    out = tmp / 'files_out'
    png.write(tmp / 'odd.png', 51, 37, lambda x, y: (x, y, 90))
    png.write(tmp / 'grey.png', 33, 70, lambda x, y: x + y)
    (tmp / 'broken.png').write_bytes((tmp / 'odd.png').read_bytes()[:300])
    (tmp / 'text.jpg').write_text('no picture')
    names = [str(tmp / n) for n in ('odd.png', 'broken.png', 'grey.png', 'text.jpg', 'gone.png')]
    p = limbeck('predict', str(run / 'student.safetensors'), *names, f'out={out}', '--json')
    answer = json.loads(p.stdout)
    check('the first failure is the exit code', p.returncode == 3 and answer['error']['code'] == 3, p.returncode)
    check('the others are done', [a['done'] for a in answer['answers']] == [True, False, True, False, False], answer)
    for a, name in zip(answer['answers'], names):
        check('a failure names its file', a['done'] or a['error'].count(name) == 1, a)
    for name, size in (('odd', (51, 37)), ('grey', (33, 70))):
        mm = png.Png(out / f'{name}_depth_mm.png')
        check(f'{name}: the picture\'s size', (mm.width, mm.height) == size)
    check('nothing of what failed', sorted(x.name for x in out.iterdir()) ==
          ['grey_depth.png', 'grey_depth_mm.png', 'odd_depth.png', 'odd_depth_mm.png'], list(out.iterdir()))
    p = limbeck('predict', str(run), names[0], f'out={out}')
    line = r'.*odd.png: .*odd_depth.png, .*odd_depth_mm.png, \d+\.\d\d m to \d+\.\d\d m\n'
    check('a line for a picture', re.fullmatch(line, p.stdout), p.stdout)


def geometry(tmp, run, whole):
    """prepare= changes what is fed; the answer lies where it was looked at."""
    picture, out = str(tmp / 'test' / '0.png'), tmp / 'geometry'
    must('predict', str(run), picture, f'out={out}')
    same = png.Png(out / '0_depth_mm.png').values()
    check('a file is answered as the sample it is', max(abs(a - b) for a, b in zip(same, whole)) <= 1)
    must('predict', str(run), picture, f'out={out}/crop', 'data.prepare=center_crop=16')
    mm = png.Png(out / 'crop' / '0_depth_mm.png')
    left, top = (WIDE - 16) // 2, (HIGH - 16) // 2
    inside = [(x, y) for y in range(HIGH) for x in range(WIDE) if mm.at(x, y)]
    check('none outside of the crop', inside == [(x, y) for y in range(top, top + 16) for x in range(left, left + 16)], inside[:3])
    must('predict', str(run), picture, f'out={out}/resize', 'data.prepare=resize=48:80')
    mm = png.Png(out / 'resize' / '0_depth_mm.png')
    check('resized back', (mm.width, mm.height) == (WIDE, HIGH) and min(mm.values()) > 0)


def test_labels(tmp):
    run, out = tmp / 'mask', tmp / 'mask_out'
    data = pairs(tmp, 'mask', '_mask', 'classes=3', 'names=[floor,wall,door]')
    train(run, 'deeplabv3_resnet18', data, 'model.width=0.125', 'steps=3')
    scores = json.loads(must('eval', str(run), '--json'))['scores']
    answer = json.loads(must('predict', str(run), f'out={out}', '--json'))
    right = seen = 0
    for i, a in enumerate(answer['answers']):
        label, truth, over = png.Png(a['files'][1]), png.Png(tmp / 'test_mask' / f'{i}.png'), png.Png(a['files'][0])
        check('labels of 8 bits', (label.width, label.height, label.bits) == (WIDE, HIGH, 8))
        check('with their names', label.text['Classes'] == '0 floor, 1 wall, 2 door' and label.text['None'] == '255', label.text)
        pairs_of = [(p, t) for p, t in zip(label.values(), truth.values()) if t != 255]
        right += sum(p == t for p, t in pairs_of)
        seen += len(pairs_of)
        area = {c['class']: c['share'] for c in a['classes']}
        check('shares of the area', all(abs(label.values().count(k) / (WIDE * HIGH) - v) < 1e-9 for k, v in area.items()), a)
        check('an overlay with a legend below', over.width == 8 * WIDE and 8 * HIGH < over.height < 8 * HIGH + 60)
        source = png.Png(tmp / 'test' / f'{i}.png')
        palette = {0: (30, 120, 210), 1: (135, 210, 0), 2: (195, 0, 45)}
        wrong = [(x, y) for y in range(HIGH) for x in range(WIDE) if any(
            abs((2 * s + 3 * c) / 5 - o) > 1.5 for s, c, o in zip(source.at(x, y), palette[label.at(x, y)], over.at(8 * x, 8 * y)))]
        check('the picture shows below the colours', not wrong, wrong[:4])
    check('labels give the accuracy of eval', abs(right / seen - scores['pixels']) < 1e-4, right / seen, scores)


def test_classes(tmp):
    run, out = tmp / 'class', tmp / 'class_out'
    train(run, 'resnet8x4', pairs(tmp, 'class', '_class', 'prepare=resize=32'))
    must('predict', str(run), f'out={out}')
    line = json.loads(open(out / 'predictions.jsonl').readline())
    names = sorted(x for x in (tmp / 'test_class' / 'low').iterdir())
    a = json.loads(must('predict', str(run), str(names[0]), f'out={out}', '--json'))['answers'][0]
    check('classes by folder', {c['name'] for c in a['classes']} == {'low', 'rising'}, a)
    check('the likeliest first', a['classes'][0]['share'] >= a['classes'][1]['share'], a)
    check('shares are of all', abs(sum(c['share'] for c in a['classes']) - 1) < 1e-9, a)
    check('as the data set\'s answer', a['classes'][0]['class'] == line['class'][0], a, line)
    p = limbeck('predict', str(run), str(names[0]), f'out={out}')
    check('printed', re.fullmatch(r'.*:\n( +\d+\.\d %  (low|rising)\n){2}', p.stdout), p.stdout)


DETECTOR = ['model.width=0.125', 'model.neck=16', 'model.tower=1', 'model.levels=3', 'detect.draw=0']


def test_boxes(tmp):
    """Boxes lie in the picture as it was read, whatever it was made for the network."""
    run, out = tmp / 'boxes', tmp / 'boxes_out'
    data = coco(tmp, 'prepare=[resize(h=64,w=64,fit=inside),pad=64]')
    train(run, 'retinanet_resnet10', data, 'steps=3', *DETECTOR)
    answer = json.loads(must('predict', str(run), f'out={out}', '--json'))
    scores = json.loads(must('eval', str(run), '--json'))['scores']
    check('scores as eval has them', all(abs(answer['scores'][k] - v) < 1e-6 for k, v in scores.items()), scores)
    lines = [json.loads(x) for x in open(out / 'predictions.jsonl')]
    for i, (a, line) in enumerate(zip(answer['answers'], lines)):
        check('files are named', a['files'] == [f'{out}/{i:06}_boxes.png', f'{out}/{i:06}_boxes.json'], a)
        boxes = json.load(open(a['files'][1]))['boxes']
        found = [line['found'][6 * k:6 * k + 6] for k in range(len(line['found']) // 6)]
        check('the best first', all(b['score'] >= c['score'] for b, c in zip(boxes, boxes[1:])))
        want = []
        for x0, y0, x1, y1, score, label in found:
            x0, x1 = (min(max(x * WIDE / 64, 0), WIDE) for x in (x0, x1))
            y0, y1 = (min(max(y * HIGH / 38, 0), HIGH) for y in (y0, y1))
            if x1 > x0 and y1 > y0:
                want.append((x0, y0, x1 - x0, y1 - y0, score, label))
        same = len(want) == len(boxes) == a['boxes'] and all(
            abs(u - v) < 1e-3 for w, b in zip(want, boxes) for u, v in zip(w, [*b['bbox'], b['score'], b['label']]))
        check('boxes in pixels of the picture', same, want[:1], boxes[:1])
        check('of a class', {b['class'] for b in boxes} <= set(BOX_CLASSES), boxes[:1])
        both = png.Png(a['files'][0])
        check('the truth beside the answer', both.width == 2 * 8 * WIDE + 4, both.width)
        edge, head = (135, 210, 0) if i % 2 == 0 else (30, 120, 210), 11
        check('where it is', both.at(8 * BOX[0] + 8 * BOX[2] - 1, head + 8 * BOX[1] + 40) == edge, i)
    p = limbeck('predict', str(run), str(tmp / 'test' / '0.png'), f'out={out}')
    check('printed', re.fullmatch(r'.*0_boxes.png, .*0_boxes.json, \d+ boxes\n( +\d+  (cat|dog)\n)*', p.stdout), p.stdout)
    alone = png.Png(out / '0_boxes.png')
    check('an answer alone', alone.width == 8 * WIDE, alone.width)


def test_usage(tmp):
    run = str(tmp / 'depth')
    twin = folder(tmp / 'twin') / 'odd.png'
    twin.write_bytes((tmp / 'odd.png').read_bytes())
    cut = folder(tmp / 'cut') / 'config.yaml'
    cut.write_bytes((tmp / 'depth' / 'config.yaml').read_bytes())
    for argv, code, words in (
            (['predict'], 2, 'expected the directory of a run'),
            (['predict', run], 2, 'out=DIR is missing'),
            (['predict', str(tmp / 'nothing'), 'out=x'], 2, 'expected the folder of a run or a file of weights'),
            (['predict', str(tmp / 'cut'), str(twin), 'out=x'], 2, 'expected a run that has ended, found no student.safetensors'),
            (['predict', run, f'out={tmp}/x', 'part=tset'], 2, "expected train, val or test, got 'tset'"),
            (['predict', run, f'out={tmp}/x', 'prat=test'], 2, 'prat'),
            (['predict', run, str(tmp / 'odd.png'), str(twin), f'out={tmp}/x'], 2, 'expected files of different names')):
        p = subprocess.run([LIMBECK, *argv], capture_output=True, text=True, timeout=100)
        last = p.stderr.strip().split('\n')[-1]
        check(f'{argv[1:]}', p.returncode == code and words in last, p.returncode, last)
    check('and nothing is written', not list((tmp / 'x').iterdir()) if (tmp / 'x').exists() else True)


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        os.chdir(tmp)
        make_data(tmp)
        test_depth(tmp)
        test_labels(tmp)
        test_classes(tmp)
        test_boxes(tmp)
        test_usage(tmp)
    print(f'{len(failed)} failed')
    return 1 if failed else 0


sys.exit(main())
