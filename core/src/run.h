/* SPDX-License-Identifier: MIT */
/* One run: settings, schedule, networks, data, device and the store of all its state. [owner
 * thread] */
#ifndef LBK_SRC_RUN_H
#define LBK_SRC_RUN_H
#include "dataset.h"
#include "device.h"
#include "encode.h"
#include "loader.h"
#include "schedule.h"
#include "scope.h"
#include "transform.h"

/* A network as the run knows it. One of a role that is many is called "teacher0", "teacher1", ...
 */
struct role {
    const char *name, *path; /* "student", "student/" */
    const struct lbk_model *model;
    const struct lbk_task *task; /* NULL = it has none */
    lbk_opts *opts, *task_opts;
    const char *weights;         /* file, or NULL */
    const char *by, *weights_by; /* settings that name the model and the file */
    const char *classes_by;      /* and the number of classes, or NULL: as many as the data has */
    const struct binding *bound; /* NULL = not */
    const char *artifact;        /* whose tensors its weights are, or NULL */
    bool loaded;                 /* weights read */
    struct role *next;
};
/* A part of a data set with the pipelines of training and of evaluation. */
struct source {
    const char *name, *by; /* stream, and the setting that names its data */
    enum data_split split;
    struct data *data;
    struct pipeline *moving, *still;
    struct encoder *encoders; /* made so far */
    struct source *next;
};
struct run {
    lbk_ctx *ctx;
    const struct lbk_train_params *p;
    struct arena arena;
    struct settings *set;
    lbk_opts *opts;
    const struct run_cfg *cfg;
    lbk_schedule *schedule;
    lbk_device *device;
    lbk_store *store;
    struct role *roles;
    struct source *sources;
    bool rehearsal;      /* one batch of every stage, nothing written */
    lbk_status failed;   /* why lbk__role_get or lbk__source_get gave NULL */
    const char *deliver; /* role whose weights are the result */
};

lbk_status lbk__run_open(lbk_ctx *ctx, const struct lbk_train_params *p, struct run **out);
void lbk__run_close(struct run **r);

/* As a stage (NULL = none) sees it: name of the table, model fixed by the method or NULL; i: of
 * many, else -1. NULL: failed, said so. */
struct role *lbk__role_get(struct run *r, const struct stage *at, const char *name,
                           const char *model, int i);
/* How many networks the user gave a role that may be many; 0 = none. */
int lbk__role_count(struct run *r, const struct stage *at, const struct lbk_role *role);
/* What is fed to build(): the input field as the model wants it. */
lbk_val *lbk__role_input(lbk_graph *g, const struct role *r, lbk_val *x);
/* The role's weights: file, or what is in the store; fresh ones only if it may have them. */
lbk_status lbk__role_load(struct run *run, struct role *r, const lbk_graph *g, bool fresh);
/* SHA-256 over names and bytes of all states whose name begins so. */
lbk_status lbk__store_hash(const lbk_store *s, const char *prefix, char out[65]);

struct source *lbk__source_get(struct run *r, const char *stream, enum data_split split);
/* Fills in p->encode and p->ud for samples of p->pipeline, if the task of the role (NULL: none) encodes them. */
lbk_status lbk__source_encoder(struct run *r, struct source *s, struct role *role, struct loader_params *p);
lbk_status lbk__source_loader(struct run *r, struct source *s, const struct loader_params *p,
                              struct loader **out);

#endif
