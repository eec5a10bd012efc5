/* SPDX-License-Identifier: MIT */
#ifndef LBK_OPT_H
#define LBK_OPT_H
#include <limbeck/base.h>
LBK_BEGIN

/* A stretch of a run: "4000" steps, "20e" epochs, "10%" of the run. Zero = whatever is left. The run is as long as its setting
 * says, counting the stages that train what is delivered (the last stage's first trained role); other stages come on top. */
struct lbk_span { double n; enum lbk_unit { LBK_STEPS, LBK_EPOCHS, LBK_PERCENT } unit; };

/* A number that may change during a run: offset + scale * curve; fed as an input, so it never recompiles.
 *   0.1                        constant                 0.02 poly 0.9     to 0 at the end of the clock, power 0.9
 *   0.1 x0.2 60e 120e 160e     times 0.2 at each        0.1 cos 0         half cosine to 0 at the end
 *   1e-4 x0.5 /5e              times 0.5 every 5 e      0 line 1 20e      linear to 1, then held
 *   ... warm 500 0.001         from 0.001 of it over 500 steps
 * The clock starts with the stage, or with the first of a row of LBK_STAGE_CARRY stages and then spans them all. */
typedef struct lbk_curve lbk_curve;
/* curve NULL: just the offset. from: where on that clock the curve's own begins; until then it stays at its start, and "the
 * end" is the same. */
struct lbk_ramp { const lbk_curve *curve; double scale, offset; struct lbk_span from; };
#define LBK_CONST(v) ((struct lbk_ramp) { NULL, 0, v, { 0, LBK_STEPS } })
static inline struct lbk_ramp lbk_ramp_times(struct lbk_ramp r, double k) { r.scale *= k; r.offset *= k; return r; }
static inline struct lbk_ramp lbk_ramp_rest(struct lbk_ramp r)            /* 1 - r */
{
    r.scale = -r.scale;
    r.offset = 1 - r.offset;
    return r;
}
static inline struct lbk_ramp lbk_ramp_from(struct lbk_ramp r, struct lbk_span from) { r.from = from; return r; }
/* zero from beginning to end */
LBK_API bool lbk_ramp_off(struct lbk_ramp r);

struct lbk_numbers { int64_t n; const double *v; };

enum lbk_opt_type {
    LBK_OPT_END = 0,
    LBK_OPT_BOOL,      /* bool          yes/no/true/false/on/off */
    LBK_OPT_INT,       /* int64_t       */
    LBK_OPT_FLOAT,     /* double        */
    LBK_OPT_ENUM,      /* int           index into names */
    LBK_OPT_STRING,    /* const char *  owned by the option block */
    LBK_OPT_LIST,      /* const char *const *  comma separated, NULL-terminated, never NULL */
    LBK_OPT_NUMBERS,   /* struct lbk_numbers  separated by commas or colons */
    LBK_OPT_SPAN,      /* struct lbk_span */
    LBK_OPT_RAMP,      /* struct lbk_ramp */
    /* struct lbk_ramp that scales distillation: all of them off = plain training, bit for bit */
    LBK_OPT_WEIGHT,
};

/* One field of a config struct: how it is spelled, bounded, defaulted and explained. */
struct lbk_opt {
    const char *name;
    const char *help;                 /* one sentence, shown by `limbeck help` */
    enum lbk_opt_type type;
    size_t offset;
    double def, min, max;             /* numbers; min == max means unbounded */
    const char *sdef;                 /* everything else, as text */
    const char *const *names;         /* enums, NULL-terminated */
};

/* Refuses to compile when the field's type is not the one the option writes. */
#define LBK_FIELD(T, f, type) _Generic(((struct T *) 0)->f, type: offsetof(struct T, f))
#define LBK_BOOL(T, f, d, h)          { #f, h, LBK_OPT_BOOL,   LBK_FIELD(T, f, bool),         d, 0, 0, NULL, NULL }
#define LBK_INT(T, f, d, lo, hi, h)   { #f, h, LBK_OPT_INT,    LBK_FIELD(T, f, int64_t),      d, lo, hi, NULL, NULL }
#define LBK_FLOAT(T, f, d, lo, hi, h) { #f, h, LBK_OPT_FLOAT,  LBK_FIELD(T, f, double),       d, lo, hi, NULL, NULL }
#define LBK_ENUM(T, f, d, ns, h)      { #f, h, LBK_OPT_ENUM,   LBK_FIELD(T, f, int),          0, 0, 0, d, ns }
#define LBK_STRING(T, f, d, h)        { #f, h, LBK_OPT_STRING, LBK_FIELD(T, f, const char *), 0, 0, 0, d, NULL }
#define LBK_LIST(T, f, d, h)          { #f, h, LBK_OPT_LIST,   LBK_FIELD(T, f, const char *const *), 0, 0, 0, d, NULL }
#define LBK_NUMBERS(T, f, d, h)       { #f, h, LBK_OPT_NUMBERS, LBK_FIELD(T, f, struct lbk_numbers), 0, 0, 0, d, NULL }
#define LBK_SPAN(T, f, d, h)          { #f, h, LBK_OPT_SPAN,   LBK_FIELD(T, f, struct lbk_span), 0, 0, 0, d, NULL }
#define LBK_RAMP(T, f, d, h)          { #f, h, LBK_OPT_RAMP,   LBK_FIELD(T, f, struct lbk_ramp), 0, 0, 0, d, NULL }
#define LBK_WEIGHT(T, f, d, h)        { #f, h, LBK_OPT_WEIGHT, LBK_FIELD(T, f, struct lbk_ramp), 0, 0, 0, d, NULL }
#define LBK_OPTS_END                  { NULL, NULL, LBK_OPT_END, 0, 0, 0, 0, NULL, NULL }

typedef struct lbk_opts lbk_opts;       /* a filled config struct plus the strings it points to */

LBK_API lbk_status   lbk_opts_create(lbk_ctx *ctx, const struct lbk_opt *table, size_t cfg_size, lbk_opts **out);
LBK_API void        lbk_opts_destroy(lbk_opts **o);
/* parses and checks the range */
LBK_API lbk_status   lbk_opts_set(lbk_opts *o, const char *name, const char *text);
/* "a=1,b=[2,3],c='x, y'": a value that has commas stands in brackets or quotes; a bool may be
 * named alone. NULL = nothing. */
LBK_API lbk_status   lbk_opts_parse(lbk_opts *o, const char *text);
LBK_API const void *lbk_opts_cfg(const lbk_opts *o);
/* name=value lines; set() reads them back */
LBK_API size_t      lbk_opts_save(const lbk_opts *o, char *buf, size_t size);
LBK_API void        lbk_opts_help(const struct lbk_opt *table, void (*put)(void *ud, const char *line), void *ud);

LBK_END
#endif
