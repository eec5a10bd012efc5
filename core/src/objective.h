/* SPDX-License-Identifier: MIT */
/* A graph under construction for a stage, an evaluation or a sweep: passes, terms, and what is read
 * back. */
#ifndef LBK_SRC_OBJECTIVE_H
#define LBK_SRC_OBJECTIVE_H
#include "run.h"

enum { OBJ_STREAMS = 16, OBJ_PASSES = 64, OBJ_TERMS = 64, OBJ_READS = 32, OBJ_SCOPES = 64 };

/* What was built in one go: it is kept when anything needs a node of it. */
struct piece {
    struct net net;
    int64_t node[2], assign[2];
    bool kept;
};

struct obj_stream {
    const char *name, *by; /* by: setting that names its data, or NULL */
    const struct lbk_field *fields; /* of its data set */
    const struct batch *layout;     /* what its loader delivers */
    int64_t count;                  /* samples of the data set, 0 = unknown */
    bool once; /* no sample is seen twice as it was in this run */
    const struct encoder *encoder; /* whose arrays are among the layout's fields, or NULL */
};
struct obj_read {
    const char *name;
    lbk_val *v;
};
struct obj_term {
    const char *label;
    struct lbk_ramp weight;
    bool constant;
    double value;
    lbk_val *v, *by;
};
/* What the rest of the graph reads of a frozen pass, and is an input of it instead: "@tap/<its number>". */
struct obj_tap {
    int64_t node;
    const struct lbk_pass *pass;
    char digest[65]; /* of how it was computed */
};
struct obj_watch {
    const char *label;
    lbk_val *v;
};

struct lbk_pass {
    struct lbk_objective *o;
    struct role *role; /* NULL: its stage does not look at frozen roles */
    const char *name;
    int stream;
    bool built;
    struct piece piece;
};
struct lbk_objective {
    lbk_ctx *ctx;
    struct run *run;           /* NULL: a loss alone */
    const struct stage *stage; /* NULL: evaluation */
    lbk_graph *g;
    int n_stream;
    struct obj_stream stream[OBJ_STREAMS];
    int n_pass;
    struct lbk_pass *pass[OBJ_PASSES];
    int n_piece;
    struct piece *piece[OBJ_SCOPES]; /* of scopes and losses */
    int n_term;
    struct obj_term term[OBJ_TERMS];
    int n_watch;
    struct obj_watch watch[OBJ_TERMS];
    int n_read;
    struct obj_read read[OBJ_READS];
    lbk_val *total;
    int n_label;
    /* Of the output "values": total, terms, watches. Where there is an update one more follows: how many
     * steps ago the loss first was not finite, this one counted; 0 = never. */
    const char *label[2 * OBJ_TERMS];
    lbk_val *unsound;
    bool artifact_used;
    bool cut; /* set before the end: frozen passes become taps where they can */
    int n_tap;
    struct obj_tap tap[OBJ_READS];
};

lbk_status lbk__objective_create(struct run *r, const struct stage *stage, lbk_objective **out);
void lbk__objective_destroy(lbk_objective **o);
lbk_pass *lbk__objective_pass(lbk_objective *o, struct role *role, const char *name,
                              enum lbk_mode mode, int stream);
/* The first tap whose name matches, or the next one after another; NULL: none. */
const struct tap *lbk__pass_next(lbk_pass *p, const char *pattern, const struct tap *after);
/* The stream has what the role's task learns from, and the network as many classes; else latches. */
bool lbk__pass_fields_fit(lbk_pass *p);
/* A scope of its own for what belongs to no role; "loss/kd/" */
lbk_scope *lbk__objective_scope(lbk_objective *o, const char *path);
void lbk__piece_end(lbk_objective *o, struct piece *p);
/* Terms of the settings term.<label>.* */
void lbk__objective_extra(lbk_objective *o);
/* Every role and stream that they name is in some stage of the run. */
lbk_status lbk__terms_check(struct run *r);
/* The sum of the terms, what it needs and no more, its gradients and the update of every weight
 * (optim NULL: none). Outputs "values" and, with reads, "read/<name>". */
lbk_status lbk__objective_finish(lbk_objective *o, const char *optim);
/* What v needs, marked as well. */
void lbk__objective_mark(const lbk_graph *g, bool *live);
bool lbk__objective_may_watch(const lbk_graph *g, const lbk_val *v, const bool *live);
/* Makes inputs of what is live and read of frozen passes whose rows are a function of a sample's fields and of the role's
 * weights alone. FROZEN_BATCH never is. */
void lbk__objective_cut(lbk_objective *o, bool *live);
/* o, built as the objective that was cut, and not finished: computes the taps, output "read/<number>", and nothing else. */
lbk_status lbk__objective_taps(lbk_objective *o, const lbk_objective *cut);
/* As lbk_loss_call with the text done. */
lbk_val *lbk__loss_build(lbk_scope *s, const char *loss, const struct lbk_wire *wires,
                         const char *text);

#endif
