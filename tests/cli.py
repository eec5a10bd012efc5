#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The program against bad input: cli.py LIMBECK BUILD/tests. One line that says what is wrong, and the documented exit code."""
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

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
    expect('yes or no', ['train', 'strict=perhaps', f'out={tmp}/x'], 2, "strict: expected .*got 'perhaps'")
    expect('list of nothing', ['list'], 2, 'expected one of methods')
    expect('list of something else', ['list', 'foos'], 2, "got 'foos'")
    expect('unknown op', ['help', 'op', 'sofmax'], 2, "did you mean 'softmax'")
    expect('unknown model', ['inspect', 'model', 'resnet21'], 2, "model 'resnet21' is unknown; did you mean 'resnet2?0'")
    expect('unknown loss', ['loss', 'klx', 'in=a', 'out=b', '--json'], 2, "loss 'klx' is unknown")
    expect('loss without input', ['loss', 'kl', 'out=b'], 2, 'in=FILE.safetensors is missing')
    expect('unknown device', ['bench', 'op', 'relu', 'device=gpuu'], 2, "gpuu")
    expect('auto with an option', ['bench', 'op', 'relu', 'device=auto,strict'], 2, "'auto,strict': auto takes no index and no opt")
    expect('auto with an index', ['bench', 'op', 'relu', 'device=auto:1'], 2, "device 'auto:1': auto takes no index")
    expect('a shape', ['inspect', 'model', 'resnet20', 'input=3x0x4'], 2, "input: expected sizes as 3x32x32, got '3x0x4'")
    for words in (['version'], ['devices'], ['list', 'ops'], ['list', 'losses'], ['list', 'methods'], ['list', 'models']):
        p = expect(' '.join(words), [*words, '--json'], 0)
        try:
            schema = json.loads(p.stdout)['schema']
            report('schema of ' + ' '.join(words), None if re.fullmatch(r'limbeck\.[a-z.]+/1', schema) else schema, p)
        except ValueError as e:
            report('JSON of ' + ' '.join(words), str(e), p)
    devices()
    bench()
    with open('/dev/full', 'w') as full:
        p = subprocess.run([LIMBECK, 'list', 'ops'], stdout=full, stderr=subprocess.PIPE, text=True)
        report('full standard output', None if p.returncode == 4 else f'exit {p.returncode}')


def answer(p, key):
    return json.loads(p.stdout)[key] if p.returncode in (0, 5) else []


def devices():
    listed = answer(expect('devices', ['devices', '--json'], 0), 'devices')
    cpu = [d for d in listed if d['device'] == 'cpu']
    report('a processor is among the devices', None if cpu and cpu[0]['host'] and cpu[0]['cpu'] else str(listed))
    one = answer(expect('one device', ['devices', 'cpu', '--json'], 0), 'devices')
    report('its report', None if one and one[0]['name'] == cpu[0]['name'] and 'cores' in one[0]['report'] else str(one))
    rates = [one[0]['report'].get(k, '') for k in ('fma_gflops', 'bandwidth_gbs')]
    report('its rates are numbers', None if all(re.fullmatch(r'\d+\.\d', r) and float(r) > 0.5 for r in rates) else str(rates))
    p = expect('a report as text', ['devices', '--', 'cpu,threads=3'], 0)
    report('options count in a report', None if re.search(r'^  threads +3$', p.stdout, re.M) else 'threads', p)
    expect('two devices', ['devices', 'cpu', 'cpu'], 2, 'expected one device at most')
    expect('a device that is not there', ['devices', 'cpu:7', '--json'], 2, 'cpu device 7: there is only device 0')
    expect('a backend that is not there', ['devices', 'gpuu'], 2, "backend 'gpuu' is unknown")
    expect('tune of nothing', ['tune'], 2, 'expected device=SPEC')
    expect('tune of a key', ['tune', 'device=cpu', 'devcie=cpu'], 2, "'devcie' is unknown; did you mean 'device'")
    expect('tune where nothing can be', ['tune', 'device=cpu'], 5, "device 'cpu': there is nothing to tune")


def near(a, b):
    return abs(a - b) <= 1e-6 * abs(b)


def bench():
    def op(*argv):
        p = expect('bench op ' + ' '.join(argv), ['bench', 'op', *argv, 'seconds=0.01', '--json'], 0)
        return p, json.loads(p.stdout) if not p.returncode else {'samples': []}

    p, o = op('relu', 'shapes=64x64x33', 'threads=2')
    s = o['samples'][0]
    report('what relu moves', None if s['bytes'] == 2 * 4 * 64 * 64 * 33 and s['gflops'] == 0 else str(s), p)
    report('its rate', None if near(s['gbs'] * s['device_ms'] * 1e6, s['bytes']) else str(s), p)
    report('of the bandwidth', None if near(s['bandwidth_percent'] * o['bandwidth_gbs'], 100 * s['gbs']) else str(o), p)
    report('within the run', None if 0 < s['device_ms'] <= s['median_ms'] else str(s), p)
    p, o = op('conv2d', 'shapes=4x16x9x8,24x16x3x3', 'pad=1', 'stride=2', 'strict=yes')
    s = o['samples'][0]
    flops = 2 * 4 * 24 * 5 * 4 * 16 * 9
    report('what conv2d computes', None if near(s['gflops'] * s['device_ms'] * 1e6, flops) else str(s), p)
    report('of the multiply-adds', None if near(s['fma_percent'] * o['fma_gflops'], 100 * s['gflops']) else str(o), p)
    values = 4 * (4 * 16 * 9 * 8 + 24 * 16 * 9 + 4 * 32 * 5 * 4)
    moved = 2 * 4 * 4 * 16 * 9 * 8 + 4 * (4 * 24 * 5 * 4 + 4 * 32 * 5 * 4)
    report('reorders are apart', None if (s['bytes'], s['reorders'], s['reorder_bytes']) == (values, 2, moved) else str(s), p)
    named = s['shapes'] + ' ' + s['params'] == '4x16x9x8,24x16x3x3 stride=2,pad=1'
    report('and named', None if named and s['reorder_ms'] > 0 else str(s), p)
    p, o = op('softmax')
    report('samples of an operator', None if len(o['samples']) > 3 else 'too few', p)
    step = ['bench', 'train', 'model=lenet5_bn', 'batch=4', 'input=1x32x32', 'seconds=0', '--json']
    plain = expect('bench train', step, 0)
    taught = expect('bench train with a teacher', step + ['teacher=resnet20'], 0)
    layers = ['bench', 'train', 'model=resnet20', 'teacher=resnet20', 'teacher.width=0.5', 'taps=layer*', 'input=3x8x8', 'batch=2',
              'seconds=0']
    expect('bench train on hidden layers', [*layers, 'loss=mse,adapter=auto'], 0)
    expect('that do not fit', [*layers, 'loss=mse'], 2, "layer1: expected maps of one size")
    one, two = (json.loads(x.stdout) for x in (plain, taught))
    report('a teacher costs launches', None if two['launches'] > one['launches'] and two['fallbacks'] == 0 else str(two), taught)
    with subprocess.Popen([LIMBECK, *step, 'threads=1'], stdout=subprocess.DEVNULL) as child:
        used = os.wait4(child.pid, 0)[2]
        child.returncode = 0
    report('a start is short', None if used.ru_utime + used.ru_stime < 2 else str(used))
    report('memory and plan of a step', None if one['resident_bytes'] > one['peak_bytes'] > 0 < one['plan_ms'] else str(one), plain)
    p = expect('bench train with a profile', step + ['profile=yes', 'model=resnet20', 'input=3x8x8', 'threads=2'], 0)
    o = json.loads(p.stdout)
    rows = {r['op']: r for r in o['ops']}
    ms = [r['ms'] for r in o['ops']]
    falls = ms == sorted(ms, reverse=True)
    report('the longest first, all of it', None if falls and near(sum(ms), o['device_ms']) else str(ms), p)
    shares = [r['percent'] for r in o['ops']]
    report('shares of the whole', None if near(sum(shares), 100) and min(shares) >= 0 else str(shares), p)
    report('it is a step', None if o['median_ms'] / 4 < o['device_ms'] < o['median_ms'] * 4 else str(o), p)
    report('launches of a profile', None if sum(r['launches'] for r in rows.values()) == o['launches'] else str(o), p)
    flops = sum(r['gflops'] * r['ms'] for r in rows.values())
    report('what it computes', None if near(flops, o['gflops'] * o['median_ms']) else str(flops), p)
    moved = 1e6 * sum(r['gbs'] * r['ms'] for r in rows.values())
    report('what it moves', None if near(moved, o['bytes']) else str(o), p)
    report('time at the peaks', None if near(sum(r['roof_ms'] for r in rows.values()), o['roof_ms']) else str(o), p)
    conv = rows['conv2d']
    least = max(conv['gflops'] / o['fma_gflops'], conv['gbs'] / o['bandwidth_gbs']) * conv['ms']
    sound = conv['roof_ms'] > least * (1 - 1e-6) and rows['map']['bound'] == 'memory'
    of_peak = [100 * r['gflops'] / o['fma_gflops'] for r in o['ops'] if r['gflops']]
    told = [r['fma_percent'] for r in o['ops'] if 'fma_percent' in r]
    bounded = len(told) > 2 and all(map(near, told, of_peak)) and max(told) < 200
    report('of the multiply-adds measured', None if bounded else str(told), p)
    report('a roof of launches', None if sound else str(conv), p)
    report('memory of a profile', None if o['arena_bytes'] >= o['live_bytes'] > 0 < o['started_ms'] else str(o), p)
    p = expect('a profile as text', ['-v', *(x for x in step if x != '--json'), 'profile=yes'], 0)
    report('each launch of it', None if re.search(r'conv2d .*<- .* us', p.stderr) else 'not there', p)
    table = r'operator +launches +ms.*\n(\w+ +\d+ +[\d.]+ .*\n)+total [\d.]+ ms, .* launches .*\n[\d.]+ ms .*\n'
    report('a table of it', None if re.fullmatch(table, p.stdout) else 'differs', p)
    expect('a profile that is none', step + ['profile=3'], 2, "profile: .*'3'")
    expect('a teacher that is none', step + ['teacher=resnet21'], 2, "resnet21")
    p = expect('bench op as text', ['bench', 'op', 'add', 'shapes=8x8,8', 'seconds=0'], 0)
    line = r'8x8,8 +[\d.]+ ms +[\d.]+ GB/s +[\d.]+ %  wall [\d.]+ ms  0 fallbacks\n'
    report('a line of it', None if re.fullmatch(line, p.stdout) else 'differs', p)
    expect('a param that is not one', ['bench', 'op', 'conv2d', 'shapes=1x1x3x3,1x1x3x3', 'padd=1'], 2,
           "padd: no such setting; did you mean 'pad'")
    expect('a param without shapes', ['bench', 'op', 'conv2d', 'pad=1', '--json'], 2, "'pad=1' goes with shapes=")
    expect('shapes that are none', ['bench', 'op', 'relu', 'shapes=3x'], 2, "shapes: expected sizes as .*got '3x'")
    expect('too few of them', ['bench', 'op', 'conv2d', 'shapes=1x1x3x3'], 2, 'conv2d: 1 operands, expected 2')
    expect('more than there is memory for', ['bench', 'op', 'relu', 'shapes=9999999x9999999'], 6,
           'out of memory: a tensor of f32 9999999x9999999')


def doctor(tmp):
    path = os.environ.get('LIMBECK_PLUGIN_PATH', '')
    sound = tmp / 'sound'
    sound.mkdir()
    for f in (x for d in path.split(':') if d for x in pathlib.Path(d).glob('**/cpu.so')):
        (sound / 'cpu.so').symlink_to(f.resolve())
    well = {**os.environ, 'LIMBECK_PLUGIN_PATH': str(sound)}
    p = expect('doctor', ['doctor', f'out={tmp}/a/b'], 0, env=well)
    report('it says that all is well', None if p.stdout == 'no problems found\n' else 'it does not', p)
    p = expect('doctor in JSON', ['doctor', '--json'], 0, env=well)
    report('an empty list', None if answer(p, 'problems') == [] else 'it is not', p)
    (sound / 'text.so').write_text('not an ELF file\n')
    p = expect('doctor of three problems', ['doctor', '--json', 'out=/dev/null/x'], 5, '3 problems found',
               env={**well, 'LIMBECK_PLUGIN_PATH': f'{sound}:/nonexistent'})
    said = '\n'.join(f'{x["of"]}: {x["problem"]}' for x in answer(p, 'problems'))
    want = r"plugins: .*text\.so: expected an ELF.*\nplugins: plugin directory '/nonexistent'.*\nfolders: '/dev/null/x' cannot be"
    report('each is named', None if re.search(want, said) else said, p)
    expect('doctor as text', ['doctor', 'out=/dev/null/x'], 5, '[0-9] problems? found')


RECIPES = {
    'twice': ('a: 1\nb: 2\na: 3\n', 3, r":3:1: 'a' is given twice, first at .*:1:1$"),
    'twice, dotted': ('a: {b: 1}\na.b: 2\n', 3, 'is given twice'),
    'alias': ('a: &x 1\nb: *x\n', 3, ':1:4: anchors are not allowed'),
    'tag': ('a: !!int 1\n', 3, ':1:4: tags are not allowed'),
    'unclosed': ('a: [1, 2\n', 3, ':2:1: '),
    'deep': ('{a: ' * 100 + '1' + '}' * 100, 3, 'nested too deeply|too long'),
    'flow bomb': ('a: ' + '[' * 200000, 3, 'a list holds plain values only'),
    'nothing': ('', 3, 'is empty'),
    'no value': ('a:\n', 3, ":1:1: 'a': a key has no value"),
    'a list': ('- a\n- b\n', 3, 'expected key: value lines'),
    'two documents': ('a: 1\n---\nb: 2\n', 3, 'expected one document'),
    'zero byte': ('a: "x\\0y"\n', 3, 'holds a zero byte'),
    'control': ('a: \x01\n', 3, 'control characters'),
    'large': ('#' * (1 << 20) + '\n', 3, 'at most 1048576 bytes'),
    'strange key': ('"a b": 1\n', 3, 'a key is made of letters'),
    'unknown key': ('method: none\n\nepohcs: 3\n', 2, r':3:1: .*epohcs.*epochs'),
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
        'two names': safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(one['a']).encode(),) * 2), b'12345678'),
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


def edited(path, edit):
    """A safetensors file after edit(header)."""
    data = path.read_bytes()
    n = 8 + int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:n])
    edit(header)
    return safetensors(header, data[n:])


def moved(old, new):
    """An edit of a header: one tensor under another name."""
    return lambda h: h.update({new: h.pop(old)})


MISFITS = {
    'another instead': (moved('fc.bias', 'bn1.num_batches_tracke'), "there is no 'model/bn1/num_batches_tracke'"),
    'misspelt': (moved('conv1.weight', 'conv1.wieght'),
                 r"'conv1.wieght': there is no 'model/conv1/wieght'; did you mean 'model/conv1/weight'\?"),
    'unexpected': (moved('bn1.num_batches_tracked', 'bn1.more'), "'bn1.more': there is no 'model/bn1/more'"),
    'reshaped': (lambda h: h['conv1.weight'].update(shape=[3, 8, 7, 7]),
                 "'conv1.weight' for 'model/conv1/weight': expected shape 8x3x7x7, found 3x8x7x7"),
    'integers': (lambda h: h['bn1.bias'].update(dtype='I32'), "'bn1.bias' for 'model/bn1/bias': expected elements that fit f32"),
}


def convert(tmp):
    good = pathlib.Path(__file__).parent / 'ref' / 'torch_resnet18.safetensors'
    bad, out = tmp / 'bad.safetensors', tmp / 'converted'
    words = [str(good), f'out={out}', 'model=resnet18', 'width=0.125']
    cases = {
        'nothing': ([], 2, 'expected one safetensors file'),
        'no model': (words[:2], 2, 'model=NAME is missing'),
        'nowhere': ([words[0], words[2]], 2, 'out=FILE is missing'),
        'no such model': ([*words[:2], 'model=resnet19'], 2, r"did you mean 'resnet\d+'"),
        'no such option': ([*words, 'widht=1'], 2, "widht: no such option; did you mean 'width'"),
        'no such target': ([*words, 'to=tensorflow'], 2, "to: expected limbeck or torch, got 'tensorflow'"),
        'absent': ([f'{tmp}/absent', *words[1:]], 2, 'absent: No such file'),
        'nowhere to write': ([words[0], f'out={tmp}/none/here', *words[2:]], 4, 'none/here'),
        'another width': (words[:3], 3, "'bn1.bias' for 'model/bn1/bias': expected shape 64, found 8"),
        'other classes': ([*words, 'classes=11'], 3, "'fc.weight' is for 10 classes, expected 11: leave 'classes' out"),
        'last=new alone': ([*words, 'last=new'], 2, 'last=new: expected classes=N beside it'),
    }
    for name, (argv, code, message) in cases.items():
        expect('convert: ' + name, ['convert', *argv], code, message)
    for name, (edit, message) in MISFITS.items():
        bad.write_bytes(edited(good, edit))
        expect('convert: ' + name, ['convert', str(bad), *words[1:]], 3, message)
    bad.write_bytes(safetensors({'fc.bias': {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}}, b'12345678'))
    expect('convert: missing', ['convert', str(bad), *words[1:]], 3, "nothing for 'model/bn1/bias'")
    report('convert: nothing is written', 'a file' if out.exists() else None)
    p = expect('convert: other classes anew', ['convert', *words, 'classes=11', 'last=new'], 0)
    report('convert: what is new', None if '11 classes, 2 tensors anew' in p.stdout else p.stdout)
    p = expect('convert: the rest is kept', ['inspect', str(out), '--json'], 0)
    shape = {t['name']: t['shape'] for t in json.loads(p.stdout).get('tensors', [])}
    report('convert: a layer for 11 classes', None if shape.get('fc.weight') == [11, 64] and len(shape) == 102 else shape)


def idx(dims, data, kind=8):
    return struct.pack('>BBBB', 0, 0, kind, len(dims)) + struct.pack(f'>{len(dims)}I', *dims) + data


def train(tmp, *settings):
    return ['train', 'method=none', 'model=lenet5_bn', 'batch=4', 'steps=2', 'seed=1', 'threads=1', f'out={tmp}/run', *settings]


def idx_files(tmp):
    images, labels = idx([16, 32, 32], bytes(16 * 1024)), idx([16], bytes(x % 10 for x in range(16)))
    text = f'data=idx,root={tmp},images=i,labels=l,test_images=ti,test_labels=tl'
    bad = {
        'truncated images': ('i', images[:-1], 3), 'images too long': ('i', images + b'x', 3), 'no header': ('i', b'\0\0', 3),
        'lying count': ('i', idx([1 << 31, 32, 32], bytes(1024)), 3), 'huge sides': ('i', idx([16, 1 << 31, 1 << 31], b''), 3),
        'other element type': ('i', idx([16, 32, 32], bytes(16 * 1024), 13), 3), 'labels as images': ('i', labels, 3),
        'fewer labels': ('l', idx([15], bytes(15)), 3), 'label outside the classes': ('l', idx([16], bytes([10] * 16)), 3),
        'not idx': ('l', b'hello world', 3), 'not gzip': ('l', b'\x1f\x8b\x08garbage', 3), 'no file': ('i', None, 2),
    }
    for name, (which, data, code) in bad.items():
        for f, good in (('i', images), ('l', labels), ('ti', images), ('tl', labels)):
            (tmp / f).write_bytes(good)
        (tmp / which).unlink()
        if data is not None:
            (tmp / which).write_bytes(data)
        expect('idx: ' + name, train(tmp, text), code, str(tmp / which))
    report('idx: nothing is left of a run that could not start', None if not (tmp / 'run' / 'result.json').exists() else 'a result')


def png(w, h, rows):
    def chunk(name, data):
        return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
    head = struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))


def images(tmp):
    good = png(32, 32, (b'\0' + bytes(96)) * 32)
    bad = {
        'truncated PNG': ('x.png', good[:60]), 'PNG with a wrong checksum': ('x.png', good[:-20] + b'0' + good[-19:]),
        'a huge PNG': ('x.png', png(1 << 30, 1 << 30, b'')), 'PNG with too few rows': ('x.png', png(32, 32, b'\0' + bytes(96))),
        'not a PNG': ('x.png', b'hello'), 'a broken JPEG': ('x.jpg', b'\xff\xd8\xff\xe0\0\x10JFIF\0garbage'),
        'an empty JPEG': ('x.jpg', b''),
    }
    for name, (where, data) in {'good': ('x.png', good), **bad}.items():
        root = tmp / 'pairs'
        shutil.rmtree(root, ignore_errors=True)
        for label in 'ab':
            (root / label).mkdir(parents=True)
            for i in range(4):
                (root / label / f'{i}.png').write_bytes(good)
        (root / 'a' / where).write_bytes(data)
        argv = train(tmp, f'data=pairs,root={tmp},images=pairs,val=2,test=2', f'out={tmp}/image-{name.replace(" ", "-")}')
        expect('image: ' + name, argv, 0 if data is good else 3, '' if data is good else where)


def runs(tmp):
    synth = 'data=synth,count=64,eval_count=16'
    expect('unknown setting', train(tmp, synth, 'epohcs=3'), 2, 'epohcs.*epochs')
    expect('setting out of range', train(tmp, synth, 'batch=0'), 2, "batch: expected .*got '0'")
    expect('setting of a wrong type', train(tmp, synth, 'batch=many'), 2, "batch: expected .*got 'many'")
    expect('option of a method', ['train', 'method=kd', synth, 'model=lenet5_bn', 'batch=4', f'out={tmp}/x',
                                  'kd.temperatur=4'], 2, 'temperatur')
    expect('unknown method', ['train', 'method=reffkad', synth, 'model=lenet5_bn', f'out={tmp}/x'], 2, "did you mean 'reffakd'")
    expect('no out', ['train', 'method=none', synth, 'model=lenet5_bn'], 2, 'out=DIR is missing')
    expect('NaN in the loss', train(tmp, synth, 'lr=1e30', 'steps=50', f'out={tmp}/nan'), 7, 'step')
    expect('a good run', train(tmp, synth, f'out={tmp}/good'), 0)
    expect('the same directory again', train(tmp, synth, f'out={tmp}/good'), 2, 'good')
    result = json.loads((tmp / 'good' / 'result.json').read_text())
    report('result.json', None if result.get('metric') in result else f'it has {sorted(result)}')
    p = expect('device=auto', train(tmp, synth, 'device=auto', f'out={tmp}/auto'), 0)
    said = re.findall(r'^limbeck: device=auto is ([a-z0-9:]+): ', p.stderr, re.M)
    report('device=auto says once what it is', None if len(said) == 1 else f'{said}', p)
    kept = (tmp / 'auto' / 'config.yaml').read_text()
    report('device=auto is kept as what it was', None if said and f'device: "{said[0]}' in kept else kept)
    expect('eval', ['eval', f'{tmp}/good', '--json'], 0)
    expect('compare', ['compare', f'{tmp}/good', '--json'], 0)
    expect('resume of nothing', ['resume', f'{tmp}/nothing'], 2, 'nothing')
    expect('dry run', [*train(tmp, synth, f'out={tmp}/dry'), '--dry-run'], 0)
    report('a dry run writes nothing', 'it wrote' if (tmp / 'dry').exists() else None)


def teacher_cache(tmp):
    synth = 'data=synth,count=44,eval_count=8'
    expect('a teacher', train(tmp, synth, f'out={tmp}/teacher'), 0)

    def pupil(name, *settings):
        return ['train', 'method=kd', 'model=lenet5_bn', 'teacher=lenet5_bn', f'teacher.weights={tmp}/teacher/student.safetensors',
                synth, 'augment=flip', 'train.views=1', 'batch=8', 'epochs=3', 'seed=1', 'threads=1', 'teacher_cache=disk',
                'teacher_eval=no', f'teacher_cache_dir={tmp}/rows', f'out={tmp}/{name}', *settings]

    def same(name, misses):
        run_dir = tmp / name
        if (run_dir / 'student.safetensors').read_bytes() != (tmp / 'computed' / 'student.safetensors').read_bytes():
            report(f'teacher_cache: {name}', 'other weights than without it')
        else:
            n = json.loads((run_dir / 'result.json').read_text())['teacher_cache']['misses']
            report(f'teacher_cache: {name}', None if misses(n) else f'{n} misses')
    expect('teacher_cache: unknown', pupil('x', 'teacher_cache=ram'), 2, "teacher_cache: expected .*off.*memory.*disk.*got 'ram'")
    expect('teacher_cache: off', pupil('computed', 'teacher_cache=off'), 0)
    two = [subprocess.Popen([LIMBECK, *pupil(f'at_once{i}')], stderr=subprocess.PIPE, text=True) for i in range(2)]
    for i, p in enumerate(two):
        said = p.communicate(timeout=LONG)[1]
        report(f'teacher_cache: run {i} of two at once', said[-300:] if p.returncode or 'warning' in said else None)
        same(f'at_once{i}', lambda n: n < 120)
    p = expect('teacher_cache: read', pupil('read'), 0)
    line = re.search('teacher_cache: 112 samples read, 8 computed', p.stderr)
    report('teacher_cache: a line at the end', None if line else 'none', p)
    same('read', lambda n: n == 8)
    files = sorted((tmp / 'rows').glob('*/*.rows'))
    report('teacher_cache: files', None if files else 'none')
    for f in files:
        f.write_bytes(f.read_bytes()[:-1])
    p = expect('teacher_cache: files are cut', pupil('cut'), 0)
    report('teacher_cache: says so', None if re.search(r'warning: .*\.rows: cut off: .* rows are left', p.stderr) else 'no', p)
    same('cut', lambda n: n > 0)
    for f in files:
        f.write_bytes(os.urandom(1000))
    p = expect('teacher_cache: files are of something else', pupil('noise'), 0)
    report('teacher_cache: says that', None if re.search(r'warning: .*\.rows: not used: not a file of rows', p.stderr) else 'no', p)
    same('noise', lambda n: n > 0)
    (tmp / 'file').write_text('')
    p = expect('teacher_cache: no folder', pupil('none', f'teacher_cache_dir={tmp}/file'), 0)
    report('teacher_cache: cannot write', None if re.search(r'warning: .*cannot write: ', p.stderr) else 'no', p)
    same('none', lambda n: n > 0)


def threads(tmp):
    weights = set()
    for n in 1, 2, 4:
        out = tmp / f'threads{n}'
        expect(f'{n} threads', train(tmp, 'data=synth,count=64,eval_count=16', 'steps=8', f'threads={n}', f'out={out}'), 0)
        weights.add((out / 'student.safetensors').read_bytes() if out.exists() else n)
    report('the same weights for any number of threads', None if len(weights) == 1 else f'{len(weights)} results')


def full_disk(tmp):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    argv = train(tmp, 'data=synth', f'out={tmp}/full')
    expect('full disk', argv, 4, 'full', preexec_fn=small_files, restore_signals=False)
    report('no half-written weights', 'student.safetensors is there' if (tmp / 'full' / 'student.safetensors').exists() else None)


def memory(tmp):
    if any(b'__asan_init' in f.read_bytes() for f in [pathlib.Path(LIMBECK), *BUILD.parent.glob('core/liblimbeck.so')]):
        return                      # a sanitizer wants all the addresses there are
    few = ['data=synth,count=8192,eval_count=64', 'model=resnet20', 'device=cpu,memory=64', 'eval_batch=16']
    p = expect('a limit of memory', train(tmp, *few, 'batch=256', f'out={tmp}/oom'), 6,
               "the plan needs .*'cpu,memory=64' has 64.0 MiB")
    said = re.search(r'; largest: (student/.* of 256x[0-9x]+ \([0-9.]+ MiB\), .*, .* MiB\)); a batch of ([0-9]+) should fit, '
                     'this is one of 256', p.stderr)
    report('the largest values and a batch', None if said else 'none', p)
    if said:
        for batch, code in (int(said[2]), 0), (2 * int(said[2]), 6):
            expect(f'batch {batch}', train(tmp, *few, f'batch={batch}', f'out={tmp}/oom{batch}'), code)

    def little():
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))
    argv = ['train', 'method=none', 'data=synth,count=8192,eval_count=64', 'model=resnet110', 'batch=4096',
            'steps=1', 'threads=1', f'out={tmp}/oom']
    expect('out of memory', argv, 6, 'memory', preexec_fn=little)


def checkpoints(tmp):
    base = tmp / 'ckpt'
    expect('a run to break', train(tmp, 'data=synth,count=64,eval_count=16', f'out={base}'), 0)
    for p in sorted(base.rglob('*.safetensors')):
        good = p.read_bytes()
        p.write_bytes(good[:len(good) // 2])
    expect('a broken checkpoint', ['eval', str(base)], 3, 'safetensors')


def interrupt(tmp):
    for sig, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        run_dir = tmp / f'int{code}'
        argv = [LIMBECK, *train(tmp, 'data=synth', 'steps=1000000', f'out={run_dir}')]
        p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(600):
            if (run_dir / 'metrics.jsonl').exists():
                break
            time.sleep(0.05)
        p.send_signal(sig)
        try:
            _, err = p.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            p.kill()
            _, err = p.communicate()
        report(f'stopped by signal {sig}', None if p.returncode == code else f'exit {p.returncode}: {err[-500:]}')
        report('it saved', None if list(run_dir.rglob('*.safetensors')) else 'no checkpoint')


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
        for part in (usage, doctor, recipes, tensors, convert, plugins, runs, teacher_cache, threads, idx_files, images,
                     full_disk, memory, checkpoints, interrupt):
            if not only or part.__name__ in only:
                part(tmp)
    print(f'{results["passed"]} passed, {results["failed"]} failed')
    return 1 if results['failed'] else 0


os.environ.pop('NO_COLOR', None)
sys.exit(main())
