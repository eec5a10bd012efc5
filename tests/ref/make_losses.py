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


def window(kernel, sigma):
    x = torch.arange(kernel, dtype=torch.double) - kernel // 2
    w = torch.exp(-x * x / (2 * sigma * sigma))
    return torch.outer(w, w) / w.sum() ** 2


def blur(x, w):
    k, c = w.shape[0], x.shape[1]
    return F.conv2d(F.pad(x, [k // 2] * 4, 'reflect') if k > 1 else x, w.expand(c, 1, k, k), groups=c)


def normalise(v, over, stop):
    f = torch.Tensor.detach if stop else lambda t: t
    if over == 'standardise':
        far = v - f(v.mean((0, 2, 3), True))
        return far / (f(far).square().mean((0, 2, 3), True) + 1e-6).sqrt()
    dims = dict(channel=(2, 3), sample=(1, 2, 3), tensor=(0, 1, 2, 3)).get(over)
    if dims is None:
        return v
    lo, hi = f(v.amin(dims, True)), f(v.amax(dims, True))
    return (v - lo) / (hi - lo + 1e-6)


def similarity(x, y, kernel=11, sigma=1.5, k1=0.01, k2=0.03, range=1.0, l=True, c=True, s=True):
    w, c1, c2 = window(kernel, sigma), (k1 * range) ** 2, (k2 * range) ** 2
    mx, my = blur(x, w), blur(y, w)
    vx, vy, cov = blur(x * x, w) - mx * mx, blur(y * y, w) - my * my, blur(x * y, w) - mx * my
    dx, dy = vx.clamp(min=1e-12).sqrt(), vy.clamp(min=1e-12).sqrt()
    v = 1
    v = v * (2 * mx * my + c1) / (mx * mx + my * my + c1) if l else v
    v = v * (2 * dx * dy + c2) / (vx + vy + c2) if c else v
    return v * (cov + c2 / 2) / (dx * dy + c2 / 2) if s else v


def ssim(student, teacher, over='channel', stop=False, **o):
    s = similarity(normalise(student, over, stop), normalise(teacher, over, False), **o)
    return ((1 - s) / 2).clamp(0, 1).mean()


def maps(*shape):
    s = torch.randn(*shape)
    return dict(student=s, teacher=0.6 * s + torch.randn(*shape))


def add_ssim(name, data, text='', **o):
    add('ssim_' + name, f'ssim.ssim {text}'.strip(), data, lambda student, teacher: ssim(student, teacher, **o), ['student'])


m = maps(2, 2, 13, 11)
add_ssim('11', m)
add_ssim('7', maps(1, 17, 8, 10), kernel=7)                       # the window is less than 8
add_ssim('5', maps(2, 4, 7, 6), 'window=5 sigma=0.8', kernel=5, sigma=0.8)
add_ssim('3', maps(2, 4, 3, 5), 'window=5', kernel=3)
for over in ['sample', 'tensor']:
    add_ssim(over, m, f'normalise={over}', over=over)
add_ssim('standardise', m, 'normalise=standardise range=6', over='standardise', range=6.0)
add_ssim('none', {k: v.sigmoid() for k, v in m.items()}, 'normalise=none k1=0.02 k2=0.05', over='none', k1=0.02, k2=0.05)
add_ssim('stop', m, 'stop=yes', stop=True)
add_ssim('stop_standardise', m, 'stop=yes normalise=standardise range=6', stop=True, over='standardise', range=6.0)
add_ssim('ties', {k: (2 * v).round() / 2 for k, v in m.items()})
add_ssim('constant', dict(m, student=m['student'] * torch.tensor([1.0, 0]).reshape(1, 2, 1, 1)))
add_ssim('constant_teacher', dict(m, teacher=m['teacher'] * torch.tensor([1.0, 0]).reshape(1, 2, 1, 1)))
for i in range(1, 7):
    on = {k: bool(i >> n & 1) for n, k in enumerate('lcs')}
    add_ssim('factors_%d' % i, m, ' '.join(f'{k}={"yes" if v else "no"}' for k, v in
                                          zip(['luminance', 'contrast', 'structure'], on.values())), **on)
for loss, f in [('l1', F.l1_loss), ('mse', F.mse_loss)]:
    for over in ['channel', 'standardise']:
        add(f'{loss}_{over}', f'{loss} normalise={over}', m,
            lambda student, teacher: f(normalise(student, over, False), normalise(teacher, over, False)), ['student'])
st.save(os.path.join(here, 'losses.safetensors'), tensors, meta)
