#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times operators of every class on an OpenCL device and on the CPU backend, in turns, and prints a table in Markdown.

    tests/opencl/classes.py PROGRAM [DEVICE [CLASS ...]] [--rounds N] [--seconds S] [--timeout S] [--json FILE]

A time is the shortest of all runs, by the device's own clock; what it takes to bring values to the layouts of the
kernel and back is not in it, but has rows of its own. Beside it, its part of the device's measured peak: of multiply-adds for
products and convolutions, of bandwidth for all else. "host": the device has no kernel, so it would run there, and is not timed.
The last column is the speed of DEVICE in percent of the CPU backend's. PoCL is told to keep each thread on its core, as the CPU
backend does: left alone, a scheduler may put both of two threads on one."""
import argparse
import json
import os
import subprocess
import sys

ENV = {'POCL_AFFINITY': '1', **os.environ}
CPU = 'cpu'
FMA, BYTES = ('FMA', 'gflops', 'fma_gflops'), ('bandwidth', 'gbs', 'bandwidth_gbs')
REORDER = 'reorder'


def convolution(name, batch, c, side, k, kernel, groups=1):
    """Forward, backward for data, backward for weights; stride 1, size kept."""
    x, y = f'{batch}x{c}x{side}x{side}', f'{batch}x{k}x{side}x{side}'
    w, params = f'{k}x{c // groups}x{kernel}x{kernel}', [f'pad={kernel // 2}', f'groups={groups}']
    by = BYTES if groups > 1 else FMA
    return [(name, 'conv2d', f'{x},{w}', params, by),
            (name, 'conv2d_dx', f'{y},{w}', params + [f'h={side}', f'w={side}'], by),
            (name, 'conv2d_dw', f'{x},{y}', params + [f'h={kernel}', f'w={kernel}'], by)]


def operators():
    """Class, operator, shapes, params, what it is measured by; against bandwidth, more than caches hold where a network has it."""
    rows = [('gemm', 'matmul', '1024x1024,1024x1024', [], FMA),
            ('gemm', 'matmul', '64x1024,1024x1000', [], FMA),
            ('stem', 'conv2d', '64x3x32x32,16x3x3x3', ['pad=1'], FMA),
            ('stem', 'conv2d', '8x3x224x224,64x3x7x7', ['pad=3', 'stride=2'], FMA)]
    for batch, c, side in ((64, 16, 32), (64, 32, 16), (64, 64, 8), (8, 64, 56)):
        rows += convolution('conv3x3', batch, c, side, c, 3)
    rows += [('conv3x3', 'conv2d', '64x16x32x32,32x16x3x3', ['pad=1', 'stride=2'], FMA)]
    rows += convolution('conv1x1', 16, 64, 56, 128, 1) + convolution('depthwise', 16, 96, 56, 96, 3, 96)
    return rows + [
        ('reorder', REORDER, '16x64x56x56,64x64x1x1', [], BYTES),
        ('bn', 'bn_stats', '64x64x56x56', [], BYTES),
        ('bn', 'bn_sums', '64x64x56x56,64x64x56x56,2x64', [], BYTES),
        ('map', 'relu', '64x64x56x56', [], BYTES),
        ('map', 'add', '64x64x56x56,64x64x56x56', [], BYTES),
        ('map', 'sigmoid', '64x64x56x56', [], BYTES),
        ('pool', 'max_pool', '16x64x112x112', ['kernel=3', 'stride=2', 'pad=1'], BYTES),
        ('pool', 'max_pool_dx', '16x64x112x112,16x64x56x56', ['kernel=3', 'stride=2', 'pad=1'], BYTES),
        ('pool', 'mean', '64x2048x7x7', ['axes=12'], BYTES),
        ('resize', 'resize', '16x64x56x56', ['h=112', 'w=112'], BYTES),
        ('resize', 'resize_dx', '16x64x112x112', ['h=56', 'w=56'], BYTES),
        ('reduce', 'sum', '64x64x56x56', [], BYTES),
        ('reduce', 'max', '16384x1024', ['axes=2'], BYTES),
        ('softmax', 'softmax', '128x1000', ['axis=1'], BYTES),
        ('softmax', 'softmax', '16x19x256x256', ['axis=1'], BYTES),
        ('loss', 'cross_entropy', '16384x1000,16384:1000', ['axis=1'], BYTES),
        ('move', 'transpose', '4096x4096', ['n=2', 'd0=1', 'd1=0'], BYTES),
        ('move', 'gather', '65536x256,65536:65536', ['axis=0'], BYTES)]


def of_reorders(sample):
    """What the sample's reorders take, as a sample."""
    ms = sample['reorder_ms']
    return {**sample, 'device_ms': ms, 'gbs': 1e-6 * sample['reorder_bytes'] / ms} if sample['reorders'] else 'none'


def bench(args, device, row):
    """A sample's figures and the device's peaks; or a word for why there are none."""
    _, op, shapes, params, _ = row
    argv = [args.program, 'bench', 'op', 'conv2d' if op == REORDER else op, f'shapes={shapes}', *params, f'device={device}',
            'strict=yes', f'seconds={args.seconds}', '--json']
    try:
        p = subprocess.run(argv, capture_output=True, text=True, timeout=args.timeout, env=ENV)
    except subprocess.TimeoutExpired:
        return 'slow'
    if p.returncode and 'has no kernel for' in p.stderr:
        return 'host'
    if p.returncode:
        sys.exit(f'{" ".join(argv)}: exit {p.returncode}\n{p.stderr}')
    answer = json.loads(p.stdout)
    sample = {**answer['samples'][0], **{peak: answer.get(peak, 0) for _, _, peak in (FMA, BYTES)}}
    return of_reorders(sample) if op == REORDER else sample


def measure(args, rows):
    """The best sample of each row and device, and the highest peaks of each device: disturbances only make them lower."""
    devices = (args.device, CPU)
    best, peaks = {}, {d: {FMA[2]: 0, BYTES[2]: 0} for d in devices}
    for k in range(args.rounds * len(rows) * 2):
        i, device = k // 2 % len(rows), devices[k % 2]
        if isinstance(best.get((i, device)), str):
            continue
        new = bench(args, device, rows[i])
        old = best.get((i, device), new)
        best[i, device] = new if isinstance(new, str) else min(old, new, key=lambda s: s['device_ms'])
        for peak in peaks[device]:
            peaks[device][peak] = max(peaks[device][peak], 0 if isinstance(new, str) else new[peak])
    return best, peaks


def cells(sample, by, peaks):
    if isinstance(sample, str):
        return [sample, '']
    word, rate, peak = by
    part = f'{100 * sample[rate] / peaks[peak]:.0f} % {word}' if peaks[peak] else f'{sample[rate]:.1f} {rate}'
    return [f'{sample["device_ms"]:.3f}', part]


def line(row, ours, cpu, peaks, device):
    name, op, shapes, params, by = row
    params = [p for p in params if p not in ('pad=0', 'groups=1')]
    known = not isinstance(ours, str) and not isinstance(cpu, str)
    speed = f'{100 * cpu["device_ms"] / ours["device_ms"]:.0f} %' if known else ''
    return [name, op, ' '.join([shapes, *params]), *cells(ours, by, peaks[device]), *cells(cpu, by, peaks[CPU]), speed]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('program')
    p.add_argument('device', nargs='?', default='opencl')
    p.add_argument('classes', nargs='*')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--seconds', type=float, default=0.2)
    p.add_argument('--timeout', type=float, default=60, help='of one operator on one device, in seconds')
    p.add_argument('--json', help='file for all figures')
    args = p.parse_args()
    rows = [r for r in operators() if not args.classes or r[0] in args.classes]
    if args.rounds < 1 or not rows:
        p.error('expected a round, and classes of: ' + ' '.join(sorted({r[0] for r in operators()})))
    best, peaks = measure(args, rows)
    for device, peak in peaks.items():
        print(f'{device}: {peak[FMA[2]]:.1f} GFLOP/s of multiply-adds, {peak[BYTES[2]]:.1f} GB/s')
    head = ['class', 'operator', 'shapes', f'{args.device} ms', 'of peak', 'cpu ms', 'of peak', f'{args.device} / cpu']
    print('\n' + '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in [head, ['---'] * len(head)]))
    for i, row in enumerate(rows):
        print('| ' + ' | '.join(line(row, best[i, args.device], best[i, CPU], peaks, args.device)) + ' |')
    if args.json:
        with open(args.json, 'w') as f:
            json.dump({'peaks': peaks, 'rows': [{'class': r[0], 'op': r[1], 'shapes': r[2], 'params': r[3],
                                                 args.device: best[i, args.device], CPU: best[i, CPU]}
                                                for i, r in enumerate(rows)]}, f, indent=1)


if __name__ == '__main__':
    main()
