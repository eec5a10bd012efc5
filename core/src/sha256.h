/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4, section 6.2). */
#ifndef LBK_SRC_SHA256_H
#define LBK_SRC_SHA256_H
#include <stddef.h>
#include <stdint.h>

/* Takes n blocks of 64 bytes into h. */
typedef void sha256_blocks(uint32_t h[8], const unsigned char *block, size_t n);
struct sha256 {
    uint32_t h[8];
    uint64_t bytes;
    unsigned char block[64];
    sha256_blocks *blocks;
};

void lbk__sha256_init(struct sha256 *s);
void lbk__sha256_add(struct sha256 *s, const void *data, size_t n);
/* 64 lower-case hexadecimal digits and a zero. */
void lbk__sha256_hex(struct sha256 *s, char out[65]);

extern const uint32_t lbk__sha256_k[64];
sha256_blocks lbk__sha256_plain;
/* By instructions that this processor has for it; NULL = it has none. */
sha256_blocks *lbk__sha256_own(void);

#endif
