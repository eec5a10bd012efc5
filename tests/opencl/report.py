#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py LIMBECK LAYER.so: what `doctor` and `devices` say of OpenCL where something is missing, and where nothing is."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import drivers

VENDORS = pathlib.Path('/etc/OpenCL/vendors')
# PoCL's own cache stays where it is: a cold one costs seconds for each kernel.
KERNELS = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'pocl' / 'kcache'
bad = 0


def run(limbeck, args, **env):
    merged = {**os.environ, 'POCL_CACHE_DIR': str(KERNELS), **env}
    merged = {k: v for k, v in merged.items() if v is not None}
    return subprocess.run([limbeck, *args, '--json'], capture_output=True, text=True, timeout=120, env=merged)


def check(name, ok, seen):
    global bad
    if not ok:
        bad += 1
        print(f'{name}: {seen}')


def problems(limbeck, **env):
    p = run(limbeck, ['doctor'], **env)
    return p, [x for x in json.loads(p.stdout)['problems'] if x['of'] == 'opencl']


def expect(name, limbeck, problem, mend, **env):
    """Exactly this one is found, and the exit code says so."""
    p, found = problems(limbeck, **env)
    check(name, p.returncode != 0 and len(found) == 1, (p.returncode, found))
    for x in found:
        check(name, problem in x['problem'] and mend in x['mend'], x)


def doctor(limbeck, tmp):
    safe = {'XDG_CACHE_HOME': str(tmp / 'cache')}
    empty, icd = tmp / 'empty', tmp / 'odd.icd'
    empty.mkdir()
    expect('no driver', limbeck, f"no file '*.icd' in '{empty}'", 'unset OCL_ICD_VENDORS', OCL_ICD_VENDORS=str(empty), **safe)
    icd.write_text(f'{tmp}/nothing.so\n')
    expect('no library', limbeck, 'nothing.so', 'dpkg -S', OCL_ICD_VENDORS=str(icd), **safe)
    icd.write_text('\n')
    expect('no name', limbeck, 'names no library', 'dpkg -S', OCL_ICD_VENDORS=str(icd), **safe)
    if (VENDORS / 'rusticl.icd').exists():
        expect('rusticl', limbeck, "'rusticl' has no device", 'RUSTICL_ENABLE=', OCL_ICD_VENDORS=str(VENDORS / 'rusticl.icd'),
               RUSTICL_ENABLE=None, **safe)
    libs = tmp / 'libs'
    libs.mkdir()
    for name in ('libOpenCL.so.1', 'libOpenCL.so'):
        (libs / name).write_text('not a library')
    path = f"{libs}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    expect('no loader', limbeck, 'libOpenCL.so.1', 'ocl-icd-libopencl1', LD_LIBRARY_PATH=path, **safe)


def forms(limbeck, layer, tmp):
    """OCL_ICD_VENDORS is what ocl-icd takes it for, and a driver without a platform is named although another one works."""
    safe, both = {'XDG_CACHE_HOME': str(tmp / 'cache')}, tmp / 'both'
    expect('no driver in it', limbeck, 'is no OpenCL driver', 'unset OCL_ICD_VENDORS', OCL_ICD_VENDORS='libm.so.6', **safe)
    expect('idle', limbeck, 'finds no platform (error -1001)', 'ls -l /dev/dri', OCL_ICD_VENDORS=layer, **safe)
    library = drivers.library('pocl')
    if not library:
        return
    both.mkdir()
    (both / 'pocl.icd').write_text(library + '\n')
    usual = [x.name for x in VENDORS.glob('*.icd') if x.read_text().strip() == library]
    for form in (library, str(both), str(both / 'pocl.icd'), *usual):
        p, found = problems(limbeck, OCL_ICD_VENDORS=form, **safe)
        seen = told(limbeck, 'opencl', tmp, OCL_ICD_VENDORS=form)[0]
        check(form, not found and seen.returncode == 0, (found, seen.stderr))
    expect('no platform', limbeck, 'there is no platform (error -1001)', 'sudo dmesg', OCL_ICD_VENDORS=str(both),
           OPENCL_LAYERS=layer, LIMBECK_FAULT='platforms:1+:-1001', **safe)
    (both / 'idle.icd').write_text(layer + '\n')
    expect('idle beside another', limbeck, f"'{both}/idle.icd' names '{layer}'", 'ls -l /dev/dri', OCL_ICD_VENDORS=str(both),
           **safe)
    # The fourth small program is that of the vectors.
    text = told(limbeck, 'opencl', tmp / 'new', OCL_ICD_VENDORS=library, OPENCL_LAYERS=layer, LIMBECK_FAULT='build:4')[1]
    check('vectors', "could not be measured; the kernels of family 'tile' are used" in text and '"kernels": "tile"' in text, text)


def unsafe(limbeck, tmp):
    (tmp / 'open' / 'limbeck').mkdir(parents=True)
    (tmp / 'open' / 'limbeck').chmod(0o777)
    expect('unsafe', limbeck, 'others may write to it', 'chmod 700', XDG_CACHE_HOME=str(tmp / 'open'))
    (tmp / 'file').write_text('')
    expect('not made', limbeck, 'cannot be kept', 'chmod 700', XDG_CACHE_HOME=str(tmp / 'file'))


def report(limbeck, tmp, spec):
    p = run(limbeck, ['devices', spec], XDG_CACHE_HOME=str(tmp / 'cache'))
    seen = []
    told = json.loads(p.stdout, object_pairs_hook=lambda pairs: (seen.append([k for k, _ in pairs]), dict(pairs))[1])
    check(spec, p.returncode == 0 and all(len(set(k)) == len(k) for k in seen), (p.returncode, p.stderr, seen))
    text = json.dumps(told)
    for key in ('platform', 'driver', 'kernels', 'fma', 'binaries', 'half', 'sub-groups', 'ptx', 'usable local memory',
                'kept in'):
        check(spec, f'"{key}": "' in text, f'no {key}: {text}')
    for key in ('fma_gflops', 'bandwidth_gbs'):
        check(spec, re.search(rf'"{key}": "[0-9]+\.[0-9]"', text), f'no {key}: {text}')
    check(spec, '"fill": "yes"' in text, text)
    kept = list((tmp / 'cache' / 'limbeck' / 'opencl').glob('*.facts'))
    check(spec, kept, 'no facts are kept')


def told(limbeck, spec, tmp, **env):
    p = run(limbeck, ['devices', spec], XDG_CACHE_HOME=str(tmp / 'cache'), **env)
    return p, p.stdout + p.stderr


def change(tmp, **facts):
    """Facts are set to what the test wants; the name of one has '_' for a blank."""
    for path in (tmp / 'cache' / 'limbeck' / 'opencl').glob('*.facts'):
        lines = path.read_text().split('\n')[:-2]
        for name, value in facts.items():
            name = name.replace('_', ' ')
            was = [x for x in lines if x.startswith(f'{name} = ')]
            lines = [x for x in lines if x not in was]
            lines.append(f'{name} = ' + value(was[0].split(' = ', 1)[1] if was else ''))
        text = '\n'.join(lines) + '\n'
        path.write_text(text + f'end {hashlib.sha256(text.encode()).hexdigest()}\n')


def tune(limbeck, tmp, spec, **env):
    p = subprocess.run([limbeck, 'tune', f'device={spec}'], capture_output=True, text=True, timeout=300,
                       env={**os.environ, 'POCL_CACHE_DIR': str(KERNELS), 'XDG_CACHE_HOME': str(tmp / 'cache'), **env})
    return p, p.stdout + p.stderr


def wrong_tile(limbeck, layer, tmp):
    """A tile that computes wrongly is named and not timed, the others are."""
    library = drivers.library('pocl')
    if not library:
        return
    env = {'OCL_ICD_VENDORS': library, 'OPENCL_LAYERS': layer, 'LIMBECK_FAULT_TILE': '#define RM 2'}
    p, text = tune(limbeck, tmp / 'tile', 'opencl,family=tile,gemm=own', **env)
    check('wrong tile', p.returncode == 0 and 'tile 16x16x16 of 2x2: refused: element ' in text, text)
    check('wrong tile', text.count('refused') == 1 and len(re.findall(r'(?m)^tile .* GFLOP/s', text)) == 7, text)
    text = ''.join(x.read_text() for x in (tmp / 'tile' / 'cache' / 'limbeck' / 'opencl').glob('*.facts'))
    check('wrong tile', 'tile 16x16x16 of 2x2 = wrong by texts ' in text, text)


def tuned(limbeck, tmp):
    """What was chosen holds from then on; wrong kernels are not used; other texts are tried again."""
    p, text = tune(limbeck, tmp, 'opencl,gemm=own')
    check('tune', p.returncode == 0 and 'family wide: ' in text and 'family tile: ' in text, text)
    for family in ('tile', 'wide'):
        change(tmp, tuned_family=lambda was: family)
        check('tuned', f'"kernels": "{family}"' in told(limbeck, 'opencl', tmp)[1], family)
    change(tmp, usable_local_memory=lambda was: '8192 bytes of 1048576')
    text = told(limbeck, 'opencl', tmp)[1]
    check('local memory', '"local memory": "8 KiB' in text, text)
    change(tmp, kernels_wide=lambda was: was[:18] + 'a test says so')
    text = told(limbeck, 'opencl', tmp)[1]
    check('refused', '"kernels": "tile"' in text and "those of 'tile' are used" in text, text)
    p, text = tune(limbeck, tmp, 'opencl,family=wide,gemm=own')
    check('refused', p.returncode != 0 and "family 'wide': a test says so" in text, text)
    change(tmp, kernels_wide=lambda was: '0' * 16 + ': of other texts')
    p, text = tune(limbeck, tmp, 'opencl,family=wide,gemm=own')
    check('tried again', p.returncode == 0 and ': right' in ''.join(
        x.read_text() for x in (tmp / 'cache' / 'limbeck' / 'opencl').glob('*.facts')), text)


def main():
    limbeck, layer = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        doctor(limbeck, tmp)
        forms(limbeck, layer, tmp)
        n = sum(d['device'].startswith('opencl') for d in json.loads(run(limbeck, ['devices']).stdout)['devices'])
        p, found = problems(limbeck, XDG_CACHE_HOME=str(tmp / 'cache'))
        check('as it is', bool(found) == (n == 0), found)
        if n:
            unsafe(limbeck, tmp)
            tuned(limbeck, tmp)
        wrong_tile(limbeck, layer, tmp)
        for i in range(n):
            report(limbeck, tmp, f'opencl:{i}')
    print(f'{n} devices, {bad} wrong')
    return 1 if bad else 0


sys.exit(main())
