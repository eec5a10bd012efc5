/* SPDX-License-Identifier: MIT */
/* Reads a constant out of a shared object without running any of it. */
#ifndef LBK_SRC_ELF_FILE_H
#define LBK_SRC_ELF_FILE_H
#include <limbeck/base.h>

enum elf_answer { ELF_FOUND, ELF_NOT_ELF, ELF_FOREIGN, ELF_DAMAGED, ELF_NO_SYMBOL };
/* The first n bytes of the object that a symbol names, as they are in the file (before relocation).
 */
enum elf_answer lbk__elf_read(const unsigned char *file, size_t size, const char *symbol, void *out,
                              size_t n);

#endif
