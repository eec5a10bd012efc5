/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctx.h"
#include "opt.h"
#include "str.h"

struct lbk_opts {
    lbk_ctx *ctx;
    const struct lbk_opt *table;
    int n;
    const char *prefix; /* "rdd." or "" */
    struct arena arena;
    const char **text; /* as it was set, of types above LBK_OPT_ENUM; NULL = never */
    unsigned char *cfg;
};
struct text {
    const char *s;
    size_t n;
};

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [LBK_OPT_BOOL] = { "bool", sizeof(bool) },
    [LBK_OPT_INT] = { "int", sizeof(int64_t) },
    [LBK_OPT_FLOAT] = { "float", sizeof(double) },
    [LBK_OPT_ENUM] = { "enum", sizeof(int) },
    [LBK_OPT_STRING] = { "text", sizeof(const char *) },
    [LBK_OPT_LIST] = { "list", sizeof(const char *const *) },
    [LBK_OPT_NUMBERS] = { "numbers", sizeof(struct lbk_numbers) },
    [LBK_OPT_SPAN] = { "span", sizeof(struct lbk_span) },
    [LBK_OPT_RAMP] = { "ramp", sizeof(struct lbk_ramp) },
    [LBK_OPT_WEIGHT] = { "weight", sizeof(struct lbk_ramp) },
};

const char *lbk__opt_type_name(enum lbk_opt_type t) { return types[t].name; }

static bool bounded(const struct lbk_opt *d)
{
    return d->min < d->max &&
           (d->type == LBK_OPT_INT || d->type == LBK_OPT_FLOAT || d->type == LBK_OPT_NUMBERS);
}

char *lbk__opt_range(const struct lbk_opt *d, char *buf, size_t size)
{
    char lo[32], hi[32];
    size_t used = 0;
    *buf = 0;
    if (d->type == LBK_OPT_BOOL)
        snprintf(buf, size, "yes|no");
    for (int i = 0; d->type == LBK_OPT_ENUM && d->names[i] && used < size; i++)
        used += (size_t) snprintf(buf + used, size - used, "%s%s", i ? "|" : "", d->names[i]);
    if (bounded(d) && isinf(d->max))
        snprintf(buf, size, "%s or more", lbk__number_text(d->min, lo));
    else if (bounded(d) && isinf(d->min))
        snprintf(buf, size, "%s or less", lbk__number_text(d->max, hi));
    else if (bounded(d))
        snprintf(buf, size, "%s..%s", lbk__number_text(d->min, lo), lbk__number_text(d->max, hi));
    return buf;
}

char *lbk__opt_default(const struct lbk_opt *d, char *buf, size_t size)
{
    char number[32];
    if (d->type == LBK_OPT_BOOL)
        snprintf(buf, size, "%s", d->def != 0 ? "yes" : "no");
    else if (d->type == LBK_OPT_INT)
        snprintf(buf, size, "%lld", (long long) d->def);
    else if (d->type == LBK_OPT_FLOAT)
        snprintf(buf, size, "%s", lbk__number_text(d->def, number));
    else
        snprintf(buf, size, "%s", d->sdef ? d->sdef : d->type == LBK_OPT_ENUM ? d->names[0] : "");
    return buf;
}

static lbk_status wrong(const lbk_opts *o, const struct lbk_opt *d, const char *expected,
                        struct text t)
{
    const int shown = t.n > 80 ? 80 : (int) t.n;
    return lbk_fail(o->ctx, LBK_EINVAL, "%s%s: expected %s, got '%.*s'%s", o->prefix, d->name,
                    expected, shown, t.s, t.n > 80 ? " ..." : "");
}

static lbk_status no_memory(const lbk_opts *o)
{
    return lbk_fail(o->ctx, LBK_ENOMEM, "options: out of memory");
}

static lbk_status out_of_range(const lbk_opts *o, const struct lbk_opt *d, struct text t)
{
    char range[80];
    return wrong(o, d, lbk__opt_range(d, range, sizeof range), t);
}

static bool outside(const struct lbk_opt *d, double v)
{
    return bounded(d) && (v < d->min || v > d->max);
}

static bool same(struct text t, const char *word)
{
    return strlen(word) == t.n && !memcmp(word, t.s, t.n);
}

static lbk_status set_bool(const lbk_opts *o, const struct lbk_opt *d, struct text t, bool *out)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };
    for (int i = 0; i < 6; i++)
        if (same(t, words[i])) {
            *out = i & 1;
            return LBK_OK;
        }
    return wrong(o, d, "yes or no", t);
}

static lbk_status set_int(const lbk_opts *o, const struct lbk_opt *d, struct text t, int64_t *out)
{
    int64_t v;
    if (!lbk__parse_int(t.s, t.n, &v))
        return wrong(o, d, "a whole number", t);
    if (outside(d, (double) v))
        return out_of_range(o, d, t);
    *out = v;
    return LBK_OK;
}

static lbk_status set_float(const lbk_opts *o, const struct lbk_opt *d, struct text t, double *out)
{
    double v;
    if (!lbk__parse_number(t.s, t.n, &v))
        return wrong(o, d, "a number", t);
    if (outside(d, v))
        return out_of_range(o, d, t);
    *out = v;
    return LBK_OK;
}

static lbk_status set_enum(const lbk_opts *o, const struct lbk_opt *d, struct text t, int *out)
{
    char names[400], expected[420];
    for (int i = 0; d->names[i]; i++)
        if (same(t, d->names[i])) {
            *out = i;
            return LBK_OK;
        }
    snprintf(expected, sizeof expected, "one of %s", lbk__opt_range(d, names, sizeof names));
    return wrong(o, d, expected, t);
}

/* How many items a list has, or -1 when a quote or bracket is open. */
static int64_t count(const char *s, const char *separators)
{
    const char *item;
    size_t len;
    int64_t n = 0;
    if (!*s)
        return 0;
    while (lbk__next_item(&s, separators, &item, &len))
        n++;
    return item ? n : -1;
}

static lbk_status set_list(lbk_opts *o, const struct lbk_opt *d, struct text t,
                           const char *const **out)
{
    lbk__unwrap(&t.s, &t.n);
    const char *s = lbk__arena_str(&o->arena, "%.*s", (int) t.n, t.s), *item;
    const int64_t n = s ? count(s, ",") : 0;
    const char **list =
        !s || n < 0 ? NULL : lbk__arena_get(&o->arena, (size_t) (n + 1) * sizeof *list);
    size_t len;
    if (n < 0)
        return wrong(o, d, "names between commas, quotes and brackets closed", t);
    if (!list)
        return no_memory(o);
    for (int64_t i = 0; i < n; i++) {
        lbk__next_item(&s, ",", &item, &len);
        lbk__unwrap(&item, &len);
        if (!len)
            return wrong(o, d, "no empty name in the list", t);
        list[i] = lbk__arena_str(&o->arena, "%.*s", (int) len, item);
        if (!list[i])
            return no_memory(o);
    }
    *out = list;
    return LBK_OK;
}

static lbk_status set_numbers(lbk_opts *o, const struct lbk_opt *d, struct text t,
                              struct lbk_numbers *out)
{
    const struct text whole = t;
    lbk__unwrap(&t.s, &t.n);
    const char *s = lbk__arena_str(&o->arena, "%.*s", (int) t.n, t.s), *item;
    const int64_t n = s ? count(s, ",:") : 0;
    double *v = n < 0 ? NULL : lbk__arena_get(&o->arena, (size_t) (n + 1) * sizeof *v);
    size_t len;
    if (n < 0)
        return wrong(o, d, "numbers between commas", whole);
    if (!s || !v)
        return no_memory(o);
    for (int64_t i = 0; i < n; i++) {
        lbk__next_item(&s, ",:", &item, &len);
        if (!lbk__parse_number(item, len, &v[i]))
            return wrong(o, d, "numbers between commas", whole);
        if (outside(d, v[i]))
            return out_of_range(o, d, (struct text){ item, len });
    }
    *out = (struct lbk_numbers){ n, v };
    return LBK_OK;
}

static lbk_status set_string(lbk_opts *o, const struct lbk_opt *d, struct text t, const char **out)
{
    for (size_t i = 0; i < t.n; i++)
        if ((unsigned char) t.s[i] < ' ')
            return wrong(o, d, "text without control characters", (struct text){ t.s, i });
    *out = lbk__arena_str(&o->arena, "%.*s", (int) t.n, t.s);
    return *out ? LBK_OK : no_memory(o);
}

static lbk_status set_span(const lbk_opts *o, const struct lbk_opt *d, struct text t,
                           struct lbk_span *out)
{
    const char *expected = lbk__parse_span(t.s, t.n, out);
    return expected ? wrong(o, d, expected, t) : LBK_OK;
}

static lbk_status set_ramp(lbk_opts *o, const struct lbk_opt *d, struct text t,
                           struct lbk_ramp *out)
{
    const char *expected = lbk__parse_ramp(&o->arena, t.s, t.n, out);
    return expected ? wrong(o, d, expected, t) : LBK_OK;
}

static lbk_status set_value(lbk_opts *o, const struct lbk_opt *d, struct text t)
{
    void *field = o->cfg + d->offset;
    switch (d->type) {
    case LBK_OPT_BOOL: return set_bool(o, d, t, field);
    case LBK_OPT_INT: return set_int(o, d, t, field);
    case LBK_OPT_FLOAT: return set_float(o, d, t, field);
    case LBK_OPT_ENUM: return set_enum(o, d, t, field);
    case LBK_OPT_STRING: return set_string(o, d, t, field);
    case LBK_OPT_LIST: return set_list(o, d, t, field);
    case LBK_OPT_NUMBERS: return set_numbers(o, d, t, field);
    case LBK_OPT_SPAN: return set_span(o, d, t, field);
    case LBK_OPT_RAMP:
    case LBK_OPT_WEIGHT: return set_ramp(o, d, t, field);
    case LBK_OPT_END: break;
    }
    return lbk_fail(o->ctx, LBK_EINVAL, "%s%s: options have types 1..%d, this one's is %d",
                    o->prefix, d->name, LBK_OPT_WEIGHT, (int) d->type);
}

static lbk_status set(lbk_opts *o, int i, struct text t)
{
    if (t.n > 65535)
        return wrong(o, &o->table[i], "at most 65535 characters", t);
    lbk__trim(&t.s, &t.n);
    const lbk_status st = set_value(o, &o->table[i], t);
    if (st || o->table[i].type <= LBK_OPT_ENUM)
        return st;
    o->text[i] = lbk__arena_str(&o->arena, "%.*s", (int) t.n, t.s);
    return o->text[i] ? LBK_OK : no_memory(o);
}

static int find(const lbk_opts *o, struct text name)
{
    for (int i = 0; i < o->n; i++)
        if (same(name, o->table[i].name))
            return i;
    return -1;
}

static lbk_status unknown(const lbk_opts *o, struct text name)
{
    char text[64];
    const char *best = NULL;
    snprintf(text, sizeof text, "%.*s", name.n < 60 ? (int) name.n : 60, name.s);
    int room = lbk__distance_max(text);
    for (int i = 0; i < o->n; i++) {
        const int d = lbk__distance(text, o->table[i].name, room);
        if (d <= room)
            best = o->table[i].name, room = d - 1;
    }
    if (best)
        return lbk_fail(o->ctx, LBK_ENOENT, "%s%s: no such option; did you mean '%s'?", o->prefix,
                        text, best);
    return lbk_fail(o->ctx, LBK_ENOENT, "%s%s: no such option", o->prefix, text);
}

static lbk_status check_entry(lbk_ctx *ctx, const struct lbk_opt *d, size_t cfg_size)
{
    if ((unsigned) d->type > LBK_OPT_WEIGHT)
        return lbk_fail(ctx, LBK_EINVAL, "option '%s': expected a type of 1..%d, found %d", d->name,
                        LBK_OPT_WEIGHT, (int) d->type);
    if (d->offset > cfg_size || types[d->type].size > cfg_size - d->offset)
        return lbk_fail(ctx, LBK_EINVAL,
                        "option '%s': expected a field within %zu bytes, found one at %zu", d->name,
                        cfg_size, d->offset);
    if (d->type == LBK_OPT_ENUM && (!d->names || !d->names[0]))
        return lbk_fail(ctx, LBK_EINVAL, "option '%s': expected names of its values, found none",
                        d->name);
    return LBK_OK;
}

static lbk_status set_defaults(lbk_opts *o)
{
    for (int i = 0; i < o->n; i++) {
        const struct lbk_opt *d = &o->table[i];
        char number[32];
        if (!d->sdef && d->type >= LBK_OPT_ENUM && d->type != LBK_OPT_LIST)
            continue; /* zero is the first name, no text, no numbers, off */
        const char *text = d->type >= LBK_OPT_ENUM ? d->sdef ? d->sdef : ""
                                                   : lbk__opt_default(d, number, sizeof number);
        const lbk_status st = set(o, i, (struct text){ text, strlen(text) });
        if (st)
            return st;
        if (!d->sdef)
            o->text[i] = NULL;
    }
    return LBK_OK;
}

lbk_status lbk_opts_create(lbk_ctx *ctx, const struct lbk_opt *table, size_t cfg_size,
                           lbk_opts **out)
{
    lbk_opts *o = calloc(1, sizeof *o);
    lbk_status st = LBK_OK;
    *out = NULL;
    if (!o)
        return lbk_fail(ctx, LBK_ENOMEM, "options: out of memory");
    o->ctx = ctx, o->table = table, o->prefix = "";
    while (!st && table && table[o->n].type != LBK_OPT_END)
        st = check_entry(ctx, &table[o->n++], cfg_size);
    o->text = lbk__arena_get(&o->arena, (size_t) (o->n + 1) * sizeof *o->text);
    o->cfg = lbk__arena_get(&o->arena, cfg_size + 1);
    if (!st)
        st = o->text && o->cfg ? set_defaults(o) : no_memory(o);
    if (st)
        lbk_opts_destroy(&o);
    *out = o;
    return st;
}

void lbk_opts_destroy(lbk_opts **o)
{
    if (!*o)
        return;
    lbk__arena_finish(&(*o)->arena);
    free(*o);
    *o = NULL;
}

lbk_status lbk_opts_set(lbk_opts *o, const char *name, const char *text)
{
    const struct text key = { name, strlen(name) };
    const int i = find(o, key);
    return i < 0 ? unknown(o, key) : set(o, i, (struct text){ text, strlen(text) });
}

static lbk_status set_item(lbk_opts *o, struct text item)
{
    const char *eq = memchr(item.s, '=', item.n);
    struct text name = { item.s, eq ? (size_t) (eq - item.s) : item.n };
    struct text value =
        eq ? (struct text){ eq + 1, item.n - name.n - 1 } : (struct text){ "yes", 3 };
    lbk__trim(&name.s, &name.n);
    lbk__trim(&value.s, &value.n);
    lbk__unwrap(&value.s, &value.n);
    const int i = find(o, name);
    if (i < 0)
        return unknown(o, name);
    if (!eq && o->table[i].type != LBK_OPT_BOOL)
        return wrong(o, &o->table[i], "name=value", item);
    return set(o, i, value);
}

lbk_status lbk_opts_parse(lbk_opts *o, const char *text)
{
    const char *rest = text && text[strspn(text, " \t")] ? text : NULL;
    struct text item = { "", 0 };
    lbk_status st = LBK_OK;
    while (!st && lbk__next_item(&rest, ",", &item.s, &item.n))
        st = set_item(o, item);
    if (!item.s)
        return lbk_fail(o->ctx, LBK_EINVAL,
                        "%soptions: expected quotes and brackets that close, got '%.80s'",
                        o->prefix, text);
    return st;
}

const void *lbk_opts_cfg(const lbk_opts *o) { return o->cfg; }

static const char *value_text(const lbk_opts *o, int i, char buf[32])
{
    const struct lbk_opt *d = &o->table[i];
    const void *field = o->cfg + d->offset;
    switch (d->type) {
    case LBK_OPT_BOOL: return *(const bool *) field ? "yes" : "no";
    case LBK_OPT_ENUM: return d->names[*(const int *) field];
    case LBK_OPT_FLOAT: return lbk__number_text(*(const double *) field, buf);
    case LBK_OPT_INT: snprintf(buf, 32, "%lld", (long long) *(const int64_t *) field); return buf;
    default: return o->text[i];
    }
}

size_t lbk_opts_save(const lbk_opts *o, char *buf, size_t size)
{
    size_t used = 0;
    if (size)
        *buf = 0;
    for (int i = 0; i < o->n; i++) {
        char number[32];
        const char *text = value_text(o, i, number);
        if (text)
            used +=
                (size_t) snprintf(used < size ? buf + used : NULL, used < size ? size - used : 0,
                                  "%s=%s\n", o->table[i].name, text);
    }
    return used;
}

void lbk_opts_help(const struct lbk_opt *table, void (*put)(void *ud, const char *line), void *ud)
{
    char def[200], range[200], line[1024];
    int width[3] = { 0 };
    for (int pass = 0; pass < 2; pass++)
        for (const struct lbk_opt *d = table; d && d->type != LBK_OPT_END; d++) {
            lbk__opt_default(d, def, sizeof def);
            lbk__opt_range(d, range, sizeof range);
            const int n[3] = { (int) strlen(d->name), (int) strlen(def), (int) strlen(range) };
            for (int i = 0; i < 3; i++)
                width[i] = n[i] > width[i] && n[i] <= 24 ? n[i] : width[i];
            snprintf(line, sizeof line, "%-*s  %-7s  %-*s  %-*s  %s", width[0], d->name,
                     types[d->type].name, width[1], def, width[2], range, d->help ? d->help : "");
            if (pass)
                put(ud, line);
        }
}

lbk_status lbk__opts_prefix(lbk_opts *o, const char *prefix)
{
    o->prefix = lbk__arena_str(&o->arena, "%s.", prefix);
    if (o->prefix)
        return LBK_OK;
    o->prefix = "";
    return no_memory(o);
}

bool lbk__opts_has(const lbk_opts *o, const char *name)
{
    return find(o, (struct text){ name, strlen(name) }) >= 0;
}

const struct lbk_opt *lbk__opts_table(const lbk_opts *o) { return o->table; }

bool lbk__opts_weights_off(const lbk_opts *o)
{
    bool off = true;
    for (int i = 0; i < o->n; i++)
        if (o->table[i].type == LBK_OPT_WEIGHT)
            off = off && lbk_ramp_off(*(
                             const struct lbk_ramp *) (const void *) (o->cfg + o->table[i].offset));
    return off;
}

lbk_status lbk__opts_plain(lbk_opts *o)
{
    lbk_status st = LBK_OK;
    for (int i = 0; !st && i < o->n; i++)
        if (o->table[i].type == LBK_OPT_WEIGHT)
            st = set(o, i, (struct text){ "0", 1 });
    return st;
}
