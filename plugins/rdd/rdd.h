/* SPDX-License-Identifier: MIT */
/* Inside of the module. Builders, like all: NULL in, NULL out; errors latch. [owner thread of the graph] */
#ifndef RDD_H
#define RDD_H
#include <limbeck/plugin.h>

enum rdd_mode { RDD_XOR, RDD_OR, RDD_AND, RDD_OHEM, RDD_TNS };
enum rdd_confidence { RDD_GT_PROB, RDD_MAX_PROB };
enum rdd_direction { RDD_AUX_MAIN, RDD_MAIN_AUX };
enum rdd_reduction { RDD_SEL_MEAN, RDD_PIX_MEAN };

struct rdd {
    struct lbk_ramp reweight, kd, blend;
    struct lbk_span easy;
    double temperature, threshold, keep;
    int mode, confidence, direction, reduction;
    struct lbk_numbers classes;
};

/* How many terms a task may have, auxiliary heads included. */
enum { RDD_HEADS = 8 };

/* A head of a network: what the task says of it, unreduced, and its logits N K h w. NULL logits: not known, as are those of a
 * term that is not named after a tap. */
struct rdd_head {
    const struct lbk_term *term;
    lbk_val *logits;
};

/* exp(-KL) between the heads of a teacher, N 1 h w in (0, 1]: 1 where they agree. A constant. */
lbk_val *rdd_ease(lbk_graph *g, lbk_val *aux, lbk_val *main, enum rdd_direction direction);

/* Pixels that a head finds hard, 0 or 1, shaped as its loss. Constants. */
struct rdd_mask {
    lbk_val *hard, *cut; /* cut: a scalar, confidence at or below it is hard */
};
/* valid: 1 where there is a truth. */
struct rdd_mask rdd_hard(lbk_graph *g, const struct rdd *c, struct rdd_head h, lbk_val *valid);
/* The pixels that count, of what the student and the teacher find hard; teacher may be NULL where the mode does not ask it. */
lbk_val *rdd_choose(lbk_graph *g, enum rdd_mode mode, lbk_val *student, lbk_val *teacher);
static inline bool rdd_asks_teacher(enum rdd_mode m) { return m != RDD_OHEM; }

#endif
