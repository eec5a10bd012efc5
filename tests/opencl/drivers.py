#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""drivers.py {pocl,rusticl,oclgrind,none} PROGRAM ...: runs a program that sees that OpenCL driver alone.

Exits with the program's code, with 1 when a signal ended it, and with 77, which is a skip, where the driver is not installed."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
VENDORS = pathlib.Path('/etc/OpenCL/vendors')
# name: part of the name of its library, Debian's package, what it has to be told
DRIVERS = {
    'pocl': ('libpocl', 'pocl-opencl-icd', {}),
    'rusticl': ('librusticl', 'mesa-opencl-icd', {'RUSTICL_ENABLE': 'llvmpipe'}),
    'oclgrind': ('liboclgrind', 'oclgrind', {}),
    'none': ('', '', {}),
}


def library(name):
    """What the loader is to load, or None."""
    part = DRIVERS[name][0]
    for icd in sorted(VENDORS.glob('*.icd')):
        text = icd.read_text().strip()
        if part in text.lower():
            return text
    program = shutil.which(name)
    beside = sorted(pathlib.Path(program).resolve().parent.parent.glob(f'lib*/{name}/{part}*-icd.so')) if program else []
    return str(beside[0]) if beside else None


def absent(name):
    """Why a driver cannot be used, or None."""
    if name != 'none' and not library(name):
        return f'{name} is not installed (Debian: {DRIVERS[name][1]})'
    return None


@contextlib.contextmanager
def only(name, **more):
    """An environment in which the loader finds that driver and no other."""
    with tempfile.TemporaryDirectory() as vendors:
        if name != 'none':
            (pathlib.Path(vendors) / 'only.icd').write_text(library(name) + '\n')
        env = {k: v for k, v in os.environ.items() if not k.startswith(('OCL_ICD_', 'OPENCL_LAYERS', 'OCLGRIND_', 'LIMBECK_FAULT'))}
        yield {**env, 'OCL_ICD_VENDORS': vendors, **DRIVERS[name][2], **more}


def skip(name):
    print(f'SKIPPED: {absent(name)}')
    return SKIP


def main():
    name = sys.argv[1]
    if absent(name):
        return skip(name)
    with only(name) as env:
        code = subprocess.run(sys.argv[2:], env=env, check=False).returncode
    if code < 0:
        print(f'ended by signal {-code}')
    return code if code >= 0 else 1


if __name__ == '__main__':
    sys.exit(main())
