/* SPDX-License-Identifier: MIT */
/* Terms that are off leave no trace; names that are wrong are named. */
#include "unit.h"
#include <limbeck/plugin.h>
#include "loose.h"
#include "registry.h"

static lbk_val *net(lbk_scope *s, lbk_val *x, const void *cfg)
{
    lbk_graph *g = lbk_scope_graph(s);
    x = lbk_nn_batch_norm(lbk_scope_sub(s, "bn"), x);
    lbk_tap(s, "layer1", x);
    x = lbk_reshape(g, x, (struct lbk_dims){ 2, { lbk_shape_of(x).d[0], -1 } });
    return lbk_nn_linear(lbk_scope_sub(s, "fc"), lbk_nn_dropout(s, x, 0.1), 10, true);
}

static int terms(lbk_pass *p, const void *cfg, int max, struct lbk_term out[])
{
    out[0] = (struct lbk_term){ .name = "main", .coef = 1 };
    out[0].loss = lbk_cross_entropy(lbk_pass_graph(p), lbk_pass_out(p), lbk_pass_field(p, "label"),
                                    (struct lbk_labels){ 1, -1 });
    return 1;
}

static lbk_status setup(lbk_registrar *r)
{
    lbk_register_model(r,
                       LBK_DESC(lbk_model, .name = "unit_net", .task = "unit_task", .build = net));
    static const struct lbk_field fields[] = { { "label", LBK_CLASS, LBK_I32, 0, -1 }, { NULL } };
    return lbk_register_task(
        r, LBK_DESC(lbk_task, .name = "unit_task", .fields = fields, .terms = terms));
}

static int start(void **state)
{
    return unit_start(state) ? -1 : lbk__register(unit_ctx(state), NULL, setup);
}

static void fresh(void **state, struct loose *l)
{
    assert_int_equal(lbk__loose_open(unit_ctx(state), "unit_net", LBK_SHAPE(2, 4, 4), 3, 0,
                                     LBK_TRAINED, 0, NULL, NULL, l),
                     LBK_OK);
}

enum extra { NOTHING, OFF_TERM, OFF_PASS, WATCH, ON_TERM };

/* Hash of a step that has something beside the task. */
static void hash_of(void **state, enum extra what, uint8_t hash[32])
{
    struct loose l;
    fresh(state, &l);
    lbk_obj_loss(l.o, "task", LBK_CONST(1), lbk_pass_loss(l.pass));
    lbk_val *out = lbk_pass_out(l.pass);
    struct role twin = l.role;
    twin.name = "twin", twin.path = "twin/";
    if (what == OFF_TERM || what == ON_TERM)
        lbk_obj_term(
            l.o, "kd", LBK_CONST(what == ON_TERM), "kl",
            LBK_WIRES({ "student", out }, { "teacher", lbk_filled(l.o->g, LBK_SHAPE(3, 10), 0) }),
            NULL);
    if (what == OFF_PASS) {
        lbk_pass *p = lbk__objective_pass(l.o, &twin, "twin", LBK_TRAINED, 0);
        lbk_obj_loss(l.o, "twin", LBK_CONST(0), lbk_mean(l.o->g, lbk_pass_out(p), LBK_ALL));
    }
    if (what == WATCH) {
        lbk_pass *p = lbk__objective_pass(l.o, &twin, "twin", LBK_FROZEN, 0);
        lbk_obj_watch(l.o, "seen", lbk_mean(l.o->g, lbk_pass_out(p), LBK_ALL));
    }
    assert_int_equal(lbk__objective_finish(l.o, "sgd,momentum=0.9"), LBK_OK);
    lbk_graph_hash(l.o->g, hash);
    lbk__loose_close(&l);
}

static void off_is_not_there(void **state)
{
    uint8_t plain[32], other[32];
    hash_of(state, NOTHING, plain);
    for (enum extra e = OFF_TERM; e <= WATCH; e++) {
        hash_of(state, e, other);
        assert_memory_equal(plain, other, 32);
    }
    hash_of(state, ON_TERM, other);
    assert_memory_not_equal(plain, other, 32);
}

static void weights_scale(void **state)
{
    struct loose l;
    fresh(state, &l);
    lbk_val *v = lbk_pass_loss(l.pass);
    lbk_obj_loss(l.o, "task", LBK_CONST(1), v);
    assert_int_equal(lbk__objective_finish(l.o, NULL), LBK_OK);
    assert_ptr_equal(l.o->total, v); /* 1 multiplies nothing */
    lbk__loose_close(&l);
}

static void statistics_go_with_their_pass(void **state)
{
    struct loose l;
    fresh(state, &l);
    lbk_obj_loss(l.o, "task", LBK_CONST(1), lbk_pass_loss(l.pass));
    assert_int_equal(lbk__objective_finish(l.o, "sgd"), LBK_OK);
    int running = 0;
    for (int64_t i = 0; i < l.o->g->n_assign; i++)
        running += strstr(l.o->g->assign[i].state->name, "running_") != NULL;
    assert_int_equal(running, 2);
    lbk__loose_close(&l);
}

static void wrong_names(void **state)
{
    struct loose l;
    fresh(state, &l);
    assert_null(lbk_pass_find(l.pass, "layer2"));
    assert_null(lbk_pass_tap(l.pass, "layer2"));
    assert_unit_error(
        state, "role 'model' has no tap 'layer2', did you mean 'layer1'?; it has layer1, out");
    lbk__loose_close(&l);
    fresh(state, &l);
    assert_null(lbk_pass_field(l.pass, "depth"));
    assert_unit_error(state, "stream 'data' has no field 'depth', it has image, label");
    lbk__loose_close(&l);
    fresh(state, &l);
    lbk_obj_loss(l.o, "a", LBK_CONST(1), lbk_pass_out(l.pass));
    assert_unit_error(state, "term 'a' is 3x10, expected a scalar");
    lbk__loose_close(&l);
    fresh(state, &l);
    lbk_obj_loss(l.o, "a", LBK_CONST(1), lbk_pass_loss(l.pass));
    lbk_obj_loss(l.o, "a", LBK_CONST(1), lbk_pass_loss(l.pass));
    assert_unit_error(state, "term 'a' is there twice");
    lbk__loose_close(&l);
    fresh(state, &l);
    lbk_obj_term(l.o, "kd", LBK_CONST(1), "kl", LBK_WIRES({ "pupil", lbk_pass_out(l.pass) }), NULL);
    assert_unit_error(state, "loss/kd: loss 'kl' has no input 'pupil'; its first is 'student'");
    lbk__loose_close(&l);
}

static void taps_match_patterns(void **state)
{
    struct loose l;
    lbk_val *v[4];
    fresh(state, &l);
    assert_int_equal(lbk_pass_taps(l.pass, "layer*", 4, v), 1);
    assert_ptr_equal(v[0], lbk_pass_tap(l.pass, "layer1"));
    assert_int_equal(lbk_pass_taps(l.pass, "*", 1, v), 2);
    lbk__loose_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(off_is_not_there, start, unit_stop),
        cmocka_unit_test_setup_teardown(weights_scale, start, unit_stop),
        cmocka_unit_test_setup_teardown(statistics_go_with_their_pass, start, unit_stop),
        cmocka_unit_test_setup_teardown(wrong_names, start, unit_stop),
        cmocka_unit_test_setup_teardown(taps_match_patterns, start, unit_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
