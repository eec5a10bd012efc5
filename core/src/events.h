/* SPDX-License-Identifier: MIT */
/* A TensorBoard event file, events.out.tfevents.* in the folder of a run: records of a length, the masked CRC-32C of it, an
 * Event message, and its masked CRC-32C (TensorBoard: record_writer.py, event.proto, summary.proto). [owner thread] */
#ifndef LBK_SRC_EVENTS_H
#define LBK_SRC_EVENTS_H
#include <limbeck/base.h>

struct events;
/* Goes on with the file that the folder has, or begins one. keep: bytes of it that count; what is behind them, or behind the
 * first record that is damaged, is cut off. LBK_EIO, LBK_ENOMEM. */
lbk_status lbk__events_open(lbk_ctx *ctx, const char *folder, int64_t keep, struct events **out);
/* accepts a pointer to NULL. LBK_EIO: something was not written. */
lbk_status lbk__events_close(struct events **e);
/* Its tag is "part/name". */
void lbk__events_scalar(struct events *e, int64_t step, const char *part, const char *name, double v);
/* A PNG file. LBK_EFORMAT: it is none. */
lbk_status lbk__events_image(struct events *e, int64_t step, const char *tag, const char *path);
/* Bytes that are in the file now. */
int64_t lbk__events_flush(struct events *e);

/* CRC-32C, as records have it. */
uint32_t lbk__crc32c(const void *data, size_t n);
uint32_t lbk__crc32c_masked(const void *data, size_t n);

#endif
