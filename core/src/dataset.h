/* SPDX-License-Identifier: MIT */
/* A part of a data set, opened by a text: the name of a description ("fashion_mnist") or of a
 * source, then options
 * ("idx,images=a.gz,labels=b.gz,classes=10"). Immutable once open. [any thread] */
#ifndef LBK_SRC_DATASET_H
#define LBK_SRC_DATASET_H
#include <limbeck/data.h>
#include <limbeck/train.h>

enum data_split { DATA_TRAIN, DATA_VAL, DATA_TEST };
extern const char *const lbk__split_names[]; /* "train", "val", "test", NULL */

/* What every data set understands, beside the options of its source. */
struct data_cfg {
    int64_t val, test, limit;
    double fraction, skip;
    const char *prepare, *augment;
    struct lbk_numbers mean, std;
    const char *const *names;
};
struct data {
    lbk_ctx *ctx;
    const char *name; /* as in the text */
    const char *by;   /* what messages call its settings: as lbk__about said when it was opened, or "data" */
    enum data_split split;
    const struct lbk_source *source;
    const struct data_cfg *cfg;
    const struct lbk_field *fields; /* ends at a name of NULL */
    struct lbk_field *named;        /* those, if the user has named the classes */
    struct opened *opened;          /* may have other users */
    lbk_dataset *open;              /* of it */
    int64_t n, *at; /* the samples of the source that belong to this part, ascending */
    struct lbk_opts *common, *opts; /* opts: NULL once it is open */
    char *text;
};

/* A description: a data set's name for a source with options. The table ends at NULL. */
struct data_description {
    const char *name, *doc, *source, *folder, *options;
};
extern const struct data_description lbk__data_descriptions[];
const struct data_description *lbk__data_description(const char *name);
extern const struct lbk_opt lbk__data_opts[];

/* settings: name and value without the "data." in front; they win over the text, which wins over
 * the description. The part held out of training is a function of the samples' ids alone. */
lbk_status lbk__data_open(lbk_ctx *ctx, const char *text, int n, const struct lbk_setting *settings,
                          enum data_split split, struct data **out);
void lbk__data_close(struct data **d);
/* The first field with classes, or NULL. */
const struct lbk_field *lbk__data_classes(const struct data *d);
uint64_t lbk__data_id(const struct data *d, int64_t i);
/* The record of sample i, without its arrays. */
void lbk__data_begin(const struct data *d, int64_t i, lbk_record *r);
/* The record is reset first. Errors go to the record's context. */
lbk_status lbk__data_read(const struct data *d, int64_t i, lbk_record *r);
/* Of the whole source, by the files' bytes or a generator's parameters; 64 digits. */
lbk_status lbk__data_hash(const struct data *d, char out[65]);
/* Text of the transforms: prepare, augment (of training only), normalize. free() it; NULL: out of
 * memory. */
char *lbk__data_pipeline(const struct data *d, bool training);

#endif
