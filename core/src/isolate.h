/* SPDX-License-Identifier: MIT */
/* Runs what may crash, exit or hang in a child process. */
#ifndef LBK_SRC_ISOLATE_H
#define LBK_SRC_ISOLATE_H
#include <limbeck/ctx.h>

/* A sanitizer's shadow takes more address space than any limit would leave. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define ISOLATE_SANITIZED 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                        \
     __has_feature(memory_sanitizer)
#  define ISOLATE_SANITIZED 1
# endif
#endif
#ifndef ISOLATE_SANITIZED
# define ISOLATE_SANITIZED 0
#endif

enum isolate_end { ISOLATE_DONE, ISOLATE_FAILED, ISOLATE_CRASHED, ISOLATE_EXITED, ISOLATE_HUNG };
struct isolated {
    enum isolate_end end;
    lbk_status status; /* what fn returned, of DONE and FAILED; LBK_EABI for the others */
    /* FAILED: its last error line; else "crashed: Aborted", "exited with 3", "took longer than 5 s"
     */
    char text[1024];
};

/* fn gets a context of the same parameters as ctx, in a forked child that reads and prints nothing,
 * with at most `seconds` of wall time, 4 GiB of address space (no limit under a sanitizer) and no
 * core file. LBK_OK when the child ran, whatever it did: that is in *out. No other thread of the
 * caller may hold a lock. */
lbk_status lbk__isolated(lbk_ctx *ctx, lbk_status (*fn)(lbk_ctx *child, void *arg), void *arg,
                         double seconds, struct isolated *out);

#endif
