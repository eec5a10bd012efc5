/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include <limbeck/file.h>
#include "sha256.h"

/* FIPS 180-4 examples and the million letters of NIST's example set; the two at block borders by
 * sha256sum. */
static const struct {
    const char *piece;
    int times;
    const char *hex;
} vectors[] = {
    { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    { "0123456789abcdef", 4, "a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e" },
    { "0123456789a", 5, "f8772a3185d98d58942668b301ef7e4ba3336dfb6b13a4e1f23be3fc14cfca1b" },
};

static void test_vectors(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct sha256 s;
        char hex[65];
        lbk__sha256_init(&s);
        for (int k = 0; k < vectors[i].times; k++)
            lbk__sha256_add(&s, vectors[i].piece, strlen(vectors[i].piece));
        lbk__sha256_hex(&s, hex);
        assert_string_equal(hex, vectors[i].hex);
        if (vectors[i].times > 1)
            continue;
        lbk_sha256(vectors[i].piece, strlen(vectors[i].piece), hex);
        assert_string_equal(hex, vectors[i].hex);
    }
}

/* The processor's own rounds, where it has them, say what the plain ones do, however it is cut. */
static void test_both_ways(void **state)
{
    static const size_t cuts[] = { 1, 63, 64, 65, 128, 700 };
    sha256_blocks *const ways[] = { lbk__sha256_plain, lbk__sha256_own() };
    unsigned char data[2000];
    char hex[2][65];
    if (!ways[1])
        skip();
    for (int i = 0; i < 2000; i++)
        data[i] = (unsigned char) (i * i + i / 7);
    for (size_t n = 0; n <= sizeof data; n += 25)
        for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
            for (int way = 0; way < 2; way++) {
                struct sha256 s;
                lbk__sha256_init(&s);
                s.blocks = ways[way];
                for (size_t at = 0; at < n; at += cuts[c])
                    lbk__sha256_add(&s, data + at, n - at < cuts[c] ? n - at : cuts[c]);
                lbk__sha256_hex(&s, hex[way]);
            }
            assert_string_equal(hex[0], hex[1]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
