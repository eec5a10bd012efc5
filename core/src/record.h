/* SPDX-License-Identifier: MIT */
/* Inside of records, which are used over and over: arrays keep their memory. [one thread at a time]
 */
#ifndef LBK_SRC_RECORD_H
#define LBK_SRC_RECORD_H
#include <limbeck/data.h>

struct slot {
    char name[48];
    bool used;
    struct lbk_array array;
    void *spare; /* the array before, the room for the next */
    size_t room, spare_room;
};
/* An array that the task wants to be seen: a label or metres for each pixel, a score for each class, or boxes. */
enum { RECORD_VIEWS = 4 };
struct view {
    enum view_kind { VIEW_LABELS, VIEW_METRES, VIEW_SCORES, VIEW_BOXES } kind;
    char array[48];
    double least; /* score of boxes that are shown */
};
struct lbk_record {
    lbk_ctx *ctx;
    uint64_t id;
    const char *origin; /* what messages call it, or NULL */
    const struct lbk_field *fields;
    struct slot *at;
    int64_t n, cap;
    int n_view;
    struct view view[RECORD_VIEWS];
};

lbk_status lbk__record_create(lbk_ctx *ctx, lbk_record **out);
void lbk__record_destroy(lbk_record **r);
/* Without arrays, of another sample. */
void lbk__record_reset(lbk_record *r, uint64_t id, const struct lbk_field *fields);
/* As lbk_record_put, not zeroed. */
void *lbk__record_room(lbk_record *r, const char *name, lbk_dtype t, lbk_shape s);
/* Silent; NULL = there is none. */
struct slot *lbk__record_find(const lbk_record *r, const char *name);
/* What it is of: LBK_PLAIN when it is not the source's. */
enum lbk_kind lbk__record_kind(const lbk_record *r, const struct slot *s);

#endif
