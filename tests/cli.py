#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program against bad input: cli.py LIMBECK BUILD/tests. One line that says what is wrong, and the documented exit code."""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

LIMBECK, BUILD = sys.argv[1], pathlib.Path(sys.argv[2])
results = {'passed': 0, 'failed': 0}
LONG = 60


def run(argv, **kw):
    return subprocess.run([LIMBECK, *argv], capture_output=True, text=True, timeout=LONG, errors='replace', **kw)


def report(name, problem, p=None):
    results['failed' if problem else 'passed'] += 1
    if problem:
        print(f'not ok: {name}: {problem}')
        if p:
            print(f'  exit {p.returncode}\n  out: {p.stdout[-400:]}\n  err: {p.stderr[-800:]}')


def expect(name, argv, code, message='', **kw):
    """message: a pattern that the last line on the standard error has, after "limbeck: "."""
    p = run(argv, **kw)
    lines = [x for x in p.stderr.split('\n') if x.startswith('limbeck: ') and not x.startswith('limbeck: warning: ')]
    if p.returncode != code:
        report(name, f'expected exit {code}', p)
    elif message and not (lines and re.search(message, lines[-1])):
        report(name, f'expected a message like {message!r}', p)
    elif code and '--json' in argv and json.loads(p.stdout)['error']['code'] != code:
        report(name, 'the JSON error has another code', p)
    else:
        report(name, None)
    return p


def safetensors(header, data, length=None):
    h = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(h) if length is None else length) + h + data


def usage(tmp):
    expect('no command', [], 2)
    expect('unknown command', ['trian'], 2, "command 'trian' is unknown; did you mean 'train'")
    expect('unknown option', ['list', 'ops', '--jsno'], 2, "option '--jsno' is unknown; did you mean '--json'")
    expect('option without value', ['train', '-c'], 2, 'needs the name of a recipe')
    expect('no key', ['train', '=3'], 2, 'expected key=value')
    expect('json of a writer', ['train', 'out=x', '--json'], 2, '--json is for commands that only read')
    expect('keys where none belong', ['list', 'ops', 'a=b'], 2, 'takes no key=value')
    expect('threads as a word', ['train', 'threads=two'], 2, "threads: expected a whole number, got 'two'")
    expect('threads out of range', ['train', 'threads=0'], 2, r"threads: expected 1\.\.1024, got '0'")
    expect('yes or no', ['train', 'strict=perhaps', f'out={tmp}/x'], 2, "strict: expected yes or no, got 'perhaps'")
    expect('list of nothing', ['list'], 2, 'expected one of methods')
    expect('list of something else', ['list', 'foos'], 2, "got 'foos'")
    expect('unknown op', ['help', 'op', 'sofmax'], 2, "did you mean 'softmax'")
    expect('unknown model', ['inspect', 'model', 'resnet21'], 2, "model 'resnet21' is unknown; did you mean 'resnet2?0'")
    expect('unknown loss', ['loss', 'klx', 'in=a', 'out=b', '--json'], 2, "loss 'klx' is unknown")
    expect('loss without input', ['loss', 'kl', 'out=b'], 2, 'in=FILE.safetensors is missing')
    expect('unknown device', ['bench', 'op', 'relu', 'device=gpuu'], 2, "gpuu")
    expect('a shape', ['inspect', 'model', 'resnet20', 'input=3x0x4'], 2, "input: expected sizes as 3x32x32, got '3x0x4'")
    for words in (['version'], ['devices'], ['list', 'ops'], ['list', 'losses'], ['list', 'methods'], ['list', 'models']):
        p = expect(' '.join(words), [*words, '--json'], 0)
        try:
            schema = json.loads(p.stdout)['schema']
            report('schema of ' + ' '.join(words), None if re.fullmatch(r'limbeck\.[a-z.]+/1', schema) else schema, p)
        except ValueError as e:
            report('JSON of ' + ' '.join(words), str(e), p)
    with open('/dev/full', 'w') as full:
        p = subprocess.run([LIMBECK, 'list', 'ops'], stdout=full, stderr=subprocess.PIPE, text=True)
        report('full standard output', None if p.returncode == 4 else f'exit {p.returncode}')


RECIPES = {
    'twice': ('a: 1\nb: 2\na: 3\n', 3, r":3: 'a' is given twice, first at .*:1$"),
    'twice, dotted': ('a: {b: 1}\na.b: 2\n', 3, 'is given twice'),
    'alias': ('a: &x 1\nb: *x\n', 3, ':1: anchors are not allowed'),
    'tag': ('a: !!int 1\n', 3, ':1: tags are not allowed'),
    'unclosed': ('a: [1, 2\n', 3, ':2: '),
    'deep': ('{a: ' * 100 + '1' + '}' * 100, 3, 'nested too deeply|too long'),
    'flow bomb': ('a: ' + '[' * 200000, 3, 'a list holds plain values only'),
    'nothing': ('', 3, 'is empty'),
    'no value': ('a:\n', 3, ':1: a key has no value'),
    'a list': ('- a\n- b\n', 3, 'expected key: value lines'),
    'two documents': ('a: 1\n---\nb: 2\n', 3, 'expected one document'),
    'zero byte': ('a: "x\\0y"\n', 3, 'holds a zero byte'),
    'control': ('a: \x01\n', 3, 'control characters'),
    'large': ('#' * (1 << 20) + '\n', 3, 'at most 1048576 bytes'),
    'strange key': ('"a b": 1\n', 3, 'a key is made of letters'),
    'unknown key': ('method: none\n\nepohcs: 3\n', 2, r':3: .*epohcs.*epochs'),
}


def recipes(tmp):
    expect('no recipe', ['train', '-c', f'{tmp}/none.yaml', 'out=x'], 2, 'none.yaml: cannot open')
    expect('a directory as recipe', ['train', '-c', str(tmp), 'out=x'], 4, 'cannot read')
    for name, (text, code, message) in RECIPES.items():
        path = tmp / 'recipe.yaml'
        path.write_text(text)
        expect('recipe: ' + name, ['train', '-c', str(path), f'out={tmp}/out'], code, message)


def tensors(tmp):
    one = {'a': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}}
    bad = {
        'truncated': safetensors(one, b'1234567'),
        'too long': safetensors(one, b'123456789'),
        'no header': b'123',
        'lying header': safetensors(one, b'', 1 << 60),
        'not JSON': safetensors(b'{"a":', b''),
        'two names': safetensors(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', b'12345678'),
        'lying shape': safetensors({'a': {'dtype': 'F32', 'shape': [3], 'data_offsets': [0, 8]}}, b'12345678'),
        'huge shape': safetensors({'a': {'dtype': 'F32', 'shape': [1 << 40, 1 << 40], 'data_offsets': [0, 8]}}, b'12345678'),
        'overlap': safetensors({**one, 'b': {'dtype': 'F32', 'shape': [2], 'data_offsets': [4, 12]}}, b'123456789012'),
        'gap': safetensors({'a': {'dtype': 'F32', 'shape': [2], 'data_offsets': [4, 12]}}, b'123456789012'),
        'unknown dtype': safetensors({'a': {'dtype': 'F33', 'shape': [2], 'data_offsets': [0, 8]}}, b'12345678'),
    }
    for name, data in bad.items():
        path = tmp / 'bad.safetensors'
        path.write_bytes(data)
        expect('safetensors: ' + name, ['inspect', str(path), '--json'], 3, 'bad.safetensors')
    (tmp / 'good.safetensors').write_bytes(safetensors(one, b'12345678'))
    expect('safetensors: good', ['inspect', str(tmp / 'good.safetensors')], 0)
    expect('safetensors: absent', ['inspect', str(tmp / 'absent.safetensors')], 2, 'absent.safetensors')


def plugins(tmp):
    (tmp / 'text.so').write_text('not an ELF file\n')
    expect('plugin: not ELF', ['plugin', 'check', str(tmp / 'text.so')], 8, 'text.so')
    expect('plugin: absent', ['plugin', 'check', str(tmp / 'absent.so')], 2, 'absent.so')
    said = {'abi': 'expected plugin ABI', 'mark': 'expected types of mark', 'symbol': 'lbk_plugin', 'crash': 'crash|signal|SEGV',
            'exit': 'exit|ended', 'hang': 'time|seconds', 'fail': 'setup failed', 'duplicate': "bad.same.*second time"}
    for kind, message in said.items():
        expect('plugin: ' + kind, ['plugin', 'check', str(BUILD / f'bad-{kind}.so')], 8, message)


def main():
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        only = sys.argv[3:]
        for part in (usage, recipes, tensors, plugins):
            if not only or part.__name__ in only:
                part(tmp)
    print(f'{results["passed"]} passed, {results["failed"]} failed')
    return 1 if results['failed'] else 0


os.environ.pop('NO_COLOR', None)
sys.exit(main())
