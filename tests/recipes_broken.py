#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recipes that are wrong: recipes_broken.py LIMBECK [NAME ...]. What each has to be told stands at its head: `# exit: CODE`,
`# at: LINE:COLUMN` (- = no place), `# says: TEXT` for each part of the message; `# escapes: yes` = \\t and \\xff are bytes,
`# pad: N` = that many more. It is said by `train --dry-run` and by `train`, in one line, and nothing is left behind."""
import json
import os
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

import png

LIMBECK = str(pathlib.Path(sys.argv[1]).resolve())
HERE = pathlib.Path(__file__).resolve().parent / 'recipes_broken'
PATIENCE = int(os.environ.get('LIMBECK_TEST_PATIENCE', 1))             # sanitizers compute slowly
LONG, BUSY = 60 * PATIENCE, 10 * PATIENCE             # seconds by the clock, and of computing
failed = []


def not_busy():
    resource.setrlimit(resource.RLIMIT_CPU, (BUSY, BUSY))


def run(argv, cwd):
    return subprocess.run([LIMBECK, *argv], cwd=cwd, capture_output=True, text=True, timeout=LONG, errors='replace',
                          preexec_fn=not_busy)


def report(name, problem, p=None):
    if problem:
        failed.append(name)
        print(f'not ok: {name}: {problem}')
        if p:
            print(f'  exit {p.returncode}\n  out: {p.stdout[-400:]}\n  err: {p.stderr[-800:]}')


# ---- what recipes use ----

def tensors(path):
    data = path.read_bytes()
    n, = struct.unpack('<Q', data[:8])
    return json.loads(data[8:8 + n]), data[8 + n:]


def put_tensors(path, head, data):
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + data)


def make_weights(tmp):
    weights = tmp / 'weights'
    weights.mkdir()
    for name, model, classes in ('resnet8x4', 'resnet8x4', 10), ('hundred', 'resnet8x4', 100), ('lenet', 'lenet5_bn', 10):
        p = run(['train', '-q', 'method=none', f'model={model}', f'data=synth,count=16,eval_count=8,classes={classes}', 'batch=8',
                 'steps=1', 'eval_batch=8', f'out={name}'], tmp)
        report(f'weights {name}', None if p.returncode == 0 else 'no weights', p)
        shutil.copy(tmp / name / 'student.safetensors', weights / f'{name}.safetensors')
        shutil.rmtree(tmp / name)
    good = weights / 'resnet8x4.safetensors'
    (weights / 'cut.safetensors').write_bytes(good.read_bytes()[:-100])
    head, data = tensors(good)
    last = max((k for k in head if k != '__metadata__'), key=lambda k: head[k]['data_offsets'][1])
    put_tensors(weights / 'part.safetensors', {k: v for k, v in head.items() if k != last}, data[:head[last]['data_offsets'][0]])
    put_tensors(weights / 'nan.safetensors', head, struct.pack('<f', float('nan')) + data[4:])
    head, data = tensors(weights / 'lenet.safetensors')
    put_tensors(weights / 'huge.safetensors', head, struct.pack('<f', 3e38) * (len(data) // 4))


def make_data(tmp):
    (tmp / 'idx').mkdir()
    head = struct.pack('>BBBBI', 0, 0, 8, 1, 64)
    (tmp / 'idx' / 'images').write_bytes(struct.pack('>BBBB3I', 0, 0, 8, 3, 64, 32, 32) + bytes(64 * 1024))
    (tmp / 'idx' / 'labels').write_bytes(head + bytes(i % 10 for i in range(64)))
    (tmp / 'idx' / 'wrong').write_bytes(head + bytes([200] + [1] * 63))


def make_boxes(tmp):
    """Sixteen pictures with a cat each, every fourth of another size; and files of boxes that do not fit them."""
    folder, n = tmp / 'coco', 16
    folder.mkdir()
    images = [{'id': i, 'file_name': f'{i}.png', 'width': 64, 'height': 48 if i % 4 == 3 else 64} for i in range(n)]
    cats, dog = [{'id': 3, 'name': 'cat'}, {'id': 9, 'name': 'dog'}], {'id': 9, 'name': 'eel'}
    box = {'category_id': 3, 'bbox': [8, 8, 20, 20]}
    boxes = [dict(box, image_id=i) for i in range(n)]
    for image in images:
        png.write(folder / image['file_name'], 64, image['height'], lambda x, y: (4 * x, 4 * y, 90))
    for name, some, marks, classes in (
            ('train', images, boxes, cats), ('even', images[::4], boxes[::4], cats),
            ('other', images[::4], boxes[::4], [cats[0], dog]),
            ('unknown', images, [*boxes, dict(box, image_id=0, category_id=4)], cats),
            ('missing', [*images, dict(images[0], id=n, file_name='gone.png')], boxes, cats)):
        (folder / f'{name}.json').write_text(json.dumps({'images': some, 'annotations': marks, 'categories': classes}))


def make_run(tmp):
    p = run(['train', '-q', 'method=none', 'model=lenet5_bn', 'data=synth,count=16,eval_count=8', 'batch=8', 'steps=1',
             'out=taken'], tmp)
    report('a run', None if p.returncode == 0 else 'none', p)


# ---- recipes ----

def head_of(text):
    said = {'says': []}
    for key, value in re.findall(r'^# (\w+): (.*)$', text, re.M):
        if key == 'says':
            said['says'].append(value)
        else:
            said[key] = value
    return said


def body_of(path, said):
    data = path.read_bytes()
    if 'escapes' in said:
        data = data.replace(b'\\t', b'\t').replace(b'\\0', b'\0')
        data = re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes([int(m[1], 16)]), data)
    return data + b'#' * int(said.get('pad', 0)) + (b'\n' if 'pad' in said else b'')


def errors_of(p):
    return [x for x in p.stderr.split('\n') if x.startswith('limbeck: ') and not x.startswith('limbeck: warning: ')]


def listing(tmp):
    return sorted((str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in tmp.rglob('*'))


def told(p, said, where):
    lines = errors_of(p)
    if p.returncode != int(said['exit']):
        return f'expected exit {said["exit"]}'
    if len(lines) != 1:
        return f'expected one line, found {len(lines)}'
    if not lines[0].startswith(f'limbeck: {where}: '):
        return f'expected it to be about {where}'
    for part in said['says']:
        if part not in lines[0]:
            return f'expected it to say {part!r}'
    return 'expected nothing that looks like success' if re.search('^all is well|weights_sha256', p.stdout, re.M) else None


def check(tmp, path):
    said = head_of(path.read_text())
    (tmp / path.name).write_bytes(body_of(path, said))
    where = path.name if said['at'] == '-' else f'{path.name}:{said["at"]}'
    before = listing(tmp)
    for extra in ['--dry-run'], []:
        name = f'{path.stem}{" --dry-run" if extra else ""}'
        try:
            p = run(['train', '-c', path.name, *extra], tmp)
        except subprocess.TimeoutExpired:
            report(name, f'it took more than {LONG} s')
            continue
        report(name, told(p, said, where), p)
        report(name, None if listing(tmp) == before else 'it left something behind')
        shutil.rmtree(tmp / 'run', ignore_errors=True)
    (tmp / path.name).unlink()


def check_command_line(tmp):
    """The same settings from elsewhere."""
    good = ['method=none', 'data=synth,count=64,eval_count=16', 'model=lenet5_bn', 'batch=16', 'epochs=1', 'out=run']
    wrong = {'batch=many': "batch: expected a whole number, got 'many'", 'seed=x': 'seed: expected a whole number',
             'epohcs=2': "epohcs: no such setting; did you mean 'epochs'?", 'device=cppu': "device: backend 'cppu' is unknown"}
    for setting, message in wrong.items():
        p = run(['train', *good, setting], tmp)
        lines = errors_of(p)
        said = len(lines) == 1 and lines[0].startswith(f'limbeck: command line: {message}')
        report(f'command line: {setting}', None if said else 'expected to be told so', p)
    (tmp / 'a.yaml').write_text('batch: many\n')
    p = run(['train', '-c', 'a.yaml', *good], tmp)
    report('the command line wins', None if p.returncode == 0 else 'it does not', p)


def main():
    names = sys.argv[2:]
    paths = [p for p in sorted(HERE.glob('*.yaml')) if not names or p.stem in names]
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        make_weights(tmp)
        make_data(tmp)
        make_boxes(tmp)
        make_run(tmp)
        for path in paths:
            check(tmp, path)
        if not names:
            check_command_line(tmp)
    print(f'{len(paths)} recipes, {len(failed)} failures')
    return 1 if failed or not paths else 0


os.environ.pop('NO_COLOR', None)
sys.exit(main())
