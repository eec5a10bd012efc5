/* SPDX-License-Identifier: MIT */
/* Programs that were built before, one file each, and facts about a device, in a private folder.
 *
 * The key of a program is the SHA-256 of all that its binary depends on: format of the file, platform, device and driver
 * (names, versions, identity, extensions), build options, and the text. A file says its key, and the length and SHA-256
 * of the binary; whatever does not match is deleted and built from its text. Nothing here ever fails a caller. */
#ifndef LBK_OCL_CACHE_H
#define LBK_OCL_CACHE_H
#include "facts.h"
#include "folder.h"

struct ocl_cache {
    char folder[OCL_PATH_MOST];        /* "": nothing is kept */
    char device[65];                   /* identity of device and driver */
    uint64_t most;                     /* bytes of all programs */
    bool stored;                       /* something, so that there may be too much */
    bool no_binaries;                  /* in this run: there are none, or they do not load */
    bool told;                         /* that something could not be kept */
    struct ocl_facts facts;
};

/* Kept = false: nothing is read or written. */
lbk_status ocl_cache_open(lbk_drv *d, bool kept);
void ocl_cache_close(lbk_drv *d);
void ocl_cache_key(const lbk_drv *d, const char *options, const char *text, char key[65]);
/* A program that is built, or NULL. The caller still has to see whether its kernels are there. */
cl_program ocl_cache_load(lbk_drv *d, const char *key, const char *options);
/* After its kernels were made: some drivers finish a binary only then. */
void ocl_cache_store(lbk_drv *d, const char *key, cl_program program);
void ocl_cache_drop(lbk_drv *d, const char *key);
/* Its binary of n bytes after `before` bytes; free() it. NULL: the driver gives none. */
unsigned char *ocl_binary(lbk_drv *d, cl_program program, size_t before, size_t *n);

/* Everything that tells a device and its driver from others, as lines. */
void ocl_identity(const struct cl_api *cl, cl_platform_id platform, cl_device_id device, struct ocl_text *t);

#endif
