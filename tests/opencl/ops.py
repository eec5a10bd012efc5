#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ops.py DRIVER LIMBECK ALL_OPS LAYER.so [--family F] [OP ...]: every operator on an OpenCL driver, each in a process of its own.

Prints a tally, and the kernels that ran. Oclgrind looks for races, bounds and uninitialised values too; what it finds is read from
its log, since it exits 0 on findings, and seeded defects, run in the same way, must be found. There the family tile, which knows no
blocks, leaves out the variants between convolutions. A run of all operators in both families fails where a text never ran."""
import argparse
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import drivers

CHECKS = {'OCLGRIND_DATA_RACES': '1', 'OCLGRIND_UNINITIALIZED': '1', 'OCLGRIND_CHECK_API': '1', 'OCLGRIND_NUM_THREADS': '1'}
TEXTS = pathlib.Path(__file__).parents[2] / 'backends' / 'opencl' / 'cl'
SEEDS = {
    'clean': ('x[i] = (int) i;', None),
    'race': ('x[0] = (int) i;', 'data race'),
    'bounds': ('x[i + 1] = (int) i;', 'Invalid write'),
    'uninitialised': ('int t[2]; t[0] = 1; x[i] = t[i & 1];', 'ninitialized value'),
}


def run_seed(name):
    """In a process that sees Oclgrind alone: one kernel of four work-items on a buffer of four ints."""
    cl = ctypes.CDLL('libOpenCL.so.1')
    pointer, size, flags = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint64
    for f in ('clCreateContext', 'clCreateCommandQueue', 'clCreateProgramWithSource', 'clCreateKernel', 'clCreateBuffer'):
        getattr(cl, f).restype = pointer
    source = '__kernel void seed(__global int *x) { const size_t i = get_global_id(0); %s }' % SEEDS[name][0]
    text = ctypes.c_char_p(source.encode())
    platform, device, four = pointer(), pointer(), size(4)
    errors = [cl.clGetPlatformIDs(1, ctypes.byref(platform), None),
              cl.clGetDeviceIDs(platform, flags(0xffffffff), 1, ctypes.byref(device), None)]
    context = pointer(cl.clCreateContext(None, 1, ctypes.byref(device), None, None, None))
    queue = pointer(cl.clCreateCommandQueue(context, device, flags(0), None))
    program = pointer(cl.clCreateProgramWithSource(context, 1, ctypes.byref(text), None, None))
    errors.append(cl.clBuildProgram(program, 1, ctypes.byref(device), b'', None, None))
    kernel = pointer(cl.clCreateKernel(program, b'seed', None))
    buffer = pointer(cl.clCreateBuffer(context, flags(1), size(16), None, None))
    errors.append(cl.clSetKernelArg(kernel, 0, size(ctypes.sizeof(buffer)), ctypes.byref(buffer)))
    errors.append(cl.clEnqueueNDRangeKernel(queue, kernel, 1, None, ctypes.byref(four), ctypes.byref(four), 0, None, None))
    errors.append(cl.clFinish(queue))
    return 1 if any(errors) else 0


def findings(log):
    """The first lines of what Oclgrind said: their details are indented."""
    if not log.is_file():
        return []
    lines = log.read_text(errors='replace').split('\n')
    heads = [i for i, x in enumerate(lines) if x.strip() and not x[0].isspace()]
    return ['\n'.join(lines[i:j]).rstrip() for i, j in zip(heads, [*heads[1:], len(lines)])]


def check_seeds(tmp):
    failed = 0
    for name, (_, want) in SEEDS.items():
        log = tmp / f'seed-{name}.log'
        with drivers.only('oclgrind', OCLGRIND_LOG=str(log), **CHECKS) as env:
            code = subprocess.run([sys.executable, __file__, '--seed', name], env=env, timeout=60, check=False).returncode
        found = findings(log)
        ok = code == 0 and (any(want in f for f in found) if want else not found)
        print(f'{"ok" if ok else "not ok"}: seeded {name}: exit {code}, {len(found)} findings')
        failed += not ok
    return failed


class Result:
    def __init__(self, op, code, seconds, found, report, tail):
        self.op, self.code, self.seconds, self.found, self.tail = op, code, seconds, found, tail
        left = re.search(r'^(\d+) variants left out$', tail, re.MULTILINE)
        self.left_out = int(left[1]) if left else 0
        self.launches = sum(report.values())
        self.kernels = set(report)


def launched(report):
    rows = [x.split() for x in report.read_text().split('\n')] if report.is_file() else []
    return {r[1]: int(r[2]) for r in rows if r and r[0] == 'kernel'}


def run_op(a, tmp, family, op):
    log, report = tmp / f'{family}-{op}.log', tmp / f'{family}-{op}.calls'
    begun = time.monotonic()
    checks = {'OCLGRIND_LOG': str(log), 'LIMBECK_WHOLE_WRITES': '1', **CHECKS} if a.driver == 'oclgrind' else {}
    if checks and family == 'tile':
        checks['LBK_VARIANTS'] = 'alone,fused'
    with drivers.only(a.driver, OPENCL_LAYERS=a.layer, LIMBECK_FAULT_REPORT=str(report), LBK_OP=op, **checks) as env:
        try:
            p = subprocess.run([a.all_ops, '--device', f'opencl,family={family}'], env=env, capture_output=True, text=True,
                               errors='replace', timeout=a.timeout, check=False)
            code, tail = p.returncode, (p.stdout + p.stderr)[-1500:]
        except subprocess.TimeoutExpired:
            code, tail = 'none: out of time', ''
    return Result(op, code, time.monotonic() - begun, findings(log), launched(report), tail)


def show(r, family, verbose):
    bad = r.found or r.code != 0
    if bad or verbose:
        print(f'{"not ok" if bad else "ok"}: {family} {r.op}: exit {r.code}, {r.launches} launches, {len(r.found)} findings,'
              f' {r.seconds:.1f} s', flush=True)
    for f in r.found[:3]:
        print('    ' + f.replace('\n', '\n    '))
    if bad and not r.found:
        print('    ' + r.tail.replace('\n', '\n    '))
    return bool(bad)


def operators(a):
    p = subprocess.run([a.limbeck, 'list', 'ops', '--json'], capture_output=True, text=True, check=True)
    every = [o['name'] for o in json.loads(p.stdout)['ops']]
    unknown = set(a.ops) - set(every)
    if unknown:
        sys.exit(f'unknown operators: {" ".join(sorted(unknown))}')
    return a.ops or every


def idle_texts(a, ran):
    """How many texts of kernels no family ran, in a run of all there is."""
    # Chains are updates of several weights: no case of one operator makes them.
    every = {f.stem for f in TEXTS.glob('*.cl')} - {'prelude', 'map_chain'}
    idle = sorted(every - ran)
    if a.ops or len(a.family or []) < 2 or not idle:
        return 0
    print(f'not ok: of {len(every)} texts these never ran: {" ".join(idle)}')
    return len(idle)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('driver', choices=['pocl', 'rusticl', 'oclgrind'])
    for name in ('limbeck', 'all_ops', 'layer'):
        parser.add_argument(name)
    parser.add_argument('ops', nargs='*')
    parser.add_argument('--family', action='append', choices=['auto', 'wide', 'tile'])
    parser.add_argument('--timeout', type=float, default=900)
    parser.add_argument('--verbose', action='store_true')
    a = parser.parse_intermixed_args()
    if drivers.absent(a.driver):
        return drivers.skip(a.driver)
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        failed = check_seeds(tmp) if a.driver == 'oclgrind' else 0
        ran = set()
        for family in a.family or ['auto']:
            begun = time.monotonic()
            results = []
            with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                for r in pool.map(lambda op, f=family: run_op(a, tmp, f, op), operators(a)):
                    results.append(r)
                    failed += show(r, family, a.verbose)
            idle = [r.op for r in results if not r.launches]
            texts = set().union(*(r.kernels for r in results))
            ran |= texts
            left_out = sum(r.left_out for r in results)
            slow = sorted(results, key=lambda r: -r.seconds)[:5]
            print(f'{a.driver}, {family}: {len(results)} operators, {sum(r.launches for r in results)} launches of'
                  f' {len(texts)} kernels, {sum(len(r.found) for r in results)} findings, {time.monotonic() - begun:.0f} s'
                  + (f'; LEFT OUT: {left_out} variants between convolutions' if left_out else '')
                  + (f'; no kernel ran for {" ".join(idle)}' if idle else ''))
            print(f'    kernels: {" ".join(sorted(texts))}\n    longest: {", ".join(f"{r.op} {r.seconds:.0f} s" for r in slow)}',
                  flush=True)
        failed += idle_texts(a, ran)
    return 1 if failed else 0


sys.exit(run_seed(sys.argv[2]) if sys.argv[1] == '--seed' else main())
