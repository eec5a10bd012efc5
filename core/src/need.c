/* SPDX-License-Identifier: MIT */
/* What a plan needs, for a user whose device has not got it. */
#include <inttypes.h>
#include <stdio.h>
#include "plan.h"

enum { TOP = 3 };

/* Bytes of a value that is stored; 0 for one in the memory of another. */
static size_t stored(const struct value *v)
{
    size_t n = 0;
    if (v->home != NONE)
        return 0;
    if (v->kind == VALUE_TEMP)
        return v->first == NONE ? 0 : v->bytes;
    return lbk__shape_bytes(v->dtype, v->shape, &n) ? n : 0;
}

static size_t sum_of(const struct plan *p, enum value_kind kind)
{
    size_t sum = 0;
    for (int64_t i = 0; i < p->n_value; i++)
        sum += p->value[i].kind == kind ? stored(&p->value[i]) : 0;
    return sum;
}

static size_t outputs(const struct plan *p)
{
    size_t sum = 0, n;
    for (int64_t i = 0; i < p->graph->n_output; i++) {
        const lbk_node *v = p->graph->output[i].v;
        sum += lbk__shape_bytes(v->dtype, v->shape, &n) ? n : 0;
    }
    return sum;
}

/* The first axis that all inputs share; 0: they share none. */
static int64_t batch_of(const struct plan *p)
{
    int64_t batch = 0;
    for (int64_t i = 0; i < p->n_value; i++) {
        const struct value *v = &p->value[i];
        if (v->kind != VALUE_INPUT || v->shape.n == 0)
            continue;
        if (batch && batch != v->shape.d[0])
            return 0;
        batch = v->shape.d[0];
    }
    return batch;
}

static void put(char *buf, size_t size, size_t *at, const char *fmt, ...) LBK_PRINTF(4, 5);
static void put(char *buf, size_t size, size_t *at, const char *fmt, ...)
{
    va_list v;
    va_start(v, fmt);
    const int n = vsnprintf(buf + *at, size - *at, fmt, v);
    va_end(v);
    *at = n < 0 || (size_t) n >= size - *at ? size - 1 : *at + (size_t) n;
}

static double mib(uint64_t bytes) { return (double) bytes / (1 << 20); }

static void put_largest(const struct plan *p, char *buf, size_t size, size_t *at)
{
    char text[160];
    uint32_t top[TOP];
    int n = 0;
    for (uint32_t i = 0; i < p->n_value; i++) {
        int k = n;
        while (k > 0 && stored(&p->value[i]) > stored(&p->value[top[k - 1]]))
            k--;
        for (int j = n < TOP ? n : TOP - 1; j > k; j--)
            top[j] = top[j - 1];
        if (k < TOP)
            top[k] = i, n += n < TOP;
    }
    for (int i = 0; i < n; i++)
        put(buf, size, at, "%s%s (%.1f MiB)", i ? ", " : "; largest: ",
            lbk__plan_value_text(p, top[i], text, sizeof text), mib(stored(&p->value[top[i]])));
}

/* By proportion: what does not depend on the batch stays. A part is left for what else will be
 * there, such as the plan of an evaluation. */
static void put_batch(const struct plan *p, size_t fixed, size_t moving, char *buf, size_t size,
                      size_t *at)
{
    const uint64_t memory = p->device->limits.memory;
    const int64_t batch = batch_of(p);
    if (batch < 2 || !memory || !moving || fixed + moving <= memory)
        return;
    const uint64_t room = memory - memory / 8;
    const double part = room > fixed ? (double) (room - fixed) / (double) moving : 0;
    const int64_t fits = (int64_t) (part * (double) batch);
    if (fits > 0)
        put(buf, size, at, "; a batch of %" PRId64 " should fit, this is one of %" PRId64, fits,
            batch);
    else
        put(buf, size, at, "; no batch would fit");
}

lbk_status lbk__plan_too_large(const struct plan *p, size_t used)
{
    const uint64_t memory = p->device->limits.memory;
    const size_t consts = sum_of(p, VALUE_CONST);
    const size_t moving = p->arena_bytes + sum_of(p, VALUE_INPUT) + outputs(p);
    char text[900];
    size_t at = 0;
    put(text, sizeof text, &at, "out of memory: the plan needs %.1f MiB, device '%s' has ",
        mib(moving + consts), p->device->spec);
    if (memory)
        put(text, sizeof text, &at, "%.1f MiB, of which %.1f are in use", mib(memory), mib(used));
    else
        put(text, sizeof text, &at, "no more; %.1f MiB are in use", mib(used));
    put_largest(p, text, sizeof text, &at);
    put_batch(p, used + consts, moving, text, sizeof text, &at);
    return lbk_fail(p->device->ctx, LBK_ENOMEM, "%s", text);
}
