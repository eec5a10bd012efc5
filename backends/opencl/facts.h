/* SPDX-License-Identifier: MIT */
/* What was found out about a device by trying: results of probes, choices of tuning. One file of text per device and
 * driver in the folder of the cache, so that a new driver is asked anew:
 *
 *     limbeck opencl facts 1
 *     <identity of device and driver>
 *     name = value
 *     end <SHA-256 of all before>
 *
 * A file that is damaged is ignored with a warning, and replaced when there is something to keep. */
#ifndef LBK_OCL_FACTS_H
#define LBK_OCL_FACTS_H
#include "ocl.h"

enum { OCL_FACTS_MOST = 256, OCL_FACT_NAME = 48, OCL_FACT_VALUE = 200 };
struct ocl_facts {
    int n;
    struct ocl_fact { char name[OCL_FACT_NAME], value[OCL_FACT_VALUE]; bool changed; } at[OCL_FACTS_MOST];
};

/* NULL: not known. Valid until one is set. */
const char *ocl_fact(const lbk_drv *d, const char *name);
/* One line, without blanks at its ends; an empty one is as good as none. Longer values are cut. For this run only until it
 * is saved. */
void ocl_fact_set(lbk_drv *d, const char *name, const char *fmt, ...) LBK_PRINTF(3, 4);
/* Reads what is kept; called once, by ocl_cache_open. */
void ocl_facts_load(lbk_drv *d);
/* Adds what was set to what is kept by now: other processes find out things too. */
void ocl_facts_save(lbk_drv *d);

#endif
