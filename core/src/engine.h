/* SPDX-License-Identifier: MIT */
/* An objective compiled and fed: inputs from batches, numbers from ramps, rows back into records.
 * [owner thread] */
#ifndef LBK_SRC_ENGINE_H
#define LBK_SRC_ENGINE_H
#include "objective.h"

struct feed {
    enum { FEED_FIELD, FEED_INDEX, FEED_STEP, FEED_LR, FEED_RAMP, FEED_TAP } kind;
    int stream, term;
    const char *field;
    int32_t *index; /* FEED_INDEX: room for it, so that a step allocates nothing */
};

struct engine {
    lbk_objective *o;
    lbk_exec *exec;
    int n_in;
    struct lbk_bind in[128];
    struct feed feed[128];
    int n_out;
    struct lbk_bind out[OBJ_READS + 1];
    lbk_tensor *values;
    float *host;           /* of the values */
    void *rows[OBJ_READS]; /* of the reads */
};
/* What a step is told besides its batches. */
struct step_now {
    int64_t step;
    double lr, epoch_steps, clock_steps;
};

/* Compiles o, which it owns from then on, even on failure. */
lbk_status lbk__engine_create(lbk_objective *o, struct engine **out);
void lbk__engine_destroy(struct engine **e);
/* Writes the inputs; batch: one per stream of the objective. */
lbk_status lbk__engine_feed(struct engine *e, const struct batch *const batch[],
                            const struct step_now *now);
/* Feeds, and runs one step, or asks the device to. */
lbk_status lbk__engine_run(struct engine *e, const struct batch *const batch[],
                           const struct step_now *now);
/* The values of the last step into e->host; waits for it. *unsound: steps since the loss was not finite. */
lbk_status lbk__engine_look(struct engine *e, int64_t *unsound);
/* The rows of the reads into the records of the batch. */
lbk_status lbk__engine_rows(struct engine *e, const struct batch *b);
/* Fails naming the first node that is not finite, for which it runs the step that was fed on the host; of a step that takes
 * too long there, the first term. */
lbk_status lbk__engine_blame(struct engine *e, int64_t step, const char *stage);

/* Every record of the only stream once, in order. each() may be NULL. most: batches, 0 = all. */
lbk_status lbk__engine_sweep(struct engine *e, struct loader *l, int64_t most,
                             lbk_status (*each)(void *ud, lbk_record *r), void *ud);

#endif
