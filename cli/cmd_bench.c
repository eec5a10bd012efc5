/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

static json_t *figures(const struct lbk_bench *b)
{
    json_t *o = json_object();
    cli_json_add(o, "median_ms", json_real(b->median_ms));
    cli_json_add(o, "gflops", json_real(b->gflops));
    cli_json_add(o, "launches", json_integer(b->launches));
    cli_json_add(o, "peak_bytes", json_integer((json_int_t) b->peak_bytes));
    cli_json_add(o, "fallbacks", json_integer(b->fallbacks));
    return o;
}

/* ---- a step ---- */

static double percent(double part, double of) { return of > 0 ? 100 * part / of : 0; }

/* 1e9 a second of what ms took. */
static double rate(double amount, double ms) { return ms > 0 ? 1e-6 * amount / ms : 0; }

/* Zeros are what is not known. */
static void add_known(json_t *o, const char *key, double v)
{
    if (v > 0)
        cli_json_add(o, key, json_real(v));
}

enum { ROWS_MAX = 256 };

struct steps { int n; struct lbk_bench_row row[ROWS_MAX]; };

static void keep(void *ud, const struct lbk_bench_row *r)
{
    struct steps *s = ud;
    if (s->n < ROWS_MAX)
        s->row[s->n++] = *r;
}

static const char *bound(const struct lbk_bench_row *r)
{
    return r->roof_ms <= 0 ? "" : r->compute_ms > r->move_ms ? "compute" : "memory";
}

static json_t *row_json(const struct lbk_bench_row *r, const struct lbk_bench *b)
{
    json_t *o = json_object();
    cli_json_text(o, "op", r->op);
    cli_json_add(o, "launches", json_integer(r->launches));
    cli_json_add(o, "fallbacks", json_integer(r->fallbacks));
    cli_json_add(o, "ms", json_real(r->ms));
    cli_json_add(o, "percent", json_real(percent(r->ms, b->device_ms)));
    cli_json_add(o, "gflops", json_real(rate(r->flops, r->ms)));
    cli_json_add(o, "gbs", json_real(rate((double) r->bytes, r->ms)));
    add_known(o, "fma_percent", percent(rate(r->flops, r->ms), b->peak_gflops));
    add_known(o, "bandwidth_percent", percent(rate((double) r->bytes, r->ms), b->peak_gbs));
    add_known(o, "roof_ms", r->roof_ms);
    if (*bound(r))
        cli_json_text(o, "bound", bound(r));
    return o;
}

static void add_profile(json_t *o, const struct steps *s, const struct lbk_bench *b)
{
    json_t *rows = json_array();
    for (int i = 0; i < s->n; i++)
        json_array_append_new(rows, row_json(&s->row[i], b));
    cli_json_add(o, "ops", rows);
    cli_json_add(o, "device_ms", json_real(b->device_ms));
    add_known(o, "roof_ms", b->roof_ms);
    add_known(o, "roof_percent", percent(b->roof_ms, b->device_ms));
    add_known(o, "fma_gflops", b->peak_gflops);
    add_known(o, "bandwidth_gbs", b->peak_gbs);
    cli_json_add(o, "bytes", json_integer((json_int_t) b->bytes));
    cli_json_add(o, "reorders", json_integer(b->reorders));
    cli_json_add(o, "arena_bytes", json_integer((json_int_t) b->arena_bytes));
    cli_json_add(o, "live_bytes", json_integer((json_int_t) b->live_bytes));
}

static void print_profile(const struct steps *s, const struct lbk_bench *b)
{
    printf("%-18s %8s %10s %6s %9s %6s %7s %6s %8s %6s\n", "operator", "launches", "ms", "%",
           "GFLOP/s", "% FMA", "GB/s", "% mem", "bound", "% roof");
    for (int i = 0; i < s->n; i++) {
        const struct lbk_bench_row *r = &s->row[i];
        const double gflops = rate(r->flops, r->ms), gbs = rate((double) r->bytes, r->ms);
        printf("%-18s %8" PRId64 " %10.3f %6.1f %9.1f %6.1f %7.1f %6.1f %8s %6.1f\n", r->op,
               r->launches, r->ms, percent(r->ms, b->device_ms), gflops,
               percent(gflops, b->peak_gflops), gbs, percent(gbs, b->peak_gbs), bound(r),
               percent(r->roof_ms, r->ms));
    }
    printf("total %.3f ms, %.3f at the roofline (%.1f %%)  %" PRId64 " launches  %" PRId64
           " reorders  %" PRId64 " fallbacks  arena %.1f MiB, alive at most %.1f\n",
           b->device_ms, b->roof_ms, percent(b->roof_ms, b->device_ms), b->launches, b->reorders,
           b->fallbacks, (double) b->arena_bytes / (1 << 20), (double) b->live_bytes / (1 << 20));
}

static int put_step(struct cli *c, const char *device, const struct steps *s,
                    const struct lbk_bench *b)
{
    json_t *o = figures(b);
    cli_json_add(o, "first_ms", json_real(b->first_ms));
    cli_json_add(o, "plan_ms", json_real(b->plan_ms));
    add_known(o, "started_ms", b->started_ms);
    cli_json_add(o, "resident_bytes", json_integer((json_int_t) b->resident_bytes));
    cli_json_text(o, "device", device);
    if (s->n)
        add_profile(o, s, b);
    return cli_json_put(c, "bench.train", o);
}

static void print_step(const struct steps *s, const struct lbk_bench *b)
{
    if (s->n)
        print_profile(s, b);
    printf("%.3f ms  %.1f GFLOP/s  %" PRId64 " launches  %.1f MiB  %" PRId64 " fallbacks"
           "  first %.2f s, %.2f from the start, plan %.0f ms  resident %.0f MiB\n",
           b->median_ms, b->gflops, b->launches, (double) b->peak_bytes / (1 << 20), b->fallbacks,
           b->first_ms / 1e3, b->started_ms / 1e3, b->plan_ms,
           (double) b->resident_bytes / (1 << 20));
}

static int train(struct cli *c)
{
    const char *device;
    const int bad = cli_device(c, &device);
    if (bad)
        return bad;
    int n;
    const struct lbk_setting *settings = cli_rest(c, &n);
    struct steps *s = cli_alloc(c, sizeof *s);
    struct lbk_bench b = { .size = sizeof b };
    const lbk_status st = lbk_bench_train(c->ctx, device, n, settings, keep, s, &b);
    if (st)
        return cli_exit_code(st);
    if (c->json)
        return put_step(c, device, s, &b);
    print_step(s, &b);
    return 0;
}

/* ---- an operator ---- */

struct rows { struct cli *c; json_t *all; double peak_gflops, peak_gbs; };

static double gbs(const struct lbk_bench *b) { return rate((double) b->bytes, b->device_ms); }

static json_t *described(const struct lbk_case *sample, const struct lbk_bench *b)
{
    json_t *o = figures(b);
    cli_json_text(o, "shapes", sample->shapes);
    cli_json_text(o, "params", sample->params ? sample->params : "");
    cli_json_add(o, "bytes", json_integer((json_int_t) b->bytes));
    cli_json_add(o, "reorders", json_integer(b->reorders));
    cli_json_add(o, "reorder_bytes", json_integer((json_int_t) b->reorder_bytes));
    if (b->device_ms <= 0)
        return o;
    cli_json_add(o, "device_ms", json_real(b->device_ms));
    cli_json_add(o, "reorder_ms", json_real(b->reorder_ms));
    cli_json_add(o, "gbs", json_real(gbs(b)));
    add_known(o, "fma_percent", percent(b->gflops, b->peak_gflops));
    add_known(o, "bandwidth_percent", percent(gbs(b), b->peak_gbs));
    return o;
}

static void print_rate(double each, const char *unit, double peak)
{
    printf("  %8.1f %s", each, unit);
    if (peak > 0)
        printf(" %5.1f %%", percent(each, peak));
}

static void print_row(const struct lbk_case *sample, const struct lbk_bench *b)
{
    printf("%-32s %-24s", sample->shapes, sample->params ? sample->params : "");
    if (b->device_ms > 0) {
        printf(" %10.4f ms", b->device_ms);
        if (b->gflops > 0)
            print_rate(b->gflops, "GFLOP/s", b->peak_gflops);
        print_rate(gbs(b), "GB/s", b->peak_gbs);
    }
    printf("  wall %.4f ms", b->median_ms);
    if (b->reorders)
        printf("  %" PRId64 " reorders %.4f ms", b->reorders, b->reorder_ms);
    printf("  %" PRId64 " fallbacks\n", b->fallbacks);
}

static void row(void *ud, const struct lbk_case *sample, const struct lbk_bench *b)
{
    struct rows *r = ud;
    if (!r->c->json)
        print_row(sample, b);
    json_array_append_new(r->all, described(sample, b));
    r->peak_gflops = b->peak_gflops, r->peak_gbs = b->peak_gbs;
}

static int op(struct cli *c, const char *name)
{
    const char *device;
    const int bad = cli_device(c, &device);
    if (bad || !cli_need(c, cli_kind("op"), name))
        return bad ? bad : c->failed_code;
    int n;
    const struct lbk_setting *settings = cli_rest(c, &n);
    struct rows r = { c, json_array(), 0, 0 };
    const lbk_status st = lbk_bench_op(c->ctx, device, name, n, settings, row, &r);
    json_t *o = json_object();
    cli_json_text(o, "op", name);
    cli_json_text(o, "device", device);
    add_known(o, "fma_gflops", r.peak_gflops);
    add_known(o, "bandwidth_gbs", r.peak_gbs);
    cli_json_add(o, "samples", r.all);
    if (!st && c->json)
        return cli_json_put(c, "bench.op", o);
    json_decref(o);
    return cli_exit_code(st);
}

int cmd_bench(struct cli *c)
{
    if (c->n_words == 1 && !strcmp(c->words[0], "train"))
        return train(c);
    if (c->n_words == 2 && !strcmp(c->words[0], "op"))
        return op(c, c->words[1]);
    return cli_fail(c, EXIT_USAGE, "bench: expected 'train', or 'op' and its name");
}
