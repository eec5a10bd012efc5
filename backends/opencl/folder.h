/* SPDX-License-Identifier: MIT */
/* The private folder of what is kept between runs: $XDG_CACHE_HOME/limbeck/opencl, or the same in ~/.cache. */
#ifndef LBK_OCL_FOLDER_H
#define LBK_OCL_FOLDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OCL_PATH_MOST = 1024 };

/* Makes it where it is missing. False: path names it as far as is known, or is "", and why says what is wrong: what is
 * in it is run as code, so nobody else may be able to write there. */
bool ocl_folder_open(char path[OCL_PATH_MOST], char why[256]);
/* Name of a file in it; false when that is too long. */
bool ocl_folder_file(const char *folder, const char *key, const char *suffix, char to[OCL_PATH_MOST]);
/* Deletes the files of a suffix that were used longest ago, until those left have at most `most` bytes; and temporary
 * files that somebody left behind an hour ago. */
void ocl_folder_trim(const char *folder, const char *suffix, uint64_t most);

#endif
