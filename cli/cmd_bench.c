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

static int train(struct cli *c)
{
    const char *device;
    const int bad = cli_device(c, &device);
    if (bad)
        return bad;
    int n;
    const struct lbk_setting *settings = cli_rest(c, &n);
    struct lbk_bench b = { .size = sizeof b };
    const lbk_status st = lbk_bench_train(c->ctx, device, n, settings, &b);
    if (st)
        return cli_exit_code(st);
    if (c->json) {
        json_t *o = figures(&b);
        cli_json_text(o, "device", device);
        return cli_json_put(c, "bench.train", o);
    }
    printf("%.3f ms  %.1f GFLOP/s  %" PRId64 " launches  %.1f MiB  %" PRId64 " fallbacks\n",
           b.median_ms, b.gflops, b.launches, (double) b.peak_bytes / (1 << 20), b.fallbacks);
    return 0;
}

struct rows { struct cli *c; json_t *all; };

static void row(void *ud, const struct lbk_case *sample, const struct lbk_bench *b)
{
    struct rows *r = ud;
    const char *params = sample->params ? sample->params : "";
    json_t *o = figures(b);
    if (!r->c->json)
        printf("%-32s %-24s %10.4f ms %8.1f GFLOP/s  %" PRId64 " fallbacks\n", sample->shapes,
               params, b->median_ms, b->gflops, b->fallbacks);
    cli_json_text(o, "shapes", sample->shapes);
    cli_json_text(o, "params", params);
    json_array_append_new(r->all, o);
}

static int op(struct cli *c, const char *name)
{
    const char *device;
    int bad = cli_device(c, &device);
    if (!bad)
        bad = cli_no_rest(c);
    if (bad || !cli_need(c, cli_kind("op"), name))
        return bad ? bad : c->failed_code;
    struct rows r = { c, json_array() };
    const lbk_status st = lbk_bench_op(c->ctx, device, name, row, &r);
    json_t *o = json_object();
    cli_json_text(o, "op", name);
    cli_json_text(o, "device", device);
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
