/* SPDX-License-Identifier: MIT */
/* What can be known before the first step: that the folder takes the run, that memory takes the
 * plan, and what will be done. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "file.h"
#include "host.h"
#include "opt.h"
#include "text.h"
#include "trainer.h"

static double mib(uint64_t bytes) { return (double) bytes / (1 << 20); }

/* ---- the folder ---- */

static lbk_status cannot(lbk_ctx *ctx, const char *dir, int err)
{
    return lbk_fail(ctx, LBK_EIO, "%s: cannot write there: %s", dir, strerror(err));
}

/* The nearest folder above that is there: "" and "x" are in ".". */
static void there(const char *dir, char *out, size_t size)
{
    struct stat s;
    snprintf(out, size, "%s", dir);
    while (*out && stat(out, &s) && errno == ENOENT) {
        char *slash = strrchr(out, '/');
        if (slash == out)
            out[1] = 0;
        else if (slash)
            *slash = 0;
        else
            snprintf(out, size, ".");
    }
}

static lbk_status try_folder(lbk_ctx *ctx, const char *dir, uint64_t bytes)
{
    char above[4096], probe[4128];
    struct statvfs v;
    there(dir, above, sizeof above);
    snprintf(probe, sizeof probe, "%s/.limbeck-XXXXXX", above);
    if (!mkdtemp(probe))
        return cannot(ctx, dir, errno);
    rmdir(probe);
    if (statvfs(above, &v))
        return cannot(ctx, dir, errno);
    const double left = (double) v.f_bavail * (double) v.f_frsize;
    return (double) bytes <= left
               ? LBK_OK
               : lbk_fail(ctx, LBK_EIO, "%s: the checkpoints need %.1f MiB, %.1f MiB are left", dir,
                          mib(bytes), left / (1 << 20));
}

lbk_status lbk__out_check(lbk_ctx *ctx, const char *dir, bool resume, uint64_t bytes)
{
    char path[4096];
    const char *before = lbk__about(ctx, "out");
    snprintf(path, sizeof path, "%s/config.yaml", dir);
    const lbk_status st =
        !resume && !access(path, F_OK)
            ? lbk_fail(ctx, LBK_EINVAL,
                       "%s: holds a run already: go on with it by resume, or choose another folder",
                       dir)
            : try_folder(ctx, dir, bytes);
    lbk__about(ctx, before);
    return st;
}

static uint64_t bytes_of(const lbk_store *s)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < s->n; i++)
        sum += s->at[i].tensor->bytes;
    return sum;
}

/* The last checkpoint, the one before it and the one that is being written, each with the best
 * weights beside the last. */
uint64_t lbk__out_bytes(const lbk_store *s) { return 4 * bytes_of(s); }

/* ---- memory ---- */

static uint64_t batch_bytes(const struct batch *b)
{
    uint64_t sum = 0;
    size_t n;
    for (int i = 0; i < b->n; i++)
        sum += lbk__shape_bytes(b->fields[i].dtype, b->fields[i].shape, &n) ? n : 0;
    return sum;
}

static uint64_t host_bytes(const struct rehearsed *r)
{
    uint64_t sum = r->val ? LOADER_DEPTH * batch_bytes(lbk__loader_layout(r->val->loader)) : 0;
    for (int i = 0; i < r->parts->n; i++)
        sum += LOADER_DEPTH * batch_bytes(lbk__loader_layout(r->parts->loader[i]));
    return sum;
}

static uint64_t arena_bytes(const struct engine *e)
{
    struct lbk_exec_info info = { .size = sizeof info };
    if (e)
        lbk_exec_info(e->exec, &info);
    return info.arena_bytes;
}

/* The device has refused already what is more than it has in all. Of the host something may be in
 * use by others; of what is planned, temporaries and batches have not been touched yet. */
lbk_status lbk__rehearsed_fits(const struct trainer *t, const struct rehearsed *r)
{
    const lbk_device *d = t->run->device;
    const uint64_t left = lbk__host_memory(""), batches = host_bytes(r);
    uint64_t plan = arena_bytes(r->parts->engine);
    if (!left || batches + plan <= left)
        return LBK_OK;
    plan = lbk__device_is_host(d) ? plan : 0;
    if (batches + plan <= left)
        return LBK_OK;
    const char *before = lbk__about_memory(t->ctx, "batch");
    const lbk_status st = lbk_fail(
        t->ctx, LBK_ENOMEM,
        "stage '%s': a step needs %.1f MiB and batches read ahead %.1f MiB of the host, of "
        "which %.1f MiB are left",
        r->s->d.name, mib(plan), mib(batches), mib(left));
    lbk__about_memory(t->ctx, before);
    return st;
}

/* ---- telling ---- */

static void put(const struct trainer *t, struct text *x)
{
    if (!x->failed)
        t->put(t->ud, x->at);
    lbk__text_free(x);
}

/* The decimal point is none of the locale's. */
static void add_number(struct text *x, const char *fmt, double v)
{
    char text[64];
    snprintf(text, sizeof text, fmt, v);
    for (char *p = text; *p; p++)
        *p = *p == ',' ? '.' : *p;
    lbk__text_word(x, text);
}

static void add_mib(struct text *x, const char *before, uint64_t bytes)
{
    lbk__text_word(x, before);
    add_number(x, "%.1f", mib(bytes));
}

static void add_seconds(struct text *x, double s)
{
    if (s < 120)
        add_number(x, s < 1 ? "%.3g s" : "%.0f s", s);
    else
        add_number(x, s < 7200 ? "%.0f min" : "%.1f h", s / (s < 7200 ? 60 : 3600));
}

static void add_ramp(struct text *x, struct lbk_ramp r, const struct length *n)
{
    static const char *const when[] = { " at first, ", " half way, ", " at the end" };
    const double begin = (double) n->begin, steps = (double) (n->steps > 1 ? n->steps - 1 : 0);
    double v;
    if (lbk__ramp_constant(r, &v)) {
        add_number(x, "%.4g", v);
        return;
    }
    for (int i = 0; i < 3; i++) {
        const double at = begin + floor(steps * i / 2);
        add_number(x, "%.4g", lbk__ramp_at(r, at, (double) n->epoch, (double) n->clock));
        lbk__text_word(x, when[i]);
    }
}

/* The last stage before this one that trains it; NULL: none does. */
static const char *trained_by(const struct trainer *t, const char *role)
{
    for (int64_t i = t->at.stage - 1; i >= 0; i--) {
        const struct stage *s = &t->run->schedule->stage[i];
        for (int k = 0; k < s->n_roles && !s->d.sweep; k++)
            if (s->d.roles[k].mode == LBK_TRAINED && !strcmp(s->d.roles[k].name, role))
                return s->d.name;
    }
    return NULL;
}

static void tell_role(const struct trainer *t, const struct lbk_pass *p)
{
    static const char *const mode[] = { [LBK_FROZEN] = "frozen",
                                        [LBK_FROZEN_BATCH] = "frozen, normalises by the batch",
                                        [LBK_TRAINED] = "trained" };
    struct text x = { 0 };
    const struct role *r = p->role;
    const char *stage = trained_by(t, p->name);
    lbk__text_add(&x, "  role %s: %s, %s, %" PRId64 " parameters, ", p->name, r->model->name,
                  mode[p->piece.net.mode], p->piece.net.parameters);
    if (r->artifact)
        lbk__text_add(&x, "weights '%s' of an earlier stage", r->artifact);
    else if (stage)
        lbk__text_add(&x, "weights of stage %s", stage);
    else if (r->weights)
        lbk__text_add(&x, "weights from %s", r->weights);
    else
        lbk__text_add(&x, "weights drawn");
    put(t, &x);
}

static void tell_roles(const struct trainer *t, const lbk_objective *o)
{
    for (int i = 0; i < o->n_pass; i++) {
        bool again = !o->pass[i]->built || !o->pass[i]->role;
        for (int k = 0; k < i; k++)
            again = again || !strcmp(o->pass[k]->name, o->pass[i]->name);
        if (!again)
            tell_role(t, o->pass[i]);
    }
}

static void tell_streams(const struct trainer *t, const struct rehearsed *r)
{
    for (int i = 0; i < r->parts->n; i++) {
        struct text x = { 0 };
        const struct teacher_stream *s = &r->parts->stream[i];
        const struct batch *b = lbk__loader_layout(r->parts->loader[i]);
        lbk__text_add(&x, "  stream %s: %s, %" PRId64 " samples, %" PRId64 " to a %s;",
                      s->source->name, s->source->data->name, s->source->data->n, s->how.batch,
                      r->n.steps ? "step" : "batch");
        for (int k = 0; k < b->n; k++) {
            char shape[96];
            lbk__text_add(&x, "%s %s %s", k ? "," : "", b->fields[k].name,
                          lbk__shape_text(b->fields[k].shape, shape, sizeof shape));
        }
        put(t, &x);
    }
}

static void tell_terms(const struct trainer *t, const struct rehearsed *r)
{
    const struct engine *e = r->parts->engine;
    for (int i = 0; e && r->values && i < e->o->n_term; i++) {
        struct text x = { 0 };
        lbk__text_add(&x, "  term %s: weight ", e->o->term[i].label);
        add_ramp(&x, e->o->term[i].weight, &r->n);
        add_number(&x, "; %.4g on the first batch", (double) r->values[i + (e->o->n_term > 1)]);
        put(t, &x);
    }
}

static void tell_memory(const struct trainer *t, const struct rehearsed *r)
{
    struct text x = { 0 };
    const lbk_device *d = t->run->device;
    struct lbk_exec_info info = { .size = sizeof info };
    if (r->parts->engine)
        lbk_exec_info(r->parts->engine->exec, &info);
    add_mib(&x, "  memory: ", d->bytes);
    lbk__text_word(&x, " MiB");
    if (d->limits.memory)
        add_mib(&x, " of ", d->limits.memory);
    lbk__text_add(&x, " on %s", d->spec);
    add_mib(&x, " (weights and optimiser ", bytes_of(t->run->store));
    add_mib(&x, ", a step ", info.arena_bytes);
    add_mib(&x, "); batches read ahead ", host_bytes(r));
    lbk__text_word(&x, " on the host");
    put(t, &x);
    lbk__text_add(&x, "  plan: %d launches, %d operators that fall back to the host", info.launches,
                  info.fallbacks);
    if (r->parts->engine)
        put(t, &x);
    lbk__text_free(&x);
}

/* Threads read while the device computes. */
static double together(const struct trainer *t, const struct rehearsed *r)
{
    const double threads = (double) t->run->cfg->loaders;
    return threads > 0 ? fmax(r->step, r->load / threads) : r->step + r->load;
}

static double per_epoch(const struct trainer *t, const struct rehearsed *r)
{
    const double n = r->val ? (double) lbk__loader_batches(r->val->loader) : 0;
    const double epoch = (double) r->n.epoch, all = (double) r->n.clock;
    const double every = fmax(1, lbk__span_steps(t->run->cfg->eval_every, epoch, all));
    return epoch * together(t, r) + epoch / every * n * r->judge;
}

static void tell_time(struct trainer *t, const struct rehearsed *r)
{
    struct text x = { 0 };
    const double epoch = per_epoch(t, r);
    const double all = r->n.steps ? epoch * (double) r->n.steps / (double) r->n.epoch : epoch;
    lbk__text_add(&x, "  time: about ");
    add_seconds(&x, epoch);
    lbk__text_add(&x, r->n.steps ? " an epoch (a step " : " (a batch ");
    add_seconds(&x, r->step);
    if (r->n.steps) {
        lbk__text_word(&x, ", reading its batch ");
        add_seconds(&x, r->load);
    }
    lbk__text_word(&x, ")");
    put(t, &x);
    t->seconds += all;
}

static void tell_length(const struct trainer *t, const struct rehearsed *r)
{
    struct text x = { 0 };
    lbk__text_add(&x, "stage %s: ", r->s->d.name);
    if (!r->n.steps) {
        lbk__text_word(&x, "one pass over the data");
        put(t, &x);
        return;
    }
    lbk__text_add(&x, "%" PRId64 " steps, ", r->n.steps);
    add_number(&x, "%.4g epochs", (double) r->n.steps / (double) r->n.epoch);
    lbk__text_add(&x, " of %" PRId64, r->n.epoch);
    put(t, &x);
    lbk__text_add(&x, "  optimiser %s; learning rate ", r->optim);
    add_ramp(&x, r->lr, &r->n);
    put(t, &x);
}

static void log_line(void *ud, const char *line) { lbk_ctx_log(ud, LBK_LOG_DEBUG, "%s", line); }

void lbk__rehearsed_log(struct trainer *t, const struct rehearsed *r)
{
    if (t->put && r->parts->engine)
        lbk_exec_dump(r->parts->engine->exec, log_line, t->ctx);
}

void lbk__rehearsed_end(const struct trainer *t)
{
    struct text x = { 0 };
    if (!t->put)
        return;
    lbk__text_add(&x, "all is well: %" PRId64 " stage%s, about ", t->run->schedule->n,
                  t->run->schedule->n == 1 ? "" : "s");
    add_seconds(&x, t->seconds);
    add_mib(&x, "; up to ", lbk__out_bytes(t->run->store));
    lbk__text_word(&x, " MiB on disk");
    put(t, &x);
}

void lbk__rehearsed_tell(struct trainer *t, const struct rehearsed *r)
{
    if (!t->put)
        return;
    tell_length(t, r);
    if (r->parts->engine)
        tell_roles(t, r->parts->engine->o);
    tell_streams(t, r);
    tell_terms(t, r);
    tell_memory(t, r);
    tell_time(t, r);
}
