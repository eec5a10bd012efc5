/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

void cli_line(void *ud, const char *line)
{
    fprintf(ud, "%s\n", line);
}

int cli_flush(struct cli *c)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    return cli_fail(c, EXIT_IO, "cannot write to the standard output: %s",
                    errno ? strerror(errno) : "failed earlier");
}

const char *cli_shape(struct cli *c, lbk_shape s)
{
    char *text = cli_text(c, "%s", s.n < 0 ? "any" : s.n == 0 ? "scalar" : "");
    for (int i = 0; i < s.n; i++)
        text = cli_text(c, "%s%s%lld", text, i ? "x" : "", (long long) s.d[i]);
    return text;
}

int cli_shape_parse(struct cli *c, const char *key, const char *text, lbk_shape *out)
{
    const char *at = text;
    *out = (lbk_shape) { 0 };
    while (out->n < LBK_MAX_DIMS) {
        char *end;
        errno = 0;
        const long long v = strtoll(at, &end, 10);
        if (end == at || errno || v < 1 || v > 1 << 24)
            break;
        out->d[out->n++] = v;
        if (!*end)
            return 0;
        if (*end != 'x')
            break;
        at = end + 1;
    }
    return cli_fail(c, EXIT_USAGE, "%s: expected sizes as 3x32x32, got '%s'", key, text);
}

const char *cli_dtype(lbk_dtype t)
{
    static const char *const names[] = { "?", "f32", "f16", "i32", "u8" };
    return names[t >= LBK_F32 && t <= LBK_U8 ? t : 0];
}
