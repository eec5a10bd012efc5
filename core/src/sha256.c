/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <limbeck/file.h>
#include "sha256.h"

const uint32_t lbk__sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t right(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void words(const unsigned char *p, uint32_t w[64])
{
    for (int i = 0; i < 16; i++, p += 4)
        w[i] = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        const uint32_t a = right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t b = right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
}

/* A round with the eight words where they are: the next one calls them by other names, as moving
 * them along would take longer than the round. */
static inline void turn(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e, uint32_t f,
                        uint32_t g, uint32_t *h, uint32_t add)
{
    const uint32_t s1 = right(e, 6) ^ right(e, 11) ^ right(e, 25);
    const uint32_t s0 = right(a, 2) ^ right(a, 13) ^ right(a, 22);
    const uint32_t t1 = *h + s1 + ((e & f) ^ (~e & g)) + add;
    *d += t1;
    *h = t1 + s0 + ((a & b) ^ (a & c) ^ (b & c));
}

static void compress(uint32_t to[8], const unsigned char *block)
{
    const uint32_t *k = lbk__sha256_k;
    uint32_t w[64];
    words(block, w);
    uint32_t a = to[0], b = to[1], c = to[2], d = to[3], e = to[4], f = to[5], g = to[6], h = to[7];
    for (int i = 0; i < 64; i += 8) {
        turn(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
        turn(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
        turn(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
        turn(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
        turn(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
        turn(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
        turn(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
        turn(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
    }
    to[0] += a, to[1] += b, to[2] += c, to[3] += d;
    to[4] += e, to[5] += f, to[6] += g, to[7] += h;
}

void lbk__sha256_plain(uint32_t h[8], const unsigned char *block, size_t n)
{
    for (; n; n--, block += 64)
        compress(h, block);
}

void lbk__sha256_init(struct sha256 *s)
{
    sha256_blocks *own = lbk__sha256_own();
    *s = (struct sha256){ .h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                                 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
                          .blocks = own ? own : lbk__sha256_plain };
}

void lbk__sha256_add(struct sha256 *s, const void *data, size_t n)
{
    const unsigned char *p = data;
    size_t held = s->bytes % 64;
    s->bytes += n;
    while (n) {
        if (!held && n >= 64) {
            s->blocks(s->h, p, n / 64);
            p += n & ~(size_t) 63, n %= 64;
            continue;
        }
        const size_t take = n < 64 - held ? n : 64 - held;
        memcpy(s->block + held, p, take);
        p += take, n -= take, held += take;
        if (held == 64)
            s->blocks(s->h, s->block, 1), held = 0;
    }
}

void lbk__sha256_hex(struct sha256 *s, char out[65])
{
    static const unsigned char pad[64] = { 0x80 };
    const uint64_t bits = s->bytes * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char) (bits >> (56 - 8 * i));
    lbk__sha256_add(s, pad, 1 + (119 - s->bytes % 64) % 64);
    lbk__sha256_add(s, length, 8);
    for (int i = 0; i < 8; i++)
        snprintf(out + 8 * i, 9, "%08x", (unsigned) s->h[i]);
}

void lbk_sha256(const void *data, size_t n, char out[65])
{
    struct sha256 s;
    lbk__sha256_init(&s);
    lbk__sha256_add(&s, data, n);
    lbk__sha256_hex(&s, out);
}
