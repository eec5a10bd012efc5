#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py OUT FILE ...: a C table of the texts, by file name without its suffix."""
import pathlib
import sys


def main():
    out = ['/* SPDX-License-Identifier: MIT */', '/* Made by embed.py. */']
    files = [pathlib.Path(f) for f in sys.argv[2:]]
    for i, f in enumerate(files):
        data = f.read_bytes() + b'\0'
        rows = [', '.join(str(b) for b in data[k:k + 24]) for k in range(0, len(data), 24)]
        out.append(f'static const char text_{i}[] = {{\n' + ',\n'.join(rows) + '\n};')
    out.append('static const struct { const char *name, *text; } ocl_texts[] = {')
    out += [f'    {{ "{f.stem}", text_{i} }},' for i, f in enumerate(files)]
    out.append('    { NULL, NULL }\n};')
    pathlib.Path(sys.argv[1]).write_text('\n'.join(out) + '\n', encoding='ascii')


main()
