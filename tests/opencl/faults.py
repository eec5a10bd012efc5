#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""faults.py LIMBECK LAYER.so [--all] [KIND ...]: a run on OpenCL whose n-th call of a kind fails, for n = 1, 2, 3, ...

Each time: no signal, no hang, no object left alive, the documented exit code, one line that says what failed, and a run directory
that goes on to the same weights. Then drivers that are not there: no libOpenCL, no platform, no device."""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import drivers

DEVICE, MEMORY = 5, 6
JOB = ['method=none', 'model=lenet5_bn', 'data=synth,count=32,eval_count=16', 'batch=8', 'steps=6', 'seed=3',
       'checkpoint_every=2']
STEP_LIMIT = 300
# Kinds of calls with the exit code that a failure gives; those that may also be done without, if the result is the same.
CODES = {'platforms': DEVICE, 'devices': DEVICE, 'info': DEVICE, 'context': DEVICE, 'queue': MEMORY, 'alloc': MEMORY,
         'program': MEMORY, 'build': DEVICE, 'kernel': MEMORY, 'arg': DEVICE, 'launch': DEVICE, 'read': DEVICE, 'write': DEVICE,
         'copy': DEVICE, 'fill': DEVICE, 'map': DEVICE, 'unmap': DEVICE, 'flush': DEVICE, 'finish': DEVICE, 'wait': DEVICE,
         'profile': DEVICE}
OPTIONAL = {'info', 'build', 'alloc', 'map', 'unmap', 'flush', 'finish', 'wait', 'profile'}
# The n-th call of any kind of the queue, and all after it: a device that is lost, in the words of two drivers.
LOST = {'CL_OUT_OF_RESOURCES': -5, 'CL_INVALID_COMMAND_QUEUE': -36}


class Run:
    def __init__(self, p, report):
        self.code, self.err = p.returncode, p.stderr
        rows = [x.split() for x in report.read_text().split('\n')] if report.is_file() else []
        self.reported = bool(rows)
        self.calls = {r[1]: int(r[2]) for r in rows if r and r[0] == 'calls'}
        self.hit = sum(int(r[2]) for r in rows if r and r[0] == 'hit')
        self.left = {r[1]: int(r[2]) for r in rows if r and r[0] == 'left' and r[2] != '0'}
        self.lines = [x for x in self.err.split('\n') if x.strip()]


class Faults:
    def __init__(self, a, tmp):
        self.a, self.tmp = a, tmp
        self.passed = self.failed = 0

    def report(self, name, problem, r=None):
        self.failed, self.passed = self.failed + bool(problem), self.passed + (not problem)
        if problem:
            more = f'\n    exit {r.code}, left {r.left}\n    {r.err[-700:]}' if r else ''
            print(f'not ok: {name}: {problem}{more}', flush=True)

    def run(self, name, argv, fault='', driver='pocl', **more):
        report = self.tmp / f'{name}.report'
        more = {'OPENCL_LAYERS': self.a.layer, 'LIMBECK_FAULT': fault, 'LIMBECK_FAULT_REPORT': str(report),
                'POCL_MAX_PTHREAD_COUNT': '1', **more}
        with drivers.only(driver, **more) as env:
            p = subprocess.run([self.a.limbeck, *argv, '-q'], env=env, capture_output=True, text=True, errors='replace',
                               timeout=STEP_LIMIT, check=False)
        return Run(p, report)

    def train(self, name, fault='', **more):
        return self.run(name, ['train', *JOB, 'device=opencl', f'out={self.tmp / name}'], fault, **more)

    def weights(self, name):
        f = self.tmp / name / 'student.safetensors'
        return hashlib.sha256(f.read_bytes()).hexdigest() if f.is_file() else None

    def resume(self, name, fault=''):
        """On a copy of the run that was stopped half way."""
        if not (self.tmp / name).exists():
            shutil.copytree(self.tmp / 'half', self.tmp / name)
        return self.run(name, ['resume', str(self.tmp / name)], fault)

    def prepare(self):
        whole = self.train('whole')
        self.whole = self.weights('whole')
        self.report('a run without faults', self.problem(whole, 0) or (None if self.whole else 'it left no weights'), whole)
        half = self.train('half', f'launch:{whole.calls.get("launch", 0) * 3 // 4}')
        self.report('a run that stops half way', self.problem(half, DEVICE), half)
        latest = self.tmp / 'half' / 'checkpoints' / 'latest'
        self.report('it left a checkpoint', None if latest.is_file() else 'there is none')
        whole_resumed = self.resume('resumed')
        problem = self.problem(whole_resumed, 0) or (None if self.weights('resumed') == self.whole else 'other weights')
        self.report('it is resumed', problem, whole_resumed)
        self.calls = whole_resumed.calls
        return self.failed == 0

    @staticmethod
    def problem(r, code):
        """What is wrong with how a run ended, wherever it was to end with that code."""
        if r.code < 0:
            return f'ended by signal {-r.code}'
        if not r.reported:
            return 'the layer was not called'
        if r.left:
            return f'left alive: {r.left}'
        if r.code != code:
            return f'expected exit {code}, got {r.code}'
        if len(r.lines) > 1 or (code and not r.lines) or not all(x.startswith('limbeck: ') for x in r.lines):
            return f'expected one line that says what failed, got {len(r.lines)}'
        return 'it said something without a fault' if r.lines and not r.hit else None

    def broken(self, name):
        """What is wrong with the directory of a run that failed."""
        here, before = self.tmp / name / 'checkpoints', self.tmp / 'half' / 'checkpoints'
        latest = (here / 'latest').read_text().strip() if (here / 'latest').is_file() else ''
        if not latest or not (here / latest).is_file():
            return f"no checkpoint: latest is '{latest}'"
        old = before / latest
        if old.is_file() and old.read_bytes() != (here / latest).read_bytes():
            return f'{latest} has changed'
        return None

    def fault(self, kind, n, code, error='', go_on=False):
        """One run with one fault; True when it was hit."""
        fault = f'{kind}:{n}{error}'
        name = fault.replace(':', '-')
        try:
            r = self.resume(name, fault)
        except subprocess.TimeoutExpired:
            self.report(fault, f'still running after {STEP_LIMIT} s')
            return True
        if not r.hit or (r.code == 0 and kind in OPTIONAL):
            problem = self.problem(r, 0) or (None if self.weights(name) == self.whole else 'other weights')
        else:
            problem = self.problem(r, code) or self.broken(name)
            if not problem and go_on:
                again = self.resume(name)
                problem = self.problem(again, 0) or (None if self.weights(name) == self.whole else 'resumed, it has other weights')
        self.report(fault, problem, r)
        shutil.rmtree(self.tmp / name)
        return bool(r.hit)

    def points(self, count):
        """The calls to fail: the first ones, some of the rest, the last, and one that is not made."""
        first, spread = (20, 20) if self.a.all else (4, 4)
        some = {first + (count - first) * i // spread for i in range(1, spread)} if count > first else set()
        return sorted(n for n in {*range(1, first + 1), *some, count, count + 1} if n <= count + 1)

    def everything(self, pool):
        jobs = []
        for kind in self.a.kinds or CODES:
            count = self.calls.get(kind, 0)
            points = self.points(count) if count else []
            jobs += [(kind, n, pool.submit(self.fault, kind, n, CODES[kind], go_on=n in (1, count))) for n in points]
        for error in LOST.values() if not self.a.kinds else ():
            points = self.points(self.calls['any'])[::1 if self.a.all else 2]
            jobs += [('lost', n, pool.submit(self.fault, 'any', n, DEVICE, f'+:{error}')) for n in points]
        hits = {}
        for kind, n, job in jobs:
            hits.setdefault(kind, []).append(job.result())
        for kind, h in hits.items():
            print(f'{kind}: {sum(h)} of {len(h)} runs were hit, {self.calls.get(kind, self.calls["any"])} calls in a run')

    def absent(self, name, pattern, code=DEVICE, fault='', driver='pocl', **more):
        out = 'absent-' + name.replace(' ', '-')
        r = self.train(out, fault, driver=driver, **more)
        ok = r.code == code and len(r.lines) == 1 and pattern in r.lines[0]
        self.report(name, None if ok else f"expected exit {code} and one line with '{pattern}'", r)
        r = self.run(out + '-list', ['devices'], fault, driver=driver, **more)
        self.report(name + ': the processor is still there', None if r.code == 0 else 'devices failed', r)

    def drivers_absent(self):
        fake = self.tmp / 'fake'
        fake.mkdir()
        for text, name, pattern in ((b'not a library\n', 'no libOpenCL', 'there is no libOpenCL'),
                                    (pathlib.Path(self.a.layer).read_bytes(), 'a libOpenCL that is none', 'lacks a function')):
            for f in ('libOpenCL.so.1', 'libOpenCL.so'):
                (fake / f).write_bytes(text)
            self.absent(name, pattern, LD_LIBRARY_PATH=str(fake))
        self.absent('no platform', 'no platform has a device', driver='none')
        self.absent('no device', 'no platform has a device', fault='devices:1+')
        if not drivers.absent('rusticl'):
            self.absent('a platform without devices', 'no platform has a device', driver='rusticl', RUSTICL_ENABLE='')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('limbeck')
    parser.add_argument('layer')
    parser.add_argument('kinds', nargs='*')
    parser.add_argument('--all', action='store_true', help='more points of each kind')
    a = parser.parse_intermixed_args()
    if drivers.absent('pocl'):
        return drivers.skip('pocl')
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as d:
        f = Faults(a, pathlib.Path(d))
        if f.prepare():
            with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
                f.everything(pool)
            if not a.kinds:
                f.drivers_absent()
    print(f'{f.passed} passed, {f.failed} failed, {time.monotonic() - begun:.0f} s')
    return 1 if f.failed else 0


sys.exit(main())
