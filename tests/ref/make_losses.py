#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""losses.safetensors: values and gradients of losses, computed by PyTorch in double.

The metadata has an entry for each case: "loss option=value ...". Its tensors are named after it."""
import os
import torch
import torch.nn.functional as F
import depth_error
import st

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(1)
tensors, meta = {}, {}


def add(name, text, inputs, loss, wrt):
    leaves = {k: v.double().requires_grad_(k in wrt) if v.is_floating_point() else v for k, v in inputs.items()}
    value = loss(**leaves)
    grads = torch.autograd.grad(value, [leaves[k] for k in wrt])
    meta[name] = text
    for k, v in inputs.items():
        tensors[f'{name}/in.{k}'] = v.numpy()
    tensors[f'{name}/out.loss'] = value.detach().float().numpy()
    for k, g in zip(wrt, grads):
        tensors[f'{name}/out.grad.{k}'] = g.float().numpy()


def kl(student, teacher, t, tt, reduction):
    q, p = F.log_softmax(student / t, 1), F.softmax(teacher / (tt or t), 1)
    return F.kl_div(q, p, reduction=reduction) * t * t


for b, k, scale in [(5, 7, 3.0), (8, 100, 10.0)]:
    s, t = torch.randn(b, k) * scale, torch.randn(b, k) * scale
    for reduction in ['batchmean', 'mean', 'sum']:
        for temperature, other in [(1, 0), (4, 0), (20, 1)]:
            text = f'kl temperature={temperature} teacher_temperature={other} reduction={reduction}'
            add(f'kl_{k}_{temperature}_{reduction}', text, dict(student=s, teacher=t),
                lambda student, teacher: kl(student, teacher, temperature, other, reduction), ['student'])
    label = torch.randint(0, k, (b,), dtype=torch.int32)
    add(f'ce_{k}', 'ce', dict(student=s, label=label), lambda student, label: F.cross_entropy(student, label.long()), ['student'])
s, t = torch.randn(3, 4, 5, 6), torch.randn(3, 4, 5, 6)
add('mse', 'mse', dict(student=s, teacher=t), lambda student, teacher: F.mse_loss(student, teacher), ['student'])
add('l1', 'l1', dict(student=s, teacher=t), lambda student, teacher: F.l1_loss(student, teacher), ['student'])
d = dict(student=1 + 3 * torch.rand(2, 1, 13, 17), target=1 + 3 * torch.rand(2, 1, 13, 17))
masked = dict(d, mask=(torch.rand(2, 1, 13, 17) > 0.08).float())
for part, maps in [('log', d), ('gradient', d), ('normal', d), ('l1', masked)]:
    add(f'depth_{part}', f'depth.{part}', maps,
        lambda student, target, mask=None: depth_error.errors(student, target, mask)[part], ['student'])
for name, maps, o in [('depth_hu3', d, {}), ('depth_hu3_mask', masked, dict(alpha=0.1, w_log=0.5, w_grad=2.0, w_normal=3.0))]:
    add(name, ' '.join(['depth.hu3'] + [f'{k}={v}' for k, v in o.items()]), maps,
        lambda student, target, mask=None: depth_error.hu3(student, target, mask, **o), ['student'])
st.save(os.path.join(here, 'losses.safetensors'), tensors, meta)
