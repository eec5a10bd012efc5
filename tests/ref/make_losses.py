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
for suffix, mask in [('', {}), ('_mask', dict(mask=(torch.rand(2, 1, 13, 17) > 0.08).float()))]:
    for part in ['log', 'gradient', 'normal', 'l1']:
        add(f'depth_{part}{suffix}', f'depth.{part}', {**d, **mask},
            lambda student, target, mask=None: depth_error.errors(student, target, mask)[part], ['student'])
    options = dict(alpha=0.1, w_log=0.5, w_grad=2.0, w_normal=3.0)
    for other, o in [('', {}), ('_other', options)]:
        add(f'depth_hu3{other}{suffix}', ' '.join(['depth.hu3'] + [f'{k}={v}' for k, v in o.items()]), {**d, **mask},
            lambda student, target, mask=None: depth_error.hu3(student, target, mask, **o), ['student'])
s, t = torch.randn(2, 5, 7, 9) * 3, torch.randn(2, 5, 7, 9) * 3
for temperature in [1, 2]:
    add(f'kl_pixelmean_{temperature}', f'kl temperature={temperature} reduction=pixelmean', dict(student=s, teacher=t),
        lambda student, teacher: kl(student.permute(0, 2, 3, 1).reshape(-1, 5), teacher.permute(0, 2, 3, 1).reshape(-1, 5),
                                    temperature, 0, 'batchmean'), ['student'])
# Two pixels of three classes, worked out by hand.
s, t = torch.tensor([[.2, .1, -.3], [1, -1, 0]]), torch.tensor([[1.5, 0, -.5], [.5, .5, .5]])
for temperature, by_hand in [(1, 0.2720389342), (2, 0.2929186834)]:
    name = f'kl_by_hand_{temperature}'
    add(name, f'kl temperature={temperature} reduction=pixelmean', dict(student=s, teacher=t),
        lambda student, teacher: kl(student, teacher, temperature, 0, 'batchmean'), ['student'])
    assert abs(tensors[f'{name}/out.loss'] - by_hand) < 1e-7
s, t = torch.randn(3, 6, 5, 7), torch.randn(3, 4, 5, 7)
add('at', 'kd.at', dict(student=s, teacher=t),
    lambda student, teacher: (F.normalize(student.pow(2).mean(1).flatten(1)) -
                              F.normalize(teacher.pow(2).mean(1).flatten(1))).pow(2).mean(), ['student'])
st.save(os.path.join(here, 'losses.safetensors'), tensors, meta)
