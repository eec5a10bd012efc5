/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include "cli.h"

struct predicted {
    struct cli *c;
    json_t *answers;
    int64_t done, failed;
    bool print; /* a line or more for each */
};

static json_t *answer_json(const struct lbk_answer *a)
{
    json_t *o = json_object(), *files = json_array(), *classes = json_array();
    cli_json_text(o, "input", a->input);
    cli_json_add(o, "done", json_boolean(!a->status));
    cli_json_text(o, "error", a->error);
    for (int i = 0; i < a->n_files && !a->status; i++)
        json_array_append_new(files, json_string(a->files[i]));
    for (int i = 0; i < a->n_classes && !a->status; i++) {
        json_t *s = json_object();
        cli_json_add(s, "class", json_integer(a->classes[i].label));
        cli_json_text(s, "name", a->classes[i].name);
        cli_json_add(s, "share", json_real(a->classes[i].share));
        json_array_append_new(classes, s);
    }
    cli_json_add(o, "files", files);
    if (a->n_classes)
        cli_json_add(o, "classes", classes);
    else
        json_decref(classes);
    if (a->n_boxes >= 0 && !a->status)
        cli_json_add(o, "boxes", json_integer(a->n_boxes));
    if (isfinite(a->lo) && isfinite(a->hi))
        cli_json_add(o, "metres", json_pack("[ff]", a->lo, a->hi));
    return o;
}

static void put_text(const struct lbk_answer *a)
{
    printf("%s:", a->input);
    for (int i = 0; i < a->n_files; i++)
        printf("%s %s", i ? "," : "", a->files[i]);
    if (isfinite(a->lo) && isfinite(a->hi))
        printf(", %.2f m to %.2f m", a->lo, a->hi);
    if (a->n_boxes >= 0)
        printf(", %lld boxes", (long long) a->n_boxes);
    putchar('\n');
    for (int i = 0; i < a->n_classes; i++)
        if (a->n_boxes >= 0)
            printf("  %5.0f  %s\n", a->classes[i].share * (double) a->n_boxes, a->classes[i].name);
        else
            printf("  %5.1f %%  %s\n", 100 * a->classes[i].share, a->classes[i].name);
}

static void each(void *ud, const struct lbk_answer *a)
{
    struct predicted *p = ud;
    p->done += !a->status, p->failed += a->status != LBK_OK;
    if (p->answers)
        json_array_append_new(p->answers, answer_json(a));
    else if (p->print && !a->status)
        put_text(a);
}

static void put_scores(struct predicted *p, const struct lbk_progress *out, json_t *o)
{
    json_t *scores = json_object();
    for (int i = 0; i < out->n; i++)
        if (o)
            cli_json_add(scores, out->labels[i], cli_json_number(out->values[i]));
        else
            printf("%-20s %.6g\n", out->labels[i], out->values[i]);
    if (o && out->n)
        cli_json_add(o, "scores", scores);
    else
        json_decref(scores);
}

static int finish(struct predicted *p, const struct lbk_progress *out, lbk_status st)
{
    struct cli *c = p->c;
    const int code = st ? cli_exit_code(st) : 0;
    if (!c->json) {
        put_scores(p, out, NULL);
        return code;
    }
    if (!p->done && !p->failed) {
        json_decref(p->answers);
        return code; /* nothing began */
    }
    json_t *o = json_object();
    cli_json_add(o, "answers", p->answers);
    put_scores(p, out, o);
    if (!code)
        return cli_json_put(c, "predict", o);
    c->failed_code = code;
    return cli_json_put_failed(c, "predict", o);
}

int cmd_predict(struct cli *c)
{
    struct lbk_train_params p;
    struct lbk_progress out = { .size = sizeof out };
    if (c->n_words < 1)
        return cli_fail(c, EXIT_USAGE, "predict: expected the directory of a run, or its weights");
    struct predicted g = { c, c->json ? json_array() : NULL, 0, 0, c->n_words > 1 };
    const struct lbk_predict_params what = { .size = sizeof what,
                                             .from = c->words[0],
                                             .part = cli_take(c, "part"),
                                             .n_files = c->n_words - 1,
                                             .files = c->words + 1,
                                             .each = each,
                                             .ud = &g };
    const int bad = cli_train_params(c, &p);
    if (!bad && !p.out_dir)
        return cli_fail(c, EXIT_USAGE, "predict: out=DIR is missing");
    if (bad)
        return bad;
    p.settings = cli_rest(c, &p.n_settings);
    struct progress *shown = cli_progress_create(c);
    p.progress = cli_progress, p.ud = shown;
    cli_signals_catch();
    const lbk_status st = lbk_predict(c->ctx, &p, &what, &out);
    cli_progress_end(shown);
    return finish(&g, &out, st);
}
