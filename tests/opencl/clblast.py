#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clblast.py choice LIMBECK FAKE.so: on PoCL, which matrix products `tune` leaves to CLBlast, by a library that can be told when
to be wrong, and that those are then its.
clblast.py real ALL_OPS LAYER.so: the operator matmul with gemm=clblast and the library itself, a skip where it is not installed."""
import ctypes
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import drivers

LIBRARY = 'libclblast.so.1'
CLASS = 'gemm wide 1 of 256x256x256 '
SHAPES = 'shapes=256x256,256x256'
# Terms of products of this class: of the shape that is timed, and of the largest that it takes.
TIMED, LARGEST = 256 ** 3, 511 ** 3
PROFILED = re.compile(r' [0-9.]+ ms .* 0 fallbacks')


class Choice:
    def __init__(self, limbeck, fake, tmp):
        self.limbeck, self.tmp, self.bad = limbeck, tmp, 0
        self.report = tmp / 'report'
        for name in ('fake', 'broken'):
            (tmp / name).mkdir()
        (tmp / 'fake' / LIBRARY).symlink_to(pathlib.Path(fake).resolve())
        (tmp / 'broken' / LIBRARY).write_text('not a library')

    def run(self, folder, *argv, terms=0):
        """Exit code, what it said, calls of the library."""
        path = f"{self.tmp / folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache')
        kernels = os.environ.get('POCL_CACHE_DIR', str(cache / 'pocl' / 'kcache'))
        self.report.unlink(missing_ok=True)
        with drivers.only('pocl', LD_LIBRARY_PATH=path, XDG_CACHE_HOME=str(self.tmp / 'cache'), POCL_CACHE_DIR=kernels,
                          LIMBECK_FAKE_TERMS=str(terms), LIMBECK_FAKE_REPORT=str(self.report)) as env:
            p = subprocess.run([self.limbeck, *argv], env=env, capture_output=True, text=True, timeout=300, check=False)
        calls = int(self.report.read_text().split()[1]) if self.report.is_file() else 0
        return p.returncode, p.stdout + p.stderr, calls

    def check(self, name, ok, seen):
        print(f'{"ok" if ok else "not ok"}: {name}' + ('' if ok else f': {seen}'), flush=True)
        self.bad += not ok

    def product(self, folder, more=''):
        return self.run(folder, 'bench', 'op', 'matmul', SHAPES, f'device=opencl,family=wide{more}', terms=LARGEST)

    def tune(self, terms):
        """The classes that were compared, and those that were left to the library."""
        code, text, calls = self.run('fake', 'tune', 'device=opencl,family=wide', terms=terms)
        lines = [x for x in text.split('\n') if x.startswith('gemm wide ') and ' of ' in x]
        wins = [x for x in lines if ': clblast: ' in x]
        refused = [x for x in lines if ': own: ' in x and 'clblast fails or computes wrongly' in x]
        self.check(f'tuned, right up to {terms} terms', code == 0 and calls and len(lines) >= 3
                   and len(wins) + len(refused) == len(lines), (code, text, calls))
        return lines, wins

    def missing(self):
        code, text, _ = self.product('broken', ',gemm=clblast')
        self.check('forced without the library', code == 5 and 'apt-get install libclblast1' in text, (code, text))
        code, text, _ = self.run('broken', 'tune', 'device=opencl,family=wide')
        self.check('tuned without the library', code == 0 and 'CLBlast: not found' in text, (code, text))

    def all(self):
        self.missing()
        _, wins = self.tune(0)
        self.check('a wrong one is refused', not wins, wins)
        _, wins = self.tune(TIMED)
        self.check('one that is wrong at the largest is refused', not wins, wins)
        code, text, calls = self.product('fake')
        self.check('it is not used', code == 0 and calls == 0 and PROFILED.search(text), (code, text, calls))
        _, wins = self.tune(LARGEST)
        self.check('a right and fast one is chosen', len(wins) == 3 and all(x.startswith(CLASS) for x in wins), wins)
        code, text, calls = self.product('fake', ',gemm=own')
        self.check('not with gemm=own', code == 0 and calls == 0 and PROFILED.search(text), (code, text, calls))
        code, text, calls = self.product('fake')
        self.check('it is used', code == 0 and calls > 1, (code, text, calls))
        code, text, calls = self.product('broken')
        self.check('without it there is a warning', code == 0 and 'CLBlast is not used' in text and calls == 0
                   and PROFILED.search(text), (code, text, calls))
        code, text, _ = self.run('broken', 'tune', 'device=opencl,family=wide')
        self.check('tuned again without it', code == 0 and 'CLBlast: not found' in text, (code, text))
        code, text, calls = self.product('broken')
        self.check('then there is none', code == 0 and 'CLBlast' not in text and PROFILED.search(text), (code, text))
        return 1 if self.bad else 0


def choice(limbeck, fake):
    with tempfile.TemporaryDirectory() as name:
        return Choice(limbeck, fake, pathlib.Path(name)).all()


def real(all_ops, layer):
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as e:
        print(f'SKIPPED: {e} (Debian: libclblast1)')
        return drivers.SKIP
    with tempfile.TemporaryDirectory() as name:
        report = pathlib.Path(name) / 'calls'
        with drivers.only('pocl', OPENCL_LAYERS=layer, LIMBECK_FAULT_REPORT=str(report), LBK_OP='matmul') as env:
            code = subprocess.run([all_ops, '--device', 'opencl,gemm=clblast'], env=env, timeout=600, check=False).returncode
        rows = [x.split() for x in report.read_text().split('\n')] if report.is_file() else []
    left = [r for r in rows if r and r[0] == 'left' and r[2] != '0']
    kernels = {r[1] for r in rows if r and r[0] == 'kernel' and r[1].startswith('Xgemm')}
    print(f'exit {code}; kernels of CLBlast: {" ".join(sorted(kernels)) or "none"}; left alive: {left or "nothing"}')
    return 0 if code == 0 and kernels and not left else 1


if drivers.absent('pocl'):
    sys.exit(drivers.skip('pocl'))
sys.exit({'choice': choice, 'real': real}[sys.argv[1]](*sys.argv[2:]))
