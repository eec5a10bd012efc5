#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill.py LIMBECK [KILLS [key=value ...]]: a run that is killed at random moments and resumed ends in the same bits."""
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

LIMBECK = sys.argv[1]
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
JOB = sys.argv[3:] or ['method=reffakd', 'model=lenet5_bn', 'data=synth,count=256,eval_count=64',
                       'batch=16', 'steps=60', 'seed=3', 'device=cpu']


def weights(run):
    return hashlib.sha256((run / 'student.safetensors').read_bytes()).hexdigest()


def command(run):
    started = (run / 'config.yaml').is_file()
    return [LIMBECK, 'resume', str(run), '-q'] if started else [LIMBECK, 'train', *JOB, f'out={run}', '-q']


def finish(run):
    p = subprocess.run(command(run), capture_output=True, text=True)
    if p.returncode:
        sys.exit(f'exit {p.returncode}: {p.stderr[-600:]}')


def main():
    random.seed(7)
    with tempfile.TemporaryDirectory() as d:
        whole, broken = pathlib.Path(d) / 'whole', pathlib.Path(d) / 'broken'
        begun = time.monotonic()
        finish(whole)
        length = time.monotonic() - begun
        kills = 0
        for _ in range(10 * KILLS):
            p = subprocess.Popen(command(broken), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                p.wait(random.uniform(0, 1.2 * length / max(1, KILLS / 3)))
            except subprocess.TimeoutExpired:
                p.kill()
                kills += 1
            p.communicate()
            if p.returncode > 0:
                sys.exit(f'exit {p.returncode} of {" ".join(command(broken))}')
            if kills == KILLS or p.returncode == 0:
                break
        if not (broken / 'result.json').is_file():
            finish(broken)
        a, b = weights(whole), weights(broken)
        json.loads((broken / 'result.json').read_text())
        print(f'{kills} kills, {length:.1f} s, weights {a[:16]} and {b[:16]}')
        return 0 if a == b and kills else 1


sys.exit(main())
