#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""agree.py LIMBECK RECIPE [STEPS [key=value ...]]: the losses of the first steps of a run on OpenCL are those of the processor.

Within 1e-3 of each other at every step of every stage, with no operator on the host on either device. A learning rate at which
training is not chaotic is needed for that: at the 0.1 of the recipe two runs on the processor part as fast when the weight decay
of one is changed in its fifth digit."""
import json
import pathlib
import subprocess
import sys
import tempfile

import drivers

LIMIT = 1e-3


def train(limbeck, recipe, steps, more, device, out):
    argv = [limbeck, 'train', '-c', recipe, f'steps={steps}', 'epochs=0', 'log_every=1', 'seed=1', 'strict=yes',
            f'device={device}', f'out={out}', '-q', *more]
    with drivers.only('pocl') as env:
        p = subprocess.run(argv, env=env, capture_output=True, text=True, errors='replace', check=False)
    if p.returncode:
        sys.exit(f'{device}: exit {p.returncode}: {p.stderr[-800:]}')
    rows = [json.loads(x) for x in (out / 'metrics.jsonl').read_text().split('\n') if x]
    result = json.loads((out / 'result.json').read_text())
    return {(r['stage'], r['step']): r['loss'] for r in rows if r['part'] == 'train'}, result


def main():
    limbeck, recipe, steps = sys.argv[1], sys.argv[2], int((sys.argv[3:] or [100])[0])
    if drivers.absent('pocl'):
        return drivers.skip('pocl')
    with tempfile.TemporaryDirectory() as d:
        cpu, a = train(limbeck, recipe, steps, sys.argv[4:], 'cpu', pathlib.Path(d) / 'cpu')
        ocl, b = train(limbeck, recipe, steps, sys.argv[4:], 'opencl', pathlib.Path(d) / 'opencl')
    failed = 0
    if cpu.keys() != ocl.keys():
        failed, _ = 1, print(f'not ok: {len(cpu)} steps against {len(ocl)}')
    for stage in sorted({s for s, _ in cpu}):
        keys = sorted(k for k in cpu if k[0] == stage)
        far = {k: abs(cpu[k] - ocl.get(k, float('nan'))) / abs(cpu[k]) for k in keys}
        worst = max(keys, key=lambda k: far[k] if far[k] == far[k] else float('inf'))
        ok = far[worst] <= LIMIT and len(keys) >= steps and len({cpu[k] for k in keys}) > len(keys) / 2
        failed += not ok
        print(f'{"ok" if ok else "not ok"}: {stage}: {len(keys)} steps, loss {cpu[keys[0]]:.5g} to {cpu[keys[-1]]:.5g}, at most'
              f' {far[worst]:.2g} apart, at step {worst[1]}')
    for name, r in (('cpu', a), ('opencl', b)):
        failed += r['fallbacks'] != 0
        print(f'{name}: {r["fallbacks"]} operators on the host, {r["images_per_second"]:.0f} images/s, {r["metric"]}'
              f' {r[r["metric"]]:.4f}')
    return 1 if failed else 0


sys.exit(main())
