/* SPDX-License-Identifier: MIT */
/* Prints the layout of what a plugin sees; tests/policy.py compares it with tests/ref/abi.txt. */
#include <stdio.h>
#include <limbeck/plugin.h>

#define SIZE(T) printf("%s %zu\n", #T, sizeof(T))
#define AT(T, f) printf("%s.%s %zu\n", #T, #f, offsetof(struct T, f))

static void frozen(void)
{
    SIZE(lbk_shape);
    SIZE(enum lbk_opt_type);
    SIZE(struct lbk_opt), AT(lbk_opt, type), AT(lbk_opt, offset), AT(lbk_opt, def),
        AT(lbk_opt, sdef), AT(lbk_opt, names);
    SIZE(struct lbk_span), SIZE(struct lbk_ramp), SIZE(struct lbk_numbers);
    SIZE(struct lbk_role), AT(lbk_role, model), AT(lbk_role, mode), AT(lbk_role, flags);
    SIZE(struct lbk_stream), AT(lbk_stream, of), AT(lbk_stream, ratio), AT(lbk_stream, flags);
    SIZE(struct lbk_field), AT(lbk_field, kind), AT(lbk_field, dtype), AT(lbk_field, classes),
        AT(lbk_field, ignore), AT(lbk_field, names);
    SIZE(struct lbk_array), AT(lbk_array, shape), AT(lbk_array, data);
    SIZE(struct lbk_term), AT(lbk_term, coef), AT(lbk_term, loss), AT(lbk_term, weight),
        AT(lbk_term, norm);
    SIZE(struct lbk_arg), AT(lbk_arg, offset), AT(lbk_arg, dtype), AT(lbk_arg, shape),
        AT(lbk_arg, layout);
    SIZE(struct lbk_word), SIZE(struct lbk_expr), SIZE(struct lbk_layout), SIZE(struct lbk_wire),
        SIZE(struct lbk_feature),
        SIZE(struct lbk_rename);
    SIZE(struct lbk_case), SIZE(struct lbk_device_info), AT(lbk_device_info, memory),
        AT(lbk_device_info, is_cpu), AT(lbk_device_info, max_alloc);
}

static void growing(void)
{
    AT(lbk_plugin, abi), AT(lbk_plugin, mark), AT(lbk_plugin, size), AT(lbk_plugin, name),
        AT(lbk_plugin, setup);
    AT(lbk_method, name), AT(lbk_method, tasks), AT(lbk_method, opts), AT(lbk_method, check),
        AT(lbk_method, schedule);
    AT(lbk_loss, name), AT(lbk_loss, inputs), AT(lbk_loss, opts), AT(lbk_loss, build),
        AT(lbk_loss, shapes);
    AT(lbk_model, name), AT(lbk_model, task), AT(lbk_model, opts), AT(lbk_model, build),
        AT(lbk_model, renames);
    AT(lbk_stage, flags), AT(lbk_stage, name), AT(lbk_stage, roles), AT(lbk_stage, length),
        AT(lbk_stage, lr), AT(lbk_stage, objective), AT(lbk_stage, sweep);
    AT(lbk_sweep_fns, state_size), AT(lbk_sweep_fns, each), AT(lbk_sweep_fns, end);
    AT(lbk_source, name), AT(lbk_source, open), AT(lbk_source, fields), AT(lbk_source, read);
    AT(lbk_transform, name), AT(lbk_transform, apply);
    AT(lbk_task, name), AT(lbk_task, fields), AT(lbk_task, encode), AT(lbk_task, terms),
        AT(lbk_task, draw);
    AT(lbk_metric, name), AT(lbk_metric, state_size), AT(lbk_metric, add), AT(lbk_metric, end);
    AT(lbk_op, flags), AT(lbk_op, name), AT(lbk_op, params), AT(lbk_op, infer), AT(lbk_op, grad),
        AT(lbk_op, expr), AT(lbk_op, ref), AT(lbk_op, lower), AT(lbk_op, flops), AT(lbk_op, cases);
    AT(lbk_infer, in), AT(lbk_infer, params), AT(lbk_infer, out);
    AT(lbk_ref, in), AT(lbk_ref, params), AT(lbk_ref, out), AT(lbk_ref, f64), AT(lbk_ref, seed);
    AT(lbk_backend, name), AT(lbk_backend, opts), AT(lbk_backend, probe), AT(lbk_backend, open),
        AT(lbk_backend, report), AT(lbk_backend, diagnose);
    AT(lbk_device_fns, alloc), AT(lbk_device_fns, supports), AT(lbk_device_fns, launch),
        AT(lbk_device_fns, elapsed), AT(lbk_device_fns, limits), AT(lbk_device_fns, timing),
        AT(lbk_device_fns, tune);
    AT(lbk_limits, memory), AT(lbk_limits, max_alloc);
    AT(lbk_group, op), AT(lbk_group, arg), AT(lbk_group, operand), AT(lbk_group, epi),
        AT(lbk_group, out), AT(lbk_group, acc), AT(lbk_group, scratch), AT(lbk_group, seed),
        AT(lbk_group, also);
    AT(lbk_offer, ns), AT(lbk_offer, scratch), AT(lbk_offer, want_arg), AT(lbk_offer, want_out),
        AT(lbk_offer, inplace), AT(lbk_offer, also);
}

int main(void)
{
    printf("abi %d\n", LBK_ABI_MAJOR);
    frozen();
    growing();
    return 0;
}
