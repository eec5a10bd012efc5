#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the numbers in tests/unit/stats.c: quantiles of Student's t, and intervals of differences, by SciPy."""
import numpy
import scipy.stats

PLAIN, OTHER, MANY = [0.8123, 0.8061, 0.8190], [0.8311, 0.8195, 0.8402], [0.79, 0.83, 0.801, 0.815, 0.822, 0.808, 0.811]
for p, df in ((0.975, 1), (0.975, 2), (0.975, 3.7), (0.975, 30), (0.975, 1e6), (0.95, 5), (0.995, 2), (0.5, 4), (0.1, 8),
              (0.9995, 1.2)):
    print(f'        {{ {p!r}, {df!r}, {scipy.stats.t.ppf(p, df)!r} }},')


def welch(a, b):
    """b - a; statsmodels and R's t.test(b, a) say the same."""
    va, vb = numpy.var(a, ddof=1) / len(a), numpy.var(b, ddof=1) / len(b)
    df = (va + vb) ** 2 / (va ** 2 / (len(a) - 1) + vb ** 2 / (len(b) - 1))
    half = scipy.stats.t.ppf(0.975, df) * (va + vb) ** 0.5
    d = numpy.mean(b) - numpy.mean(a)
    return d, d - half, d + half, df


def paired(a, b):
    x = numpy.array(b) - numpy.array(a)
    low, high = scipy.stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=scipy.stats.sem(x))
    return x.mean(), low, high, len(x) - 1


for name, f, a, b in (('welch', welch, PLAIN, OTHER), ('welch', welch, PLAIN, MANY), ('paired', paired, PLAIN, OTHER),
                      ('paired', paired, MANY, MANY[::-1])):
    print(name, ', '.join(repr(float(x)) for x in f(a, b)))
# what SciPy itself says of the same samples: that the interval ends where the p-value is 0.05
print(scipy.stats.ttest_ind(numpy.array(OTHER) - welch(PLAIN, OTHER)[1], PLAIN, equal_var=False).pvalue,
      scipy.stats.ttest_rel(numpy.array(OTHER) - paired(PLAIN, OTHER)[1], PLAIN).pvalue)
