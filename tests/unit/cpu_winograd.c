/* SPDX-License-Identifier: MIT */
/* What convolution by Winograd on the CPU driver loses against sums in double, and that the option
 * of the device leaves it. --print says the errors. */
#include <kernels/winograd.h>
#include "cpu_problem.h"

enum { SAMPLES = 3000 };
static bool print;

/* N(0, 1): signs cancel, which is the hard case. */
static void fill_normal(struct problem *p)
{
    for (int i = 0; i < p->g.n_arg; i++)
        for (int64_t k = 0; k < lbk_shape_count(p->g.arg[i].shape); k++) {
            const double a = (random_value() + 1) / 2 + 1e-9, b = random_value();
            p->value[i][k] = (float) (sqrt(-2 * log(a)) * cos(3.14159265358979 * b));
        }
}

/* Element i of the gather, of channels apart, over all taps and channels in double. */
static double sum_at(const struct conv_case *c, enum pass pass, const struct problem *p, int64_t i)
{
    const lbk_shape in = p->g.arg[0].shape, out = p->g.acc;
    const int64_t w = i % out.d[3], h = i / out.d[3] % out.d[2];
    const int64_t o = i / out.d[3] / out.d[2] % out.d[1], n = i / out.d[3] / out.d[2] / out.d[1];
    const int sign = pass == FORWARD ? 1 : -1;
    double sum = 0;
    for (int64_t t = 0; t < in.d[1] * c->r * c->s; t++) {
        const int64_t s = t % c->s, r = t / c->s % c->r, k = t / c->s / c->r;
        const int64_t y = h + sign * (r * c->dil - c->pad), x = w + sign * (s * c->dil - c->pad);
        if (y < 0 || y >= in.d[2] || x < 0 || x >= in.d[3])
            continue;
        const int64_t q = pass == FORWARD ? o * c->c + k : k * c->c + o;
        sum += (double) p->value[0][((n * in.d[1] + k) * in.d[2] + y) * in.d[3] + x] *
               p->value[1][(q * c->r + r) * c->s + s];
    }
    return sum;
}

/* The largest error of many elements, in parts of their root mean square. */
static double error_of(const struct conv_case *c, enum pass pass, const struct problem *p)
{
    const int64_t n = lbk_shape_count(p->g.acc), step = n > SAMPLES ? n / SAMPLES | 1 : 1;
    double worst = 0, power = 0;
    int64_t taken = 0;
    for (int64_t i = 0; i < n; i += step, taken++) {
        const double want = sum_at(c, pass, p, i), e = fabs(p->result[i] - want);
        power += want * want;
        worst = e <= worst ? worst : e; /* NaN too */
    }
    return worst / sqrt(power / (double) taken);
}

/* `channels` are summed over, whichever pass it is. Many need many pixels to be worth it. */
static struct conv_case class_of(int64_t channels, int64_t r, enum pass pass)
{
    const bool many = channels > 512;
    const int64_t other = many ? 128 : channels > 256 ? 32 : 24;
    return (struct conv_case){ 1,
                               pass == FORWARD ? channels : other,
                               many ? 32 : 25,
                               many ? 16 : 22,
                               pass == FORWARD ? other : channels,
                               r,
                               r,
                               1,
                               r / 2,
                               1,
                               1 };
}

static void check_class(lbk_drv *d, int64_t channels, int64_t r, enum pass pass, double most)
{
    const struct conv_case c = class_of(channels, r, pass);
    struct problem p;
    conv_problem(&p, &c, pass);
    fill_normal(&p);
    struct winograd *w = winograd_create(d, &p.g, p.g.arg[0].shape);
    const bool is = w != NULL;
    winograd_destroy(w);
    if (is != d->winograd)
        fail_msg("%d channels, %d taps, pass %d: %s by Winograd", (int) channels, (int) (r * r),
                 (int) pass, is ? "goes" : "does not go");
    run_on(d, &p);
    const double e = error_of(&c, pass, &p);
    if (print)
        printf("%s %5d channels %dx%d pass %d: %.1e\n", is ? "winograd" : "direct  ",
               (int) channels, (int) r, (int) r, (int) pass, e);
    if (!(e <= most))
        fail_msg("%d channels, %d taps, pass %d: error %g of the rms, at most %g", (int) channels,
                 (int) (r * r), (int) pass, e, most);
    free_problem(&p);
}

static void check_classes(bool winograd, int64_t channels, double most)
{
    lbk_drv *d = open_cpu(2, "auto");
    d->winograd = winograd;
    for (; channels >= 16; channels /= 2)
        for (int64_t r = 3; r <= (channels > 512 ? 3 : 5); r += 2) /* 5 x 5 is not worth it */
            for (enum pass pass = FORWARD; pass <= BY_X; pass++)
                check_class(d, channels, r, pass, most);
    cpu_device_fns.close(d);
}

/* All elements are to be within 1e-4; those that are looked at, closer. */
static void errors_are_small(void **state) { check_classes(true, 1024, 7e-5); }

static void without_it_sums_are_closer(void **state) { check_classes(false, 512, 2e-5); }

int main(int argc, char **argv)
{
    print = argc > 1 && strcmp(argv[1], "--print") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_small),
        cmocka_unit_test(without_it_sums_are_closer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
