/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <link.h>
#include <string.h>
#include "elf_file.h"

/* System V ABI, chapters 4 and 5. Everything that is read is checked against the size of the file
 * first. */
struct view {
    const unsigned char *at;
    size_t size;
    ElfW(Ehdr) head;
};

#if UINTPTR_MAX > 0xffffffffu
enum { NATIVE = ELFCLASS64 };
#else
enum { NATIVE = ELFCLASS32 };
#endif

static bool take(const struct view *v, uint64_t at, void *out, size_t n)
{
    if (at > v->size || n > v->size - at)
        return false;
    memcpy(out, v->at + at, n);
    return true;
}

static bool section(const struct view *v, unsigned i, ElfW(Shdr) * out)
{
    return i < v->head.e_shnum && v->head.e_shentsize == sizeof *out &&
           take(v, v->head.e_shoff + (uint64_t) i * sizeof *out, out, sizeof *out);
}

/* The machine that this very library was built for. */
static bool native(const ElfW(Ehdr) * h)
{
    static const uint16_t one = 1;
    const int order = *(const unsigned char *) &one ? ELFDATA2LSB : ELFDATA2MSB;
#if defined(__x86_64__)
    const int machine = EM_X86_64;
#elif defined(__aarch64__)
    const int machine = EM_AARCH64;
#else
    const int machine = h->e_machine;
#endif
    return h->e_ident[EI_CLASS] == NATIVE && h->e_ident[EI_DATA] == order &&
           h->e_machine == machine && h->e_type == ET_DYN;
}

static bool is_called(const struct view *v, const ElfW(Shdr) * strings, uint64_t name,
                      const char *symbol)
{
    const size_t n = strlen(symbol) + 1;
    return name < strings->sh_size && strings->sh_offset <= v->size &&
           name <= v->size - strings->sh_offset && n <= v->size - strings->sh_offset - name &&
           !memcmp(v->at + strings->sh_offset + name, symbol, n);
}

/* Where the loader maps an address from. */
static enum elf_answer read_at(const struct view *v, uint64_t address, void *out, size_t n)
{
    ElfW(Phdr) p;
    for (unsigned i = 0; i < v->head.e_phnum; i++) {
        if (v->head.e_phentsize != sizeof p ||
            !take(v, v->head.e_phoff + (uint64_t) i * sizeof p, &p, sizeof p))
            return ELF_DAMAGED;
        if (p.p_type == PT_LOAD && address >= p.p_vaddr && address - p.p_vaddr < p.p_filesz &&
            n <= p.p_filesz - (address - p.p_vaddr))
            return take(v, p.p_offset + (address - p.p_vaddr), out, n) ? ELF_FOUND : ELF_DAMAGED;
    }
    return ELF_DAMAGED;
}

static enum elf_answer search(const struct view *v, const ElfW(Shdr) * table, const char *symbol,
                              void *out, size_t n)
{
    ElfW(Shdr) strings;
    ElfW(Sym) s;
    if (!section(v, table->sh_link, &strings) || table->sh_entsize != sizeof s)
        return ELF_DAMAGED;
    for (uint64_t at = 0; at + sizeof s <= table->sh_size; at += sizeof s) {
        if (!take(v, table->sh_offset + at, &s, sizeof s))
            return ELF_DAMAGED;
        if (s.st_shndx != SHN_UNDEF && is_called(v, &strings, s.st_name, symbol))
            return read_at(v, s.st_value, out, n);
    }
    return ELF_NO_SYMBOL;
}

enum elf_answer lbk__elf_read(const unsigned char *file, size_t size, const char *symbol, void *out,
                              size_t n)
{
    struct view v = { file, size, { { 0 } } };
    ElfW(Shdr) s;
    if (size < SELFMAG || memcmp(file, ELFMAG, SELFMAG))
        return ELF_NOT_ELF;
    if (size > EI_CLASS && file[EI_CLASS] != NATIVE)
        return ELF_FOREIGN;
    if (!take(&v, 0, &v.head, sizeof v.head))
        return ELF_DAMAGED;
    if (!native(&v.head))
        return ELF_FOREIGN;
    for (unsigned i = 0; i < v.head.e_shnum; i++) {
        if (!section(&v, i, &s))
            return ELF_DAMAGED;
        if (s.sh_type == SHT_DYNSYM)
            return search(&v, &s, symbol, out, n);
    }
    return v.head.e_shnum ? ELF_NO_SYMBOL : ELF_DAMAGED;
}
