/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files it is given, and over each cut short and with a byte changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return perror(path), 1;
    uint8_t *data = malloc(1 << 20);
    const size_t n = data ? fread(data, 1, 1 << 20, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    for (size_t i = 0; i < n && i < 512; i++) {
        LLVMFuzzerTestOneInput(data, i);
        data[i] ^= 0x55;
        LLVMFuzzerTestOneInput(data, n);
        data[i] ^= 0x55;
    }
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int bad = argc < 2;
    for (int i = 1; i < argc; i++)
        bad |= replay(argv[i]);
    return bad;
}
