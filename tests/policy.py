#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rules of layering, symbols and text: policy.py SOURCE BUILD [MODULE.so ...]; prints each breach, exits 1 if there is any."""
import pathlib
import re
import subprocess
import sys

WIDTH = {'.c': 100, '.h': 132, '.cl': 132, '.py': 132}
HEADERS = 'core/include/limbeck'
FORBIDDEN = {'exit', '_exit', '_Exit', 'quick_exit', 'abort', 'printf', 'vprintf', 'puts', 'putchar', 'perror',
             'system', 'popen', 'execl', 'execlp', 'execv', 'execvp', 'signal', 'sigaction', 'rand', 'srand', 'random',
             'srandom', 'sprintf', 'gets', 'tmpnam', 'mktemp', 'strtok', '__assert_fail'}
# `limbeck plugin check` runs a plugin in a process of its own; only that file may end one.
EXCUSED = {('liblimbeck', '_exit'), ('liblimbeck', 'signal'), ('liblimbeck', '__assert_fail'), ('cpu', '__assert_fail'),
           ('opencl', '__assert_fail'), ('models', '__assert_fail')}
OURS_NOT = re.compile(r'^(__dso_handle|__TMC_END__|completed\.\d+|__cpu_(model|features2?)|_edata|__bss_start|_end)$')
# Methods whose names are words of core's own.
PLAIN_WORDS = {'none', 'depth'}
CODE = ('.c', '.h', '.def', '.cl', '.in')
TEXT = CODE + ('.py', '.sh', '.build', '.txt', '.md', '.yaml', '.yml', '.wrap')

breaches = []


def breach(where, what):
    breaches.append(f'{where}: {what}')


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def tracked(root):
    try:
        names = run('git', '-C', str(root), 'ls-files').split('\n')
        return [n for n in names if n and (root / n).is_file()]
    except (subprocess.CalledProcessError, FileNotFoundError):
        skip = ('build', 'runs', '.git')
        every = (p.relative_to(root) for p in root.rglob('*') if p.is_file())
        return [str(p) for p in every if not p.parts[0].startswith(skip)]


def bare(text):
    """The code without comments and strings."""
    text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group().count('\n'), text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def allowed_include(root, name, inc, quoted):
    part = name.split('/')[0]
    if inc.startswith('limbeck/') or (part == 'backends' and quoted and (root / 'backends/common' / inc).is_file()):
        return True
    if name == 'backends/opencl/loader.c' and inc == 'dlfcn.h':
        return True
    if not quoted:
        return part in ('core', 'tests', 'cli') or inc not in ('dlfcn.h', 'jansson.h', 'yaml.h')
    return part in ('core', 'tests', 'cli') or (pathlib.PurePath(name).parent / inc).name == pathlib.PurePath(inc).name


def check_includes(root, name, text):
    for i, line in enumerate(text.split('\n'), 1):
        m = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not m:
            continue
        inc, quoted = m.group(2), m.group(1) == '"'
        if '..' in inc.split('/'):
            breach(f'{name}:{i}', f'include "{inc}" climbs')
        if not allowed_include(root, name, inc, quoted):
            breach(f'{name}:{i}', f'include "{inc}" is not for this layer')
        if name.startswith(HEADERS) and quoted:
            breach(f'{name}:{i}', 'a public header includes a private one')
        if name.startswith('cli/') and quoted and not (root / 'cli' / inc).is_file():
            breach(f'{name}:{i}', f'the program includes "{inc}", which is private')


def check_text(name, text):
    lines = text.split('\n')
    if text and not text.endswith('\n'):
        breach(name, 'no newline at the end')
    for i, line in enumerate(lines, 1):
        if '\t' in line:
            breach(f'{name}:{i}', 'tab')
        if line != line.rstrip() and not name.endswith('.md'):
            breach(f'{name}:{i}', 'trailing blanks')
        width = WIDTH.get(pathlib.PurePath(name).suffix, 1000)
        if len(line) > width:
            breach(f'{name}:{i}', f'{len(line)} columns, at most {width}')
    if name.endswith(CODE + ('.py', '.sh')) and not any('SPDX-License-Identifier: MIT' in x for x in lines[:3]):
        breach(name, 'no SPDX line')
    if name.endswith('.c') and len(lines) > 600:
        breach(name, f'{len(lines)} lines, at most 600')


def check_core(root, name, text, methods):
    code = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group().count('\n'), text, flags=re.S)
    words = re.compile(r'(backends/|plugins/|\bopencl\b|' + '|'.join(rf'\b{re.escape(m)}\b' for m in methods) + ')', re.I)
    for i, line in enumerate(code.split('\n'), 1):
        m = words.search(line)
        if m:
            breach(f'{name}:{i}', f'core names a module: {m.group()}')


def check_sources(root):
    methods = [p.name for p in (root / 'plugins').iterdir() if p.is_dir() and p.name not in PLAIN_WORDS]
    for name in tracked(root):
        if not name.endswith(TEXT) or name.startswith('subprojects/'):
            continue
        text = (root / name).read_text(encoding='utf-8')
        check_text(name, text)
        if name.endswith(CODE):
            check_includes(root, name, text)
        if name.startswith(('core/src/', 'core/ops/', 'core/data/')) and name.endswith(CODE):
            check_core(root, name, text, methods)


def symbols(path, *flags):
    out = []
    for line in run('nm', '-D', *flags, str(path)).split('\n'):
        if line:
            out.append(line.split()[-1].split('@')[0])
    return set(out)


def check_object(path, is_core):
    label = path.name.split('.')[0]
    exported = {s for s in symbols(path, '--defined-only') if not s.startswith('_')}
    if is_core:
        for s in sorted(s for s in exported if not s.startswith('lbk_') or s.startswith('lbk__')):
            breach(path.name, f'exports {s}')
    elif exported != {'lbk_plugin'}:
        breach(path.name, f'exports {", ".join(sorted(exported)) or "nothing"}, expected lbk_plugin alone')
    for s in sorted(symbols(path, '--undefined-only') & FORBIDDEN):
        if (label, s) not in EXCUSED:
            breach(path.name, f'calls {s}')
    for line in run('objdump', '-t', str(path)).split('\n'):
        m = re.match(r'^[0-9a-f]+ (.{7}) (\.data|\.bss|\.tbss|\.tdata)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$', line)
        if m and int(m.group(3), 16) and not OURS_NOT.match(m.group(4)):
            breach(path.name, f'mutable global {m.group(4)}')


def check_abi(root, build):
    """Sizes and offsets of what plugins see may only change together with the ABI number."""
    dump = build / 'tests' / 'abi'
    if not dump.is_file():
        return
    now, ref = run(str(dump)), root / 'tests' / 'ref' / 'abi.txt'
    if not ref.is_file():
        breach('tests/ref/abi.txt', 'is missing; write it with the output of tests/abi')
    elif ref.read_text() != now:
        old = set(ref.read_text().split('\n'))
        changed = [x for x in now.split('\n') if x not in old]
        breach('tests/ref/abi.txt', 'the layout plugins see has changed: ' + '; '.join(changed[:5]))


def main():
    root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    check_sources(root)
    core = build / 'core' / 'liblimbeck.so'
    if core.exists() and len(sys.argv) > 3:
        check_object(core, True)
        for module in sys.argv[3:]:
            check_object(pathlib.Path(module), False)
        check_abi(root, build)
    for b in breaches:
        print(b)
    print(f'{len(breaches)} breaches')
    return 1 if breaches else 0


sys.exit(main())
