/* SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "axis.h"
#include "palette.h"

/* "2e-7", "-1.25e-5": m has that many digits. */
static void scientific(int64_t m, int digits, int e, char buf[24])
{
    char all[24];
    snprintf(all, sizeof all, "%lld", (long long) llabs(m));
    snprintf(buf, 24, "%s%c%s%.8se%d", m < 0 ? "-" : "", all[0], digits > 1 ? "." : "", all + 1,
             e + digits - 1);
}

/* m * 10^e without rounding: "250", "2.5M", "0.025", "2e-7". */
static void decimal(int64_t m, int e, char buf[24])
{
    static const char *const unit[] = { "", "k", "M", "G", "T" };
    int up = 0;
    e = m ? e : 0;
    while (m && m % 10 == 0)
        m /= 10, e++;
    int digits = (int) floor(log10(fmax(1, fabs((double) m)))) + 1;
    if (m && (digits + e > 15 || digits + e < -2)) {
        scientific(m, digits, e, buf);
        return;
    }
    for (int most = 4; digits + e > most && up < 4; most = 3)
        up++, e -= 3;
    for (; e > 0; e--)
        m *= 10;
    int64_t scale = 1;
    for (int i = 0; i < -e; i++)
        scale *= 10;
    int n = snprintf(buf, 24, "%s%lld", m < 0 ? "-" : "", (long long) (llabs(m) / scale));
    if (e < 0 && n < 24)
        n += snprintf(buf + n, 24 - (size_t) n, ".%0*lld", -e, (long long) (llabs(m) % scale));
    if (n < 24)
        snprintf(buf + n, 24 - (size_t) n, "%s", unit[up]);
}

char *lbk__axis_number(double v, char buf[24])
{
    if (!isfinite(v)) {
        snprintf(buf, 24, "%s", isnan(v) ? "nan" : v < 0 ? "-inf" : "inf");
        return buf;
    }
    char text[32], *p = text;
    snprintf(text, sizeof text, "%.3e", fabs(v));
    const char *exponent = strchr(text, 'e') + 1;
    int64_t m = 0;
    for (; *p != 'e'; p++) /* whatever the point of the locale */
        m = *p >= '0' && *p <= '9' ? 10 * m + *p - '0' : m;
    decimal(v < 0 ? -m : m, atoi(exponent) - 3, buf);
    return buf;
}

/* ---- scales ---- */

static void add(struct axis *a, double v, int64_t m, int e)
{
    if (a->n == AXIS_TICKS)
        return;
    a->tick[a->n] = v;
    decimal(m, e, a->label[a->n++]);
}

/* A range of no width gets one. */
static void widen(double *least, double *most)
{
    const double room = fmax(fabs(*least), fabs(*most));
    if (*most - *least > room * 1e-6)
        return;
    const double by = room > 0 ? 0.1 * room : 0.5;
    *least -= by, *most += by;
}

static void choose_linear(struct axis *a, int ticks)
{
    const double slack = 1e-6, step = lbk__nice_step(a->to - a->from, ticks);
    const int e = (int) floor(log10(step) + slack);
    const int64_t one = llround(step / pow(10, e)); /* 1, 2 or 5 */
    for (double k = ceil(a->from / step - slack); k <= a->to / step + slack; k++)
        add(a, k * step, (int64_t) k * one, e);
}

static void choose_log(struct axis *a, int ticks)
{
    const int from = (int) ceil(log10(a->from) - 1e-9), to = (int) floor(log10(a->to) + 1e-9);
    const int every = (to - from) / (ticks > 1 ? ticks : 1) + 1;
    for (int e = from; e <= to; e += every)
        add(a, pow(10, e), 1, e);
}

void lbk__axis_choose(double least, double most, int ticks, bool may_log, struct axis *out)
{
    *out = (struct axis){ .from = least, .to = most };
    out->log = may_log && least >= DBL_MIN && most / least > 100;
    if (out->log) {
        choose_log(out, ticks);
        return;
    }
    widen(&out->from, &out->to);
    choose_linear(out, ticks);
}

double lbk__axis_at(const struct axis *a, double v)
{
    if (a->log)
        return log(v / a->from) / log(a->to / a->from);
    return (v - a->from) / (a->to - a->from);
}
