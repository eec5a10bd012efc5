#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a run leaves to look at, read by other code: report.py LIMBECK [png]. Curves, event files, report pages, comparisons."""
import base64
import csv
import html.parser
import json
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

LIMBECK, PNG = sys.argv[1], sys.argv[2:] == ['png']
SMALL = ['data=synth,count=64,eval_count=16,classes=4', 'model=lenet5_bn', 'batch=16', 'log_every=1', 'threads=1']
failed = []


def check(name, ok, *more):
    if not ok:
        failed.append(name)
        print(f'not ok: {name}', *more)


def limbeck(*argv, code=0):
    p = subprocess.run([LIMBECK, *map(str, argv)], capture_output=True, text=True, timeout=120, errors='replace')
    if p.returncode != code:
        sys.exit(f'{argv}: exit {p.returncode}, expected {code}: {p.stderr[-800:]}')
    return p


# ---- event files, from the description of the format alone ----

def crc32c(data):
    c = 0xffffffff
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
    return c ^ 0xffffffff


def masked(data):
    c = crc32c(data)
    return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff


def records(data):
    at = 0
    while at < len(data):
        head = data[at:at + 8]
        n, crc = struct.unpack('<QI', data[at:at + 12])
        body = data[at + 12:at + 12 + n]
        check('event file: checksum of a length', masked(head) == crc)
        foot = struct.unpack('<I', data[at + 12 + n:at + 16 + n])[0]
        check('event file: checksum of a record', len(body) == n and masked(body) == foot)
        yield body
        at += 16 + n


def varint(data, at):
    v = shift = 0
    while True:
        v |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return v, at


def fields(data):
    """Of a message: {number: [values]}; bytes as they are."""
    out, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        wire = key & 7
        if wire == 0:
            v, at = varint(data, at)
        elif wire == 2:
            n, at = varint(data, at)
            v, at = data[at:at + n], at + n
        else:
            n = {1: 8, 5: 4}[wire]
            v, at = struct.unpack('<d' if n == 8 else '<f', data[at:at + n])[0], at + n
        out.setdefault(key >> 3, []).append(v)
    return out


def events(folder):
    """[(step, tag, value)] of the only event file there; value: a number, or (height, width, colours, bytes)."""
    files = list(folder.glob('events.out.tfevents.*'))
    check('event file: there is one', len(files) == 1, files)
    out = []
    for i, body in enumerate(records(files[0].read_bytes())):
        e = fields(body)
        check('event file: times', abs(e[1][0] - time.time()) < 3600)
        if i == 0:
            check('event file: version', e[3] == [b'brain.Event:2'] and 5 not in e)
            continue
        for value in fields(e[5][0])[1]:
            v = fields(value)
            image = fields(v[4][0]) if 4 in v else None
            out.append((e.get(2, [0])[0], v[1][0].decode(), tuple(image[k][0] for k in (1, 2, 3, 4)) if image else v[2][0]))
    return out


def rows(folder):
    with open(folder / 'metrics.csv', newline='') as f:
        return [r for r in csv.DictReader(f) if r['part'] != 'stage']


def as_events(table):
    """What the event file of those rows should hold: the steps of later stages behind those of earlier ones."""
    out, stage, begin, steps = [], None, 0, 0
    for r in table:
        if r['stage'] != stage:
            stage, begin, steps = r['stage'], begin + steps, 0
        steps = max(steps, int(r['step']))
        out.append((begin + int(r['step']), f'{r["part"]}/{r["name"]}', float(r['value'])))
    return out


def same(got, want):
    """Floats, of numbers of nine digits; pictures aside."""
    got = [x for x in got if not isinstance(x[2], tuple)]
    return len(got) == len(want) and all(a[:2] == b[:2] and abs(a[2] - b[2]) <= 2e-7 * abs(b[2]) for a, b in zip(got, want))


def event_files(tmp):
    check('event file: all that is in metrics.csv', same(events(tmp / 'whole'), as_events(rows(tmp / 'whole'))))
    shown = {x[2][3] for x in events(tmp / 'whole') if x[1] == 'samples/student'}
    check('event file: and in samples/', shown == {x.read_bytes() for x in (tmp / 'whole' / 'samples').iterdir()}, len(shown))
    check('event file: only when asked for', not list((tmp / 'without').glob('events*')))

    broken = tmp / 'broken'
    p = subprocess.Popen([LIMBECK, 'train', 'method=none', *SMALL, 'steps=400', 'checkpoint_every=7', 'tensorboard=yes',
                          f'out={broken}', '-q'])
    while p.poll() is None and not (broken / 'checkpoints' / 'latest').exists():
        time.sleep(0.01)
    p.kill()
    p.wait()
    with open(next(broken.glob('events*')), 'ab') as f:
        f.write(b'\x10\0\0\0\0\0\0\0half a rec')
    limbeck('resume', broken, '-q')
    got = events(broken)
    check('event file: a run that was killed goes on', same(got, as_events(rows(broken))))
    check('event file: no step comes twice', len({x[:2] for x in got}) == len(got) and ('train/loss' in {x[1] for x in got}))


# ---- curves ----

def curves(tmp):
    limbeck('train', 'method=none', *SMALL, 'steps=1', f'out={tmp}/without', '-q')
    limbeck('train', 'method=reffakd', *SMALL, 'epochs=2', 'tensorboard=yes', f'out={tmp}/whole', '-q')
    for name in ('without', 'whole'):
        root = xml.etree.ElementTree.parse(tmp / name / 'curves.svg').getroot()
        text = ' '.join(x.text or '' for x in root.iter() if x.tag.endswith('text'))
        wanted = {r['name'] for r in rows(tmp / name)}
        check(f'curves of {name}: a panel for each of {sorted(wanted)}', all(w in text.split() for w in wanted), text)
        check(f'curves of {name}: which way is better', 'higher is better' in text)
        if PNG:
            picture, size = (tmp / name / 'curves.png').read_bytes(), [2 * int(x) for x in root.get('viewBox').split()[2:]]
            check(f'curves of {name}: a picture of twice the size', list(struct.unpack('>II', picture[16:24])) == size)


# ---- pages ----

class Page(html.parser.HTMLParser):
    """Text of the elements, and whether all that was opened is closed again."""
    VOID = {'meta', 'img', 'br', 'link', 'input', 'hr'}

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.tags, self.attrs, self.text = [], [], set(), [], []
        self.source = path.read_text(encoding='utf-8')
        self.feed(self.source)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += [(tag, *a) for a in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attrs += [(tag, *a) for a in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append('/' + tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != 'style':
            self.text.append(data)

    def says(self, *words):
        text = ' '.join(self.text)
        return all(w in text for w in words)


def sound(name, page):
    check(f'page {name}: HTML5, tags balanced', page.source.startswith('<!DOCTYPE html>') and not page.wrong, page.wrong)
    outside = [a for a in page.attrs if a[1] in ('src', 'href') and not a[2].startswith('data:')]
    check(f'page {name}: reads nothing else', not outside and not page.tags & {'script', 'link', 'iframe'}
          and 'url(' not in page.source and '@import' not in page.source, outside)


def pages(tmp):
    odd = tmp / 'a<i>&"b\'s'
    limbeck('train', 'method=kd', 'teacher=lenet5_bn', f'teacher.weights={tmp}/without/student.safetensors', *SMALL, 'epochs=2',
            f'out={odd}', '-q')
    own = Page(odd / 'report.html')
    sound('of a run', own)
    result = json.loads((odd / 'result.json').read_text())
    check('page of a run: what was asked, scores, sizes, how to repeat', own.says(
        'kd: lenet5_bn on synth, seed 0', 'teacher.weights', str(odd), 'How to repeat', 'accuracy', 'MACs', 'preparing',
        str(result['networks'][0]['parameters']), result['weights_sha256'], 'No warnings' if not result['warnings'] else 'role'))
    check('page of a run: a panel for each term', own.source.count('<svg viewBox="0 0 320') == len({r['name'] for r in rows(odd)}))
    (odd / 'samples').mkdir(exist_ok=True)
    picture = b'\x89PNG\r\n\x1a\n not much of one'
    (odd / 'samples' / 'zz-<1>.png').write_bytes(picture)
    check('report: says where', limbeck('report', odd).stdout == f'{odd}/report.html\n')
    again = Page(odd / 'report.html')
    sound('with pictures', again)
    check('page with pictures: they are in it', ('img', 'src', 'data:image/png;base64,' + base64.b64encode(picture).decode())
          in again.attrs and again.says('zz-<1>.png'))
    (odd / 'result.json').rename(odd / 'kept.json')
    limbeck('report', odd, f'out={tmp}/open.html')
    sound('of a run that goes on', Page(tmp / 'open.html'))
    check('page of a run that goes on: says so', Page(tmp / 'open.html').says('has not ended'))
    limbeck('report', odd, tmp / 'none1', f'out={tmp}/some.html')
    sound('of some', Page(tmp / 'some.html'))
    runs = [tmp / f'{m}{s}' for m in ('none', 'reffakd') for s in (1, 2, 3)]
    limbeck('report', *runs, f'out={tmp}/all.html')
    every = Page(tmp / 'all.html')
    sound('of several', every)
    verdict = json.loads(limbeck('compare', *runs, '--json').stdout)['groups'][1]
    check('page of several: comparison', every.says('6 runs', verdict['verdict'], verdict['reason'], 'reffakd3'))
    limbeck('report', tmp, code=2)
    limbeck('report', code=2)


# ---- comparisons ----

def compare(tmp):
    for seed in (1, 2, 3):
        for method in ('none', 'reffakd'):
            limbeck('train', f'method={method}', *SMALL, 'steps=8', f'seed={seed}', f'out={tmp}/{method}{seed}', '-q')
    runs = [tmp / f'{m}{s}' for m in ('reffakd', 'none') for s in (3, 1, 2)]
    k = json.loads(limbeck('compare', *runs, '--json').stdout)
    base, other = k['groups']
    said = k['schema'], k['metric'], k['better']
    check('compare: schema, metric and sense', said == ('limbeck.compare/1', 'accuracy', 'higher'))
    check('compare: plain training is the baseline', base['label'] == 'none' and base['verdict'] == 'baseline')
    value = {r.name: json.loads((r / 'result.json').read_text())['scores']['accuracy'] for r in runs}
    for g in k['groups']:
        test = [value[pathlib.Path(r).name]['test'] for r in g['folders']]
        val = [value[pathlib.Path(r).name]['validation'] for r in g['folders']]
        check('compare: runs by seed', g['seeds'] == [1, 2, 3] and [r[-1] for r in g['folders']] == ['1', '2', '3'])
        check('compare: mean on test', abs(g['mean'] - statistics.mean(test)) < 1e-9)
        check('compare: deviation', abs(g['deviation'] - statistics.stdev(test)) < 1e-9)
        check('compare: mean on validation', abs(g['validation']['mean'] - statistics.mean(val)) < 1e-9)
    d = [value[f'reffakd{s}']['test'] - value[f'none{s}']['test'] for s in (1, 2, 3)]
    half = 4.302652729911275 * statistics.stdev(d) / 3 ** 0.5
    got = other['difference']
    check('compare: interval', got['method'] == 'paired' and abs(got['low'] - statistics.mean(d) + half) < 1e-9, got, d)
    text = limbeck('compare', *runs, 'score=top5').stdout
    lines = re.search(r'^none +3 .* baseline$', text, re.M), re.search(r'^reffakd: .*: ', text, re.M)
    check('compare: of another score', all(lines), text)
    limbeck('compare', *runs, 'score=iou', code=2)
    limbeck('compare', *runs, 'baselin=x', code=2)
    limbeck('compare', tmp, code=2)


def main():
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        curves(tmp)
        event_files(tmp)
        compare(tmp)
        pages(tmp)
    print(f'{len(failed)} failed')
    return 1 if failed else 0


sys.exit(main())
