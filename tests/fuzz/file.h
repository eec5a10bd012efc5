/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <limbeck/plugin.h>

/* A file in memory with these bytes; path names it until it is closed. */
static inline int fuzz_file(const uint8_t *data, size_t size, char path[64])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t) size)
        exit(99);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static inline lbk_ctx *fuzz_ctx(void)
{
    static lbk_ctx *ctx;
    const struct lbk_ctx_params p = { .size = sizeof p, .log_level = LBK_LOG_ERROR };
    if (!ctx && lbk_ctx_create(&p, &ctx))
        exit(99);
    return ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
