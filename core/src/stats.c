/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include "stats.h"

/* The continued fraction of the incomplete beta function, for x below (a + 1) / (a + b + 2). */
static double fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int i = 1; i < 500; i++) {
        const double m = i, even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int k = 0; k < 2; k++) {
            const double term = k ? odd : even;
            d = 1 + term * d, c = 1 + term / c;
            d = 1 / (fabs(d) < tiny ? tiny : d), c = fabs(c) < tiny ? tiny : c;
            f *= d * c;
        }
        if (fabs(d * c - 1) < 4 * DBL_EPSILON)
            break;
    }
    return f;
}

/* Regularised: I_x(a, b); y is 1 - x, kept apart for what it loses near 1. */
static double incomplete_beta(double a, double b, double x, double y)
{
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    const double front = exp(a * log(x) + b * log(y) + lgamma(a + b) - lgamma(a) - lgamma(b));
    if (x < (a + 1) / (a + b + 2))
        return front * fraction(a, b, x) / a;
    return 1 - front * fraction(b, a, y) / b;
}

/* P(T > t), t >= 0 */
static double tail(double t, double freedom)
{
    const double all = freedom + t * t;
    return 0.5 * incomplete_beta(0.5 * freedom, 0.5, freedom / all, t * t / all);
}

double lbk__t_quantile(double p, double freedom)
{
    const double want = p > 0.5 ? 1 - p : p;
    double low = 0, high = 1;
    if (p == 0.5)
        return 0;
    while (tail(high, freedom) > want && high < 1e150)
        low = high, high *= 2;
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        if (tail(middle, freedom) > want)
            low = middle;
        else
            high = middle;
    }
    return p > 0.5 ? high : -high;
}

/* ---- samples ---- */

/* In two passes: scores of runs differ in their last digits. */
void lbk__spread(int n, const double v[], struct lbk_spread *out)
{
    *out = (struct lbk_spread){ .n = n, .mean = NAN, .deviation = NAN, .least = NAN, .most = NAN };
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        sum += v[i];
        out->least = fmin(out->least, v[i]), out->most = fmax(out->most, v[i]);
    }
    out->mean = sum / n;
    for (int i = 0; i < n; i++)
        squares += (v[i] - out->mean) * (v[i] - out->mean);
    if (n > 1)
        out->deviation = sqrt(squares / (n - 1));
}

static void widen(struct lbk_difference *d, double error)
{
    const double half = error > 0 ? error * lbk__t_quantile(0.975, d->freedom) : error;
    d->low = d->mean - half, d->high = d->mean + half;
}

struct lbk_difference lbk__welch(int n, const double a[], int m, const double b[])
{
    struct lbk_spread x, y;
    lbk__spread(n, a, &x);
    lbk__spread(m, b, &y);
    struct lbk_difference d = { .mean = y.mean - x.mean };
    const double u = x.deviation * x.deviation / n, v = y.deviation * y.deviation / m;
    d.freedom = u + v > 0 ? (u + v) * (u + v) / (u * u / (n - 1) + v * v / (m - 1)) : n + m - 2;
    widen(&d, sqrt(u + v));
    return d;
}

struct lbk_difference lbk__paired(int n, const double a[], const double b[])
{
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += b[i] - a[i];
    struct lbk_difference d = { .paired = true, .mean = sum / n, .freedom = n - 1 };
    for (int i = 0; i < n; i++)
        squares += (b[i] - a[i] - d.mean) * (b[i] - a[i] - d.mean);
    widen(&d, n > 1 ? sqrt(squares / (n - 1) / n) : NAN);
    return d;
}
