/* SPDX-License-Identifier: MIT */
/* Steps: made once per group, then only enqueued. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "code.h"
#include "probe.h"

enum { FLUSH_EVERY = 16, LAST_AXES_MOST = 65535 };

void ocl_fail(lbk_code *c, lbk_status st)
{
    if (c && !c->status)
        c->status = st;
}

static void no_memory(lbk_code *c)
{
    if (!c->status)
        c->status = lbk_fail(c->d->ctx, LBK_ENOMEM, "opencl: out of host memory for a kernel");
}

struct ocl_step *ocl_step(lbk_code *c, const char *text)
{
    if (c->status)
        return NULL;
    struct ocl_step *s = calloc(1, sizeof *s);
    if (!s) {
        no_memory(c);
        return NULL;
    }
    s->code = c, s->text = text;
    if (c->last)
        c->last->next = s;
    else
        c->first = s;
    c->last = s;
    return s;
}

static void add_define(struct ocl_step *s, const char *macro, const char *value)
{
    const int n = (int) strcspn(macro, "(");
    ocl_put(&s->defines, "#undef %.*s\n#define %s %s\n", n, macro, macro, value);
    ocl_put(&s->names, "#undef %.*s\n", n, macro);
}

void ocl_define(struct ocl_step *s, const char *macro, const char *fmt, ...)
{
    char value[512];
    if (!s)
        return;
    va_list v;
    va_start(v, fmt);
    const int n = vsnprintf(value, sizeof value, fmt, v);
    va_end(v);
    s->defines.failed |= n < 0 || (size_t) n >= sizeof value;
    add_define(s, macro, value);
}

void ocl_define_text(struct ocl_step *s, const char *macro, struct ocl_text *t)
{
    if (s) {
        add_define(s, macro, t->s ? t->s : "");
        s->defines.failed |= t->failed;
    }
    free(t->s);
    *t = (struct ocl_text){ 0 };
}

static struct ocl_param *add(struct ocl_step *s, enum ocl_param_kind kind)
{
    if (!s)
        return NULL;
    if (s->n_param == OCL_PARAM_MAX) {
        ocl_fail(s->code, lbk_fail(s->code->d->ctx, LBK_EUNSUPPORTED,
                                   "opencl: kernel '%s' has more than %d parameters", s->text,
                                   OCL_PARAM_MAX));
        return NULL;
    }
    struct ocl_param *p = &s->param[s->n_param++];
    p->kind = kind;
    return p;
}

void ocl_link(struct ocl_step *s, int link)
{
    if (s)
        s->link = link;
}

static const struct lbk_group *linked(const struct lbk_group *g, int link)
{
    while (link-- > 0)
        g = g->also;
    return g;
}

void ocl_arg(struct ocl_step *s, int arg)
{
    struct ocl_param *p = add(s, P_ARG);
    if (p)
        p->index = arg, p->link = s->link, p->size = strided_size(s->code->g->arg[arg].dtype);
}

void ocl_out(struct ocl_step *s, int out)
{
    struct ocl_param *p = add(s, P_OUT);
    if (p)
        p->index = out, p->link = s->link, p->size = strided_size(s->code->g->out[out].dtype);
}

void ocl_scratch(struct ocl_step *s, size_t at, size_t size)
{
    struct ocl_param *p = add(s, P_SCRATCH);
    if (p)
        p->at = at, p->size = size;
}

static lbk_status make_table(lbk_drv *d, const void *data, size_t bytes, cl_mem *out)
{
    static const uint32_t nothing;
    cl_int err;
    *out = d->cl->CreateBuffer(d->context, CL_MEM_READ_ONLY, bytes ? bytes : sizeof nothing, NULL,
                               &err);
    lbk_status st = ocl_check(d, err, "a table of a kernel");
    if (!st)
        st = ocl_check(d,
                       d->cl->EnqueueWriteBuffer(d->queue, *out, CL_TRUE, 0,
                                                 bytes ? bytes : sizeof nothing,
                                                 bytes ? data : &nothing, 0, NULL, NULL),
                       "writing a table of a kernel");
    return st;
}

void ocl_table(struct ocl_step *s, const void *data, size_t bytes)
{
    struct ocl_param *p = add(s, P_TABLE);
    if (p)
        ocl_fail(s->code, make_table(s->code->d, data, bytes, &p->table));
}

static void add_value(struct ocl_step *s, const void *v, size_t size)
{
    struct ocl_param *p = add(s, P_VALUE);
    if (p)
        memcpy(&p->value, v, size), p->size = size;
}

void ocl_int(struct ocl_step *s, int64_t v)
{
    const cl_int i = (cl_int) v;
    if (s && i != v)
        ocl_fail(s->code,
                 lbk_fail(s->code->d->ctx, LBK_EUNSUPPORTED,
                          "opencl: kernel '%s': %lld does not fit an int", s->text, (long long) v));
    add_value(s, &i, sizeof i);
}

void ocl_ulong(struct ocl_step *s, uint64_t v)
{
    const cl_ulong u = v;
    add_value(s, &u, sizeof u);
}

/* mul is 2^(31 + shift) / v rounded up, and v <= 2^shift: exact for every a below 2^31. */
void ocl_quotient(int64_t v, uint32_t *mul, uint32_t *shift)
{
    *shift = 0;
    v = v < 1 ? 1 : v;
    while (*shift < 31 && (int64_t) 1 << *shift < v)
        ++*shift;
    const uint64_t scale = (uint64_t) 1 << (31 + *shift);
    *mul = (uint32_t) ((scale + (uint64_t) v - 1) / (uint64_t) v);
}

void ocl_divisor(struct ocl_step *s, int64_t v)
{
    cl_uint mul, shift;
    ocl_quotient(v, &mul, &shift);
    ocl_int(s, v < 1 ? 1 : v);
    add_value(s, &mul, sizeof mul);
    add_value(s, &shift, sizeof shift);
}

void ocl_float(struct ocl_step *s, float v) { add_value(s, &v, sizeof v); }

void ocl_local(struct ocl_step *s, size_t bytes)
{
    struct ocl_param *p = add(s, P_LOCAL);
    if (p)
        p->size = bytes ? bytes : 4;
}

void ocl_unless_inplace(struct ocl_step *s, int arg)
{
    if (s)
        s->unless = 1 + arg;
}

void ocl_groups(struct ocl_step *s, const int64_t groups[3], const int64_t local[3])
{
    for (int i = 0; s && i < 3; i++) {
        s->local[i] = (size_t) local[i];
        s->global[i] = (size_t) (groups[i] * local[i]);
        s->empty |= groups[i] <= 0;
    }
}

static int64_t power(int64_t n, int64_t most)
{
    int64_t p = 1;
    while (p < n && p < most)
        p *= 2;
    return p;
}

static int64_t at_most(int64_t n, size_t most)
{
    while (n > 1 && n > (int64_t) most)
        n /= 2;
    return n;
}

/* Longer along an outer axis until its groups are few enough. */
static void stretch(const struct ocl_step *s, int64_t local[3], int axis, int64_t n, size_t most)
{
    while ((n + local[axis] - 1) / local[axis] > LAST_AXES_MOST &&
           local[0] * local[1] * local[2] * 2 <= (int64_t) most &&
           local[axis] * 2 <= (int64_t) s->code->d->limits.items[axis])
        local[axis] *= 2;
}

/* A processor's compiler makes code for each local size: few of them, long along x. On a GPU a
 * group is about 256 work-items, and the outer axes have at most 65535 groups. */
static void set_grid(struct ocl_step *s, size_t most)
{
    const struct ocl_limits *l = &s->code->d->limits;
    const int64_t *n = s->grid;
    int64_t local[3] = { at_most(n[0] >= 256 ? 256 : n[0] >= 64 ? 64 : 16, most), 1, 1 };
    if (s->code->d->family == OCL_TILE) {
        local[0] = at_most(power(n[0], at_most(64, most)), l->items[0]);
        local[1] = at_most(power(n[1], at_most(256, most) / local[0]), l->items[1]);
        stretch(s, local, 1, n[1], most);
        stretch(s, local, 2, n[2], most);
    }
    const int64_t groups[3] = { (n[0] + local[0] - 1) / local[0], (n[1] + local[1] - 1) / local[1],
                                (n[2] + local[2] - 1) / local[2] };
    ocl_groups(s, groups, local);
}

void ocl_grid(struct ocl_step *s, int64_t x, int64_t y, int64_t z)
{
    if (!s)
        return;
    s->grid[0] = x, s->grid[1] = y, s->grid[2] = z;
    set_grid(s, s->code->d->limits.group);
}

void ocl_call(lbk_code *c, const char *what, ocl_caller call, const void *own, size_t bytes)
{
    struct ocl_step *s = ocl_step(c, what);
    if (!s)
        return;
    s->call = call;
    s->own = malloc(bytes);
    if (s->own)
        memcpy(s->own, own, bytes);
    else
        no_memory(c);
}

/* ---- life ---- */

static void want_programs(lbk_code *c)
{
    for (struct ocl_step *s = c->first; s && !c->status; s = s->next) {
        if (s->defines.failed || s->names.failed)
            no_memory(c);
        else if (!s->empty && !s->call)
            s->entry = ocl_program_want(c->d, s->text, s->defines.s ? s->defines.s : "",
                                        s->names.s ? s->names.s : "");
        if (!c->status && !s->empty && !s->call && !s->entry)
            c->status = LBK_EDEVICE;
        free(s->defines.s), free(s->names.s);
        s->defines = s->names = (struct ocl_text){ 0 };
    }
}

lbk_status ocl_prepare(lbk_drv *d, const struct lbk_group *g, lbk_code **out)
{
    lbk_code *c = calloc(1, sizeof *c);
    if (!c)
        return lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory for a kernel");
    c->d = d, c->g = g;
    ocl_kernel_find(g)->on[d->family].prepare(d, g, c);
    want_programs(c);
    c->g = NULL;
    const lbk_status st = c->status;
    if (st)
        ocl_release(d, c);
    else
        *out = c;
    return st;
}

void ocl_release(lbk_drv *d, lbk_code *c)
{
    struct ocl_step *s = c ? c->first : NULL;
    while (s) {
        struct ocl_step *next = s->next;
        for (int i = 0; i < s->n_param; i++)
            if (s->param[i].table)
                d->cl->ReleaseMemObject(s->param[i].table);
        if (s->kernel)
            d->cl->ReleaseKernel(s->kernel);
        free(s->defines.s), free(s->names.s), free(s->own);
        free(s);
        s = next;
    }
    free(c);
}

static cl_int set_fixed(lbk_drv *d, struct ocl_step *s)
{
    static const cl_ulong zero;
    cl_int err = CL_SUCCESS;
    cl_uint at = 0;
    for (int i = 0; i < s->n_param && !err; i++) {
        const struct ocl_param *p = &s->param[i];
        if (p->kind == P_VALUE)
            err = d->cl->SetKernelArg(s->kernel, at, p->size, &p->value);
        else if (p->kind == P_LOCAL)
            err = d->cl->SetKernelArg(s->kernel, at, p->size, NULL);
        else if (p->kind == P_TABLE)
            err = d->cl->SetKernelArg(s->kernel, at, sizeof p->table, &p->table);
        at++;
        if (p->kind == P_TABLE && !err)
            err = d->cl->SetKernelArg(s->kernel, at, sizeof zero, &zero);
        at += p->kind <= P_TABLE;
    }
    return err;
}

/* A kernel may be allowed fewer work-items to a group than the device: its registers count. */
static lbk_status fit_group(lbk_drv *d, struct ocl_step *s)
{
    size_t most = 0;
    const size_t want = s->local[0] * s->local[1] * s->local[2];
    const cl_int err = d->cl->GetKernelWorkGroupInfo(
        s->kernel, d->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    /* A driver that does not say will, when it is launched. */
    if (err || want <= most || (want <= d->limits.group && ocl_probe_larger_groups(d)))
        return LBK_OK;
    if (s->grid[0] && most > 0) {
        set_grid(s, most);
        return LBK_OK;
    }
    return lbk_fail(d->ctx, LBK_EUNSUPPORTED,
                    "opencl: kernel '%s' wants groups of %zu work-items, '%s' runs it with %zu at "
                    "most; 'limbeck tune' finds tiles that fit",
                    s->text, want, d->name, most);
}

static lbk_status open_step(lbk_drv *d, struct ocl_step *s)
{
    lbk_status st = ocl_program_take(d, s->entry, &s->kernel);
    st = st ? st : fit_group(d, s);
    return st ? st : ocl_check(d, set_fixed(d, s), s->text);
}

static cl_int set_buffer(lbk_drv *d, struct ocl_step *s, struct ocl_param *p, cl_uint at,
                         const struct lbk_arg *a)
{
    const cl_ulong begin = (a->offset + p->at) / p->size;
    cl_int err = CL_SUCCESS;
    if (p->mem != a->mem->id)
        err = d->cl->SetKernelArg(s->kernel, at, sizeof a->mem->buf, &a->mem->buf);
    if (!err && (!p->mem || p->begin != begin))
        err = d->cl->SetKernelArg(s->kernel, at + 1, sizeof begin, &begin);
    p->mem = err ? 0 : a->mem->id;
    p->begin = begin;
    return err;
}

static cl_int set_buffers(lbk_drv *d, struct ocl_step *s, const struct lbk_group *g)
{
    cl_int err = CL_SUCCESS;
    cl_uint at = 0;
    for (int i = 0; i < s->n_param && !err; i++) {
        struct ocl_param *p = &s->param[i];
        if (p->kind <= P_SCRATCH)
            err = set_buffer(d, s, p, at,
                             p->kind == P_ARG   ? &linked(g, p->link)->arg[p->index]
                             : p->kind == P_OUT ? &linked(g, p->link)->out[p->index]
                                                : &g->scratch);
        at += p->kind <= P_TABLE ? 2 : 1;
    }
    return err;
}

/* The first and the last event of a group are kept: its time is from the start of one to the end of
 * the other. */
static void keep(lbk_drv *d, cl_event e, bool first)
{
    cl_event *to = first ? &d->first : &d->last;
    if (*to)
        d->cl->ReleaseEvent(*to);
    *to = e;
}

static lbk_status enqueue_kernel(lbk_drv *d, struct ocl_step *s, const struct lbk_group *g,
                                 cl_event *e)
{
    lbk_status st = s->kernel ? LBK_OK : open_step(d, s);
    if (!st)
        st = ocl_check(d, set_buffers(d, s, g), s->text);
    if (!st)
        st = ocl_check(d,
                       d->cl->EnqueueNDRangeKernel(d->queue, s->kernel, 3, NULL, s->global,
                                                   s->local, 0, NULL, e),
                       s->text);
    return st;
}

/* What is called gives an event for the last of its kernels: a marker stands before the first. */
static lbk_status enqueue_call(lbk_drv *d, struct ocl_step *s, const struct lbk_group *g,
                               bool first, cl_event *e)
{
    cl_event begin = NULL;
    lbk_status st = LBK_OK;
    if (e && first)
        st = ocl_check(d, d->cl->EnqueueMarkerWithWaitList(d->queue, 0, NULL, &begin), s->text);
    if (begin)
        keep(d, begin, true);
    return st ? st : s->call(d, g, s->own, e);
}

static lbk_status enqueue(lbk_drv *d, struct ocl_step *s, const struct lbk_group *g, bool first)
{
    cl_event e = NULL, *const event = d->timing ? &e : NULL;
    lbk_status st = s->call ? enqueue_call(d, s, g, first, event) : enqueue_kernel(d, s, g, event);
    if (st || ++d->unflushed < FLUSH_EVERY)
        ;
    else
        st = ocl_check(d, d->cl->Flush(d->queue), "flushing the queue"), d->unflushed = 0;
    if (e)
        keep(d, e, first && !s->call);
    return st;
}

static void forget_times(lbk_drv *d)
{
    keep(d, NULL, true);
    keep(d, NULL, false);
}

static bool left_out(const struct ocl_step *s, const struct lbk_group *g)
{
    if (s->empty || !s->unless)
        return s->empty;
    const struct lbk_arg *a = &g->arg[s->unless - 1], *y = &g->out[0];
    return a->mem->buf == y->mem->buf && a->offset == y->offset;
}

lbk_status ocl_launch(lbk_drv *d, const struct lbk_group *g, lbk_code *c)
{
    lbk_status st = LBK_OK;
    bool first = true;
    forget_times(d);
    for (struct ocl_step *s = c->first; s && !st; s = s->next) {
        if (left_out(s, g))
            continue;
        st = enqueue(d, s, g, first);
        first = false;
    }
    return st;
}
