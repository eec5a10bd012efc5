#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the colours of classes in core/src/palette.c: each next one is farthest from all before it, in CIELAB, as it looks and
as it looks without green cones (Machado, Oliveira and Fernandes, 2009). The idea is that of Glasbey et al., 2007."""
COUNT, STEP = 40, 15
# linear RGB as seen with deuteranopia
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)


def times(m, v):
    return tuple(sum(a * b for a, b in zip(row, v)) for row in m)


def linear(c):
    return tuple(x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in (k / 255 for k in c))


def root(t):
    return t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29


def lab(rgb):
    f = [root(a / b) for a, b in zip(times(XYZ, rgb), WHITE)]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def looks(c):
    v = linear(c)
    return lab(v), lab(tuple(min(max(x, 0), 1) for x in times(DEUTERANOPIA, v)))


def apart(a, b):
    d = [sum((x - y) ** 2 for x, y in zip(p, q)) ** 0.5 for p, q in zip(a, b)]
    return min(d[0], 2 * d[1])


def main():
    levels = range(0, 256, STEP)
    pool = []
    for c in ((r, g, b) for r in levels for g in levels for b in levels):
        look = looks(c)
        if 38 < look[0][0] < 90 and look[0][1] ** 2 + look[0][2] ** 2 > 35 ** 2 and look[0][1] ** 2 + look[0][2] ** 2 < 90 ** 2:
            pool.append((c, look))
    # nothing may look like ink, paper or what has no label
    far = [min(apart(look, looks(c)) for c in ((0, 0, 0), (255, 255, 255), (128, 128, 128))) for _, look in pool]
    best = pool.index(next(x for x in pool if x[0] == (30, 120, 210)))
    chosen = []
    while len(chosen) < COUNT:
        chosen.append(pool[best][0])
        far = [min(d, apart(look, pool[best][1])) for d, (_, look) in zip(far, pool)]
        best = max(range(len(pool)), key=far.__getitem__)
    for i in range(0, COUNT, 4):
        print('    ' + ' '.join('{ %d, %d, %d },' % c for c in chosen[i:i + 4]))


main()
