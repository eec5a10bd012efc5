/* SPDX-License-Identifier: MIT */
/* A test's own record, and what is said of it. */
#ifndef TEST_ONE_RECORD_H
#define TEST_ONE_RECORD_H
#include "small_data.h"
#include "record.h"

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    lbk_record *r;
};

static inline int record_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ctx = quiet_ctx(&f->heard);
    assert_int_equal(lbk__record_create(f->ctx, &f->r), LBK_OK);
    *state = f;
    return 0;
}

static inline int record_teardown(void **state)
{
    struct fixture *f = *state;
    lbk__record_destroy(&f->r);
    lbk_ctx_destroy(&f->ctx);
    free(f);
    return 0;
}

#endif
