#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gradients.py LIMBECK [MODEL:BATCH:DATA ...]: the gradients of a network by Winograd convolutions point where those of direct
ones do.

One step of plain SGD with learning rate LR from the same weights on the same images, with device=cpu and with winograd=off:
what the step took from a weight is LR times its gradient. Prints the least cosine of all tensors of a network, and fails
below LEAST. A ReLU whose input is next to 0 may be turned by either way: one of many in a large batch."""
import array
import json
import math
import pathlib
import subprocess
import sys
import tempfile

LR, LEAST = 64, 0.9999
CASES = 'resnet20:64:fashion_mnist', 'resnet8x4:64:synth', 'resnet18_cifar:16:synth'


def weights(path):
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], 'little')
    head = json.loads(raw[8:8 + size])
    out = {}
    for name, t in head.items():
        if name == '__metadata__' or t['dtype'] != 'F32' or 'running_' in name:
            continue
        begin, end = t['data_offsets']
        out[name] = array.array('f', raw[8 + size + begin:8 + size + end])
    return out


def step(limbeck, model, batch, data, device, lr, out):
    many = ['data.limit=2000'] if data != 'synth' else [f'data.count={batch}', 'data.eval_count=16']
    argv = [limbeck, 'train', 'method=none', f'data={data}', *many, f'model={model}', f'batch={batch}', 'steps=1', 'epochs=0',
            'seed=3', 'optim=sgd,momentum=0,wd=0', f'lr={lr}', f'device={device}', f'out={out}', '-q']
    p = subprocess.run(argv, capture_output=True, text=True, errors='replace', check=False)
    if p.returncode:
        sys.exit(f'{" ".join(argv)}: exit {p.returncode}: {p.stderr[-800:]}')
    return weights(out / 'student.safetensors')


def cosine(a, b):
    dot, x, y = (math.fsum(p * q for p, q in zip(u, v)) for u, v in ((a, b), (a, a), (b, b)))
    return dot / math.sqrt(x * y) if x and y else float(x == y)


def least(limbeck, model, batch, data):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        start = step(limbeck, model, batch, data, 'cpu', 0, d / '0')
        both = [step(limbeck, model, batch, data, dev, LR, d / dev) for dev in ('cpu', 'cpu,winograd=off')]
    took = [{n: [p - q for p, q in zip(start[n], w[n])] for n in start} for w in both]
    if all(a == b for a, b in zip(*(t.values() for t in took))):
        sys.exit(f'not ok: {model}: both ways give the same bits: nothing was compared')
    return sorted((cosine(took[0][n], took[1][n]), n) for n in start)


def main():
    failed = 0
    for case in sys.argv[2:] or CASES:
        model, batch, data = case.split(':')
        c = least(sys.argv[1], model, int(batch), data)
        ok = c[0][0] >= LEAST
        failed += not ok
        print(f'{"ok" if ok else "not ok"}: {model}, batch {batch} of {data}: {len(c)} tensors, least cosine 1 - {1 - c[0][0]:.1e}'
              f' ({c[0][1]}), median 1 - {1 - c[len(c) // 2][0]:.1e}')
    return 1 if failed else 0


sys.exit(main())
