/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cpu.h"

enum { HUGE_PAGE = 2 << 20, MAP_FROM = 1 << 20 };

uint64_t cpu_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t) pages * (uint64_t) page : 0;
}

/* A mapping that begins at a multiple of a huge page: one page more, then the ends are given back.
 */
static char *map_huge(size_t bytes)
{
    char *p =
        mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t head = (size_t) (-(uintptr_t) p & (HUGE_PAGE - 1));
    if (head > 0)
        munmap(p, head);
    munmap(p + head + bytes, HUGE_PAGE - head);
#ifdef MADV_HUGEPAGE
    madvise(p + head, bytes, MADV_HUGEPAGE);
#endif
    return p + head;
}

lbk_status cpu_alloc(lbk_drv *d, size_t bytes, lbk_mem **out)
{
    lbk_mem *m = bytes < SIZE_MAX - 2 * (size_t) HUGE_PAGE ? malloc(sizeof *m) : NULL;
    if (!m)
        return LBK_ENOMEM;
    m->mapped = bytes >= MAP_FROM;
    size_t unit = m->mapped ? HUGE_PAGE : CPU_ALIGN;
    m->bytes = (bytes + unit - 1) / unit * unit;
    if (m->bytes == 0)
        m->bytes = unit;
    m->at = m->mapped ? map_huge(m->bytes) : aligned_alloc(CPU_ALIGN, m->bytes);
    if (!m->at) {
        free(m);
        return LBK_ENOMEM;
    }
    if (!m->mapped)
        memset(m->at, 0, m->bytes);
    *out = m;
    return LBK_OK;
}

void cpu_free(lbk_drv *d, lbk_mem *m)
{
    if (!m)
        return;
    if (m->mapped)
        munmap(m->at, m->bytes);
    else
        free(m->at);
    free(m);
}
