/* SPDX-License-Identifier: MIT */
/* Buffers, and copies to them that do not wait: from page-locked staging memory. */
#include <stdlib.h>
#include <string.h>
#include "code.h"

enum { SLOTS = 4, SLOT_BYTES = 4 << 20 };

/* Slots are filled in turn; one is free again when its copy has ended. */
struct ocl_staging {
    cl_mem buf;
    char *at;
    cl_event busy[SLOTS];
    int next;
};

lbk_status ocl_staging_open(lbk_drv *d)
{
    cl_int err;
    struct ocl_staging *s = calloc(1, sizeof *s);
    if (!s)
        return lbk_fail(d->ctx, LBK_ENOMEM, "opencl: out of host memory");
    d->staging = s;
    s->buf = d->cl->CreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR,
                                 (size_t) SLOTS * SLOT_BYTES, NULL, &err);
    lbk_status st = ocl_check(d, err, "memory for copies");
    if (st)
        return st;
    s->at = d->cl->EnqueueMapBuffer(d->queue, s->buf, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                    (size_t) SLOTS * SLOT_BYTES, 0, NULL, NULL, &err);
    return ocl_check(d, err, "mapping memory for copies");
}

void ocl_staging_close(lbk_drv *d)
{
    struct ocl_staging *s = d->staging;
    if (!s)
        return;
    for (int i = 0; i < SLOTS; i++)
        if (s->busy[i])
            d->cl->ReleaseEvent(s->busy[i]);
    if (s->at) {
        d->cl->EnqueueUnmapMemObject(d->queue, s->buf, s->at, 0, NULL, NULL);
        d->cl->Finish(d->queue);
    }
    if (s->buf)
        d->cl->ReleaseMemObject(s->buf);
    free(s);
    d->staging = NULL;
}

/* Zeroed, which also shows whether memory promised is there. */
static cl_int make_zeros(lbk_drv *d, size_t bytes, cl_mem *out)
{
    static const cl_uint zero;
    cl_int err;
    *out = d->cl->CreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &err);
    return err ? err
               : d->cl->EnqueueFillBuffer(d->queue, *out, &zero, sizeof zero, 0, bytes, 0, NULL,
                                          NULL);
}

lbk_status ocl_alloc(lbk_drv *d, size_t bytes, lbk_mem **out)
{
    if (bytes > d->limits.max_alloc)
        return LBK_ENOMEM;
    lbk_mem *m = calloc(1, sizeof *m);
    if (!m)
        return LBK_ENOMEM;
    m->id = ++d->mems;
    m->bytes = (size_t) ocl_up((int64_t) (bytes ? bytes : 1), 64);
    const cl_int err = make_zeros(d, m->bytes, &m->buf);
    const lbk_status st = ocl_is_memory(err) ? LBK_ENOMEM : ocl_check(d, err, "a buffer");
    if (st)
        ocl_free(d, m);
    else
        *out = m;
    return st;
}

void ocl_free(lbk_drv *d, lbk_mem *m)
{
    if (m && m->buf)
        d->cl->ReleaseMemObject(m->buf);
    free(m);
}

static lbk_status free_slot(lbk_drv *d, int i)
{
    struct ocl_staging *s = d->staging;
    if (!s->busy[i])
        return LBK_OK;
    const lbk_status st = ocl_check(d, d->cl->WaitForEvents(1, &s->busy[i]), "waiting for a copy");
    d->cl->ReleaseEvent(s->busy[i]);
    s->busy[i] = NULL;
    return st;
}

lbk_status ocl_write(lbk_drv *d, lbk_mem *m, size_t off, const void *src, size_t n)
{
    struct ocl_staging *s = d->staging;
    lbk_status st = LBK_OK;
    for (size_t done = 0, k; done < n && !st; done += k) {
        const int slot = s->next;
        char *from = s->at + (size_t) slot * SLOT_BYTES;
        k = n - done < SLOT_BYTES ? n - done : SLOT_BYTES;
        st = free_slot(d, slot);
        if (st)
            break;
        memcpy(from, (const char *) src + done, k);
        st = ocl_check(d,
                       d->cl->EnqueueWriteBuffer(d->queue, m->buf, CL_FALSE, off + done, k, from, 0,
                                                 NULL, &s->busy[slot]),
                       "writing a buffer");
        s->next = (slot + 1) % SLOTS;
    }
    return st ? st : ocl_check(d, d->cl->Flush(d->queue), "flushing the queue");
}

lbk_status ocl_read(lbk_drv *d, const lbk_mem *m, size_t off, void *dst, size_t n)
{
    return n == 0 ? LBK_OK
                  : ocl_check(d,
                              d->cl->EnqueueReadBuffer(d->queue, m->buf, CL_TRUE, off, n, dst, 0,
                                                       NULL, NULL),
                              "reading a buffer");
}

lbk_status ocl_copy(lbk_drv *d, lbk_mem *dst, size_t doff, const lbk_mem *src, size_t soff,
                    size_t n)
{
    return n == 0 ? LBK_OK
                  : ocl_check(d,
                              d->cl->EnqueueCopyBuffer(d->queue, src->buf, dst->buf, soff, doff, n,
                                                       0, NULL, NULL),
                              "copying a buffer");
}
