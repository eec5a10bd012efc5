/* SPDX-License-Identifier: MIT */
/* Operators at shapes too large for the reference, where kernels take their larger tiles, split
 * sums and leave ragged edges: a device against the CPU backend.
 * large_ops --device SPEC, LBK_OP=NAME for one operator. */
#include "op_case.h"
#include "op_device.h"
#include "unit/unit.h"

static const struct {
    const char *op;
    struct lbk_case c;
} cases[] = {
    { "matmul", { "256x256,256x256", "", 1e-5, 0, 0 } },
    { "matmul", { "131x70,70x267", "", 1e-5, 0, 0 } },
    { "matmul", { "130x77,190x77", "tb=yes", 1e-5, 0, 0 } },
    { "matmul", { "77x258,77x65", "ta=yes", 1e-5, 0, 0 } },
    { "matmul", { "40x19,301x40", "ta=yes,tb=yes", 1e-5, 0, 0 } },
    { "matmul", { "10x3001,3001x7", "", 1e-5, 0, 0 } },
    { "matmul", { "3x66x50,3x50x130", "", 1e-5, 0, 0 } },
    { "matmul", { "5x9x300,300x40", "", 1e-5, 0, 0 } },
    { "matmul", { "24x2000,6x2000x5", "", 1e-5, 0, 0 } },
    { "matmul", { "17x3x70001,17x70001x2", "", 1e-5, 0, 0 } },
    { "conv2d", { "4x16x32x32,16x16x3x3", "pad=1", 1e-5, 0, 0 } },
    { "conv2d", { "2x35x29x31,67x35x3x3", "stride=2,pad=1", 1e-5, 0, 0 } },
    { "conv2d", { "3x64x17x15,130x64x1x1", "", 1e-5, 0, 0 } },
    { "conv2d", { "2x64x17x15,40x64x1x1", "stride=2", 1e-5, 0, 0 } },
    { "conv2d", { "1x256x5x5,20x256x3x3", "pad=1", 1e-5, 0, 0 } },
    { "conv2d", { "1x165x15x17,150x165x3x3", "pad=1", 5e-5, 0, 0 } },
    { "conv2d", { "1x288x21x19,272x288x3x3", "pad=2,dilation=2", 5e-5, 0, 0 } },
    { "conv2d", { "2x24x19x23,48x6x3x3", "pad=2,dilation=2,groups=4", 1e-5, 0, 0 } },
    { "conv2d", { "2x32x19x23,32x1x5x5", "stride=2,pad=2,groups=32", 1e-5, 0, 0 } },
    { "conv2d", { "2x12x19x23,24x1x3x3", "pad=1,groups=12", 1e-5, 0, 0 } },
    { "conv2d_dx", { "4x16x32x32,16x16x3x3", "pad=1,h=32,w=32", 1e-5, 0, 0 } },
    { "conv2d_dx", { "2x67x15x16,67x35x3x3", "stride=2,pad=1,h=29,w=31", 1e-5, 0, 0 } },
    { "conv2d_dx", { "3x130x17x15,130x64x1x1", "h=17,w=15", 1e-5, 0, 0 } },
    { "conv2d_dx", { "2x40x9x8,40x64x1x1", "stride=2,h=17,w=15", 1e-5, 0, 0 } },
    { "conv2d_dx", { "1x256x5x5,256x20x3x3", "pad=1,h=5,w=5", 1e-5, 0, 0 } },
    { "conv2d_dx", { "1x165x15x17,165x150x3x3", "pad=1,h=15,w=17", 5e-5, 0, 0 } },
    { "conv2d_dx", { "1x9x11x10,9x17x5x5", "stride=3,pad=2,h=32,w=30", 1e-5, 0, 0 } },
    { "conv2d_dx", { "2x48x19x23,48x6x3x3", "pad=2,dilation=2,groups=4,h=19,w=23", 1e-5, 0, 0 } },
    { "conv2d_dx", { "2x32x10x12,32x1x5x5", "stride=2,pad=2,groups=32,h=19,w=23", 1e-5, 0, 0 } },
    { "conv2d_dx", { "2x24x19x23,24x1x3x3", "pad=1,groups=12,h=19,w=23", 1e-5, 0, 0 } },
    { "conv2d_dw", { "4x16x32x32,4x16x32x32", "pad=1,h=3,w=3", 1e-5, 0, 0 } },
    { "conv2d_dw", { "2x35x29x31,2x67x15x16", "stride=2,pad=1,h=3,w=3", 1e-5, 0, 0 } },
    { "conv2d_dw", { "3x64x17x15,3x130x17x15", "", 1e-5, 0, 0 } },
    { "conv2d_dw", { "2x64x17x15,2x40x9x8", "stride=2", 1e-5, 0, 0 } },
    { "conv2d_dw", { "2x24x19x23,2x48x19x23", "pad=2,dilation=2,groups=4,h=3,w=3", 1e-5, 0, 0 } },
    { "conv2d_dw", { "2x32x19x23,2x32x10x12", "stride=2,pad=2,groups=32,h=5,w=5", 1e-5, 0, 0 } },
    { "conv2d_dw", { "9x2x40x40,9x4x40x40", "pad=1,groups=2,h=3,w=3", 1e-5, 0, 0 } },
    { "gather_dx", { "20000:-50..70000,3x20000", "axis=1,n=69990", 1e-6, 0, 0 } },
    { "gather_dx", { "300001:40,300001", "axis=0,n=37", 1e-6, 0, 0 } },
    { "scatter", { "3x69990,20000:-50..70000,3x20000", "axis=1", 0, 0, 0 } },
    { "scatter", { "70x16,300001:80,300001x16", "axis=0", 0, 0, 0 } },
    { "conv2d_dw", { "3x4x230x210,3x5x230x210", "pad=1,h=3,w=3", 1e-5, 0, 0 } },
    { "sum", { "2x140001", "axes=2", 1e-5, 0, 0 } },
    { "gather_dx", { "70001:1,70001x3", "axis=0,n=1", 1e-5, 0, 0 } },
};

static const char *spec = "cpu";
static lbk_device *device, *peer;
static lbk_store *store, *peer_store;

static int start(void **state)
{
    if (unit_start(state))
        return -1;
    lbk_ctx *ctx = unit_ctx(state);
    return lbk_device_open(ctx, spec, &device) || lbk_store_create(device, &store) ||
           lbk_device_open(ctx, "cpu", &peer) || lbk_store_create(peer, &peer_store);
}

static int stop(void **state)
{
    lbk_store_destroy(&store), lbk_store_destroy(&peer_store);
    lbk_device_close(&device), lbk_device_close(&peer);
    return unit_stop(state);
}

static bool wanted(const char *op)
{
    const char *only = getenv("LBK_OP");
    return !only || !strcmp(only, op);
}

static lbk_status run_on(struct op_case *k, lbk_store *s, struct device_case *c)
{
    lbk_status st = device_open(k, s, c);
    st = st ? st : device_run(k, c);
    return st ? st : device_fetch(c);
}

/* How far the device is from the CPU; infinitely, when it wrote past its result. */
static double difference(struct op_case *k, enum variant v)
{
    struct device_case a, b;
    double far = INFINITY;
    if (!variant_build(k, v))
        return far;
    const bool ran = !run_on(k, store, &a);
    if (ran && !run_on(k, peer_store, &b)) {
        const int64_t n = lbk_shape_count(k->y->node.shape);
        far = guard_intact(&a) ? distance(LBK_F32, n, b.got, false, a.got, false) : INFINITY;
        device_close(&b);
    }
    device_close(&a);
    return far;
}

static void test_same(void **state)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct op_case k;
        const struct lbk_op *op = lbk_registry_find(unit_ctx(state), LBK_OPS, cases[i].op);
        if (!wanted(cases[i].op))
            continue;
        assert_true(case_open(unit_ctx(state), op, &cases[i].c, &k));
        for (enum variant v = ALONE; v < BLOCKED; v++) {
            const double far = difference(&k, v), most = cases[i].c.tol * (v == ALONE ? 4 : 20);
            if (!(far <= most))
                print_error("%s \"%s\" %s, %s: %g from the CPU\n", cases[i].op, cases[i].c.shapes,
                            cases[i].c.params, variant_names[v], far);
            failed += !(far <= most);
        }
        case_close(&k);
    }
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest same[] = { cmocka_unit_test(test_same) };
    if (argc == 3 && !strcmp(argv[1], "--device"))
        spec = argv[2];
    return _cmocka_run_group_tests("large", same, 1, start, stop);
}
