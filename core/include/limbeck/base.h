/* SPDX-License-Identifier: MIT */
#ifndef LBK_BASE_H
#define LBK_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(LBK_BUILD)
# define LBK_API __declspec(dllexport)
#elif defined(_WIN32)
# define LBK_API __declspec(dllimport)
#else
# define LBK_API __attribute__((visibility("default")))
#endif
#if defined(__GNUC__)
# define LBK_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
# define LBK_PRINTF(f, a)
#endif
#ifdef __cplusplus
# define LBK_BEGIN extern "C" {
# define LBK_END }
#else
# define LBK_BEGIN
# define LBK_END
#endif

LBK_BEGIN

/* Zero is success. Every failing call has also logged one line saying what was wrong. */
typedef enum lbk_status {
    LBK_OK          =  0,
    LBK_EINVAL      = -1,  /* the caller broke the contract */
    LBK_ENOMEM      = -2,
    LBK_ENOENT      = -3,  /* no such file, plugin, op, method, option */
    LBK_EIO         = -4,
    LBK_EFORMAT     = -5,  /* the file is not what it claims to be */
    LBK_EABI        = -6,  /* plugin built for another ABI, or that failed to load */
    LBK_EUNSUPPORTED = -7, /* valid, but this device or build cannot do it */
    LBK_EDEVICE     = -8,  /* the driver failed */
    LBK_ECANCELLED  = -9,
    LBK_EDIVERGED   = -10, /* a loss is NaN or infinite */
} lbk_status;
LBK_API const char *lbk_status_name(lbk_status s);

/* typedef = opaque; a visible struct keeps the word `struct` */
typedef struct lbk_ctx lbk_ctx;

/* A sized descriptor: LBK_DESC(lbk_stage, .name = "student"). Members left out have their
 * documented default. */
#define LBK_DESC(T, ...) (&(struct T) { .size = sizeof(struct T), __VA_ARGS__ })

LBK_END
#endif
