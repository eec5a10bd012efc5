#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py INCLUDES OUT FILE ...: a C table of the texts, by file name without its suffix. In place of #include <limbeck/NAME>
there is that header of INCLUDES, without what it includes itself."""
import pathlib
import re
import sys


def text_of(file, includes):
    def header(m):
        return re.sub(r'(?m)^#include .*\n', '', (includes / m.group(1)).read_text(encoding='ascii'))
    return re.sub(r'(?m)^#include <(limbeck/\w+\.h)>\n', header, file.read_text(encoding='ascii'))


def main():
    out = ['/* SPDX-License-Identifier: MIT */', '/* Made by embed.py. */']
    includes, files = pathlib.Path(sys.argv[1]), [pathlib.Path(f) for f in sys.argv[3:]]
    for i, f in enumerate(files):
        data = text_of(f, includes).encode() + b'\0'
        rows = [', '.join(str(b) for b in data[k:k + 24]) for k in range(0, len(data), 24)]
        out.append(f'static const char text_{i}[] = {{\n' + ',\n'.join(rows) + '\n};')
    out.append('static const struct { const char *name, *text; } ocl_texts[] = {')
    out += [f'    {{ "{f.stem}", text_{i} }},' for i, f in enumerate(files)]
    out.append('    { NULL, NULL }\n};')
    pathlib.Path(sys.argv[2]).write_text('\n'.join(out) + '\n', encoding='ascii')


main()
