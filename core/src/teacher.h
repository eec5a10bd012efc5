/* SPDX-License-Identifier: MIT */
/* What frozen roles give for samples, run as a plan of its own and kept: in memory for the run, or in files for other runs.
 *
 * A step is two plans: that of the frozen roles, whose outputs are rows of samples, and that of everything else, whose
 * inputs they are. The second is the same whether a row was computed or kept, so that training cannot tell; what is lost is
 * that a loss can be fused into the last layer of a teacher. Where every row of a batch is kept the first is not run; where one
 * is missing it is run on the batch as it is.
 *
 * A row is found by what it is of (lbk__teacher_key), the sample and the view of it. [owner thread] */
#ifndef LBK_SRC_TEACHER_H
#define LBK_SRC_TEACHER_H
#include "engine.h"
#include "sample.h"

struct teacher_counts {
    int64_t hits, misses;            /* samples read, computed */
    uint64_t read, kept;             /* bytes */
    double saved;                    /* seconds of computing, less those of keeping and reading */
};
/* A stream as its loader was told to make it. */
struct teacher_stream {
    const struct source *source;
    struct loader_params how;
};
struct teacher;

/* o: of s, cut and finished. build() makes another, not finished, on the streams of o. Loads the weights of the roles. */
lbk_status lbk__teacher_open(lbk_objective *o, const struct teacher_stream *streams, lbk_objective *again,
                             struct teacher **out);
/* Adds to what was counted so far. */
void lbk__teacher_close(struct teacher **t, struct teacher_counts *sum);
/* Writes the taps of the batches into the inputs of e. t may be NULL. */
lbk_status lbk__teacher_feed(struct teacher *t, const struct batch *const batch[], const struct step_now *now,
                             struct engine *e);
/* To files, so that a run that is killed loses little. t may be NULL. */
void lbk__teacher_flush(struct teacher *t);

/* SHA-256 over all that the rows of a tap depend on but sample and view: operators, their parameters and the size of the
 * batch; weights; data and transforms, with the seed where they draw; the device, and the builds of its driver and of this. */
lbk_status lbk__teacher_key(const lbk_objective *o, int tap, const struct teacher_stream *s, char out[65]);

#endif
