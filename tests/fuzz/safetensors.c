/* SPDX-License-Identifier: MIT */
#include <limbeck/ckpt.h>
#include "file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const int fd = fuzz_file(data, size, path);
    lbk_ckpt_list(fuzz_ctx(), path, &(struct lbk_ckpt_seen) { 0 });
    close(fd);
    return 0;
}
