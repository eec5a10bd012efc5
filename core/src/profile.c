/* SPDX-License-Identifier: MIT */
/* What the launches of a plan take, by operator, beside what the machine could do. */
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "plan.h"
#include "str.h"

struct table {
    struct lbk_bench_row *row;
    int64_t n, cap;
    struct peaks peak;
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

double lbk__median(int n, double v[])
{
    qsort(v, (size_t) n, sizeof *v, by_size);
    return v[n / 2];
}

/* ---- rates of the device ---- */

static void see_peak(void *ud, const char *key, const char *value)
{
    struct peaks *p = ud;
    double *to = !strcmp(key, "fma_gflops")      ? &p->gflops
                 : !strcmp(key, "bandwidth_gbs") ? &p->gbs
                                                 : NULL;
    if (to && !lbk__parse_number(value, strlen(value), to))
        *to = 0;
}

lbk_status lbk__peaks(lbk_ctx *ctx, const char *device, char *spec, struct peaks *out)
{
    *out = (struct peaks){ 0 };
    const lbk_status st = lbk_device_choose(ctx, device, spec, LBK_DEVICE_SPEC);
    return st ? st : lbk_device_report(ctx, spec, see_peak, out);
}

/* ---- rows ---- */

static struct lbk_bench_row *row_of(struct table *t, const char *op)
{
    for (int64_t i = 0; i < t->n; i++)
        if (!strcmp(t->row[i].op, op))
            return &t->row[i];
    if (!lbk__grow(&t->row, t->n, &t->cap, sizeof *t->row))
        return NULL;
    t->row[t->n] = (struct lbk_bench_row){ .size = sizeof *t->row, .op = op };
    return &t->row[t->n++];
}

/* The longer of computing and moving; of a launch, as two launches do not overlap. */
static void add_roof(struct lbk_bench_row *r, struct peaks peak, double flops, uint64_t bytes)
{
    if (peak.gflops <= 0 || peak.gbs <= 0)
        return;
    const double compute = 1e-6 * flops / peak.gflops, move = 1e-6 * (double) bytes / peak.gbs;
    r->compute_ms += compute;
    r->move_ms += move;
    r->roof_ms += compute > move ? compute : move;
}

static double mean_ms(const struct timing *t)
{
    return t->runs ? 1e-6 * t->ns / (double) t->runs : 0;
}

static bool add_group(struct table *t, const struct group *g)
{
    struct lbk_bench_row *r = row_of(t, g->g.op ? g->g.op->name : "map");
    const uint64_t bytes = lbk__group_bytes(&g->g);
    if (!r)
        return false;
    r->launches += !g->chained;
    r->fallbacks += g->fallback;
    r->ms += mean_ms(&g->time);
    r->flops += g->flops;
    r->bytes += bytes;
    add_roof(r, t->peak, g->flops, bytes);
    return true;
}

/* Of states that could not be overwritten where they are. */
static bool add_copies(struct table *t, const struct plan *p)
{
    struct lbk_bench_row *r = p->n_copy ? row_of(t, "copy") : NULL;
    for (int64_t i = 0; r && i < p->n_copy; i++) {
        const uint64_t bytes = 2 * (uint64_t) lbk__plan_copy_bytes(p, i);
        r->launches++;
        r->bytes += bytes;
        add_roof(r, t->peak, 0, bytes);
    }
    if (r)
        r->ms = mean_ms(&p->copying);
    return r || !p->n_copy;
}

static int longest_first(const void *a, const void *b)
{
    const struct lbk_bench_row *x = a, *y = b;
    return x->ms != y->ms ? (x->ms < y->ms) - (x->ms > y->ms) : strcmp(x->op, y->op);
}

static void sum_up(const struct table *t, const lbk_exec *x, struct lbk_bench *out)
{
    struct lbk_exec_info info = { .size = sizeof info };
    lbk_exec_info(x, &info);
    out->reorder_bytes = info.reorder_bytes;
    out->reorders = info.reorders;
    out->arena_bytes = info.arena_bytes, out->live_bytes = info.live_bytes;
    out->peak_gflops = t->peak.gflops, out->peak_gbs = t->peak.gbs;
    out->device_ms = out->roof_ms = 0, out->bytes = 0;
    for (int64_t i = 0; i < t->n; i++) {
        out->device_ms += t->row[i].ms;
        out->roof_ms += t->row[i].roof_ms;
        out->bytes += t->row[i].bytes;
    }
}

lbk_status lbk__profile(const lbk_exec *x, struct peaks peak,
                        void (*each)(void *ud, const struct lbk_bench_row *row), void *ud,
                        struct lbk_bench *out)
{
    const struct plan *p = lbk__exec_plan(x);
    struct table t = { .peak = peak };
    bool ok = true;
    for (int64_t i = 0; ok && i < p->n_group; i++)
        ok = p->group[i].once || add_group(&t, &p->group[i]);
    ok = ok && add_copies(&t, p);
    if (ok) {
        if (t.n)
            qsort(t.row, (size_t) t.n, sizeof *t.row, longest_first);
        sum_up(&t, x, out);
        for (int64_t i = 0; each && i < t.n; i++)
            each(ud, &t.row[i]);
    }
    free(t.row);
    return ok ? LBK_OK : lbk__plan_no_memory(p);
}
