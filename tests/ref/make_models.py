#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""model_<name>.safetensors: an answer in evaluation, and in training samples of what a step of SGD takes from every weight
and of the running statistics after it, computed by PyTorch in double; where PyTorch in single precision is off by more
than 1e-5, there or on average, ten times that as tolerance. The weights of small networks come along, as a state_dict in
half precision; those of large ones are made on either side: a function of name and element (made()). Or they are in a file
of their own, torch_<name>.safetensors, as torchvision would name them and safetensors.torch.save_file() write them."""
import copy
import os
import sys
import numpy as np
import torch
import detect_error
import models
import st

here = os.path.dirname(os.path.abspath(__file__))
LR, DECAY = 0.1, 5e-4
FIELD = {'classify': 'label', 'segment': 'label', 'depth': 'depth'}
U64 = np.uint64


def mix(a, b):
    z = (a + 0x9E3779B97F4A7C15 * (b + 1)) % 2**64
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) % 2**64
    return z ^ z >> 31


def uniform(name, n):
    """limbeck/rng.h: lbk_random_at(key of the name, 0, 0 .. n - 1)."""
    h = 0xcbf29ce484222325
    for c in name.encode():
        h = (h ^ c) * 0x100000001b3 % 2**64
    key, low = mix(h, 0), U64(0xFFFFFFFF)
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    c = [np.arange((n + 3) // 4, dtype=U64)] + [np.zeros((n + 3) // 4, U64) for _ in range(3)]
    for _ in range(10):
        a, b = U64(0xD2511F53) * c[0], U64(0xCD9E8D57) * c[2]
        c = [(b >> U64(32)) ^ c[1] ^ U64(k0), b & low, (a >> U64(32)) ^ c[3] ^ U64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return (np.stack(c, 1).reshape(-1)[:n] >> U64(8)).astype(np.float64) / 2**24


def made(name, v):
    """Matrices and kernels in +-sqrt(6 / fan in). A batch norm shifts by more than it scales, so that few values lie where a
    ReLU bends: else the gradient of a deep network in single precision differs from that in double by percents."""
    u = uniform(name, v.numel()).reshape(v.shape)
    if v.dim() > 1:
        w = (2 * u - 1) * np.sqrt(6.0 / (v.numel() / v.shape[0]))
    elif name.endswith('.weight'):
        w = 0.5 + 0.5 * u
    else:
        w = 0.5 + u if name.endswith('running_var') else 1 + u
    return torch.from_numpy(w.astype(np.float32))


def samples(v):
    """At most 16 elements, evenly spread."""
    v = v.detach().reshape(-1)
    m = min(16, v.numel())
    return v[[i * (v.numel() - 1) // max(m - 1, 1) for i in range(m)]].float().numpy()


def steps(name, net, x, truth):
    """The loss, and what a step of SGD takes from every weight."""
    loss = models.loss_of(name, net(x), x, truth)
    loss.backward()
    return loss, {k: samples(LR * (p.grad + DECAY * p)) for k, p in net.named_parameters()}


def noise(a, b):
    """Largest difference over the largest number."""
    return np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)


def start(net, stored):
    """Running statistics and batch norm away from their start. Returns what the file has of it."""
    for key, v in net.state_dict().items():
        if not stored:
            v.copy_(made(key, v)) if v.is_floating_point() else v.fill_(len(key) * 1000)
            continue
        if v.dim() == 1 and v.is_floating_point():
            v.uniform_(0.5, 1.5) if 'var' in key or 'weight' in key else v.uniform_(-0.3, 0.3)
        v.copy_(v.half())
    return {f'model/{k}': (v.half() if v.is_floating_point() else v).numpy() for k, v in net.state_dict().items()} if stored else {}


def truth_of(task, classes, shape):
    batch, _, h, w = shape
    if task == 'classify' or task == 'reconstruct':
        return torch.randint(0, classes, (batch,))
    if task == 'depth':                                   # some pixels without a truth
        d = 10 * torch.rand(batch, 1, h, w) - 1
        return d.clamp_(min=0).half().double()
    if task == 'detect':
        return [(cls, box.half().double()) for cls, box in detect_error.some_anchors(batch, h, w, classes)]
    label = torch.randint(0, classes, (batch, h, w))
    label[torch.rand(batch, h, w) < 0.1] = 255
    return label


def fields(task, truth):
    if task == 'detect':
        for n, (cls, box) in enumerate(truth, 3):
            yield from ((f'anchor_class/{n}', cls), (f'anchor_box/{n}', box))
    elif task in FIELD:
        yield FIELD[task], truth


def to_float(truth):
    if isinstance(truth, list):
        return [tuple(map(to_float, pair)) for pair in truth]
    return truth.float() if truth.is_floating_point() else truth


def make(name, batch, channels, classes, size=(32, 32), stored=False, seed=2, least=0.0, published=None, **options):
    label = published or name
    if sys.argv[1:] and label not in sys.argv[1:]:        # make_models.py NAME ...: those alone
        return
    torch.manual_seed(seed)
    task, shape = models.task(name), (batch, channels, *size)
    net = models.ALL[name](classes, channels, **options)
    tensors = start(net, stored)
    if published:
        theirs = {models.published(k): v.numpy() for k, v in net.state_dict().items()}
        st.save(os.path.join(here, f'{published}.safetensors'), theirs, {'format': 'pt'})
    net = net.double()
    x = torch.rand(*shape).half().double()
    truth = truth_of(task, classes, shape)
    tensors['data/image'] = x.half().numpy()
    for field, v in fields(task, truth):
        tensors[f'data/{field}'] = v.half().numpy() if v.is_floating_point() else v.int().numpy()
    net.eval()
    tensors['eval'] = samples(net(x))
    net.train()
    single = copy.deepcopy(net).float()
    loss, step = steps(name, net, x, truth)
    _, rough = steps(name, single, x.float(), to_float(truth))
    usual = np.mean([noise(v, rough[key]) for key, v in step.items()])
    tensors['loss'] = loss.detach().float().numpy()
    for key, v in step.items():
        tensors[f'step/{key}'] = v
        off = max(usual, noise(v, rough[key]))
        if off > 1e-5 or least:
            tensors[f'tolerance/{key}'] = np.float32(max(10 * off, least))
    for key, v in net.state_dict().items():
        if 'running_' in key:
            tensors[f'after/{key}'] = samples(v)
    meta = {'model': name, 'classes': str(classes), 'options': models.text(options), 'lr': str(LR), 'weight_decay': str(DECAY)}
    if published:
        meta['published'] = f'{published}.safetensors'
    st.save(os.path.join(here, f'model_{label}.safetensors'), tensors, meta)


if __name__ == '__main__':
    make('lenet5_bn', 8, 1, 10, stored=True)
    make('autoencoder', 4, 1, 1, stored=True)
    # A seed of which no value lies within 4e-6 of where a ReLU bends, which any order of summation could turn.
    make('resnet20', 4, 3, 10, stored=True, seed=57)
    make('resnet18', 4, 3, 10, (64, 64))
    make('mobilenet_v2', 4, 3, 10, (64, 64), dropout=0)
    # So many values that some lie where a ReLU bends: another order of summation turns them, by which a gradient was seen to
    # change by 1.6e-2.
    make('deeplabv3_resnet18', 6, 3, 11, (57, 64), dropout=False, least=3e-2)
    make('depth_mobilenet_v2', 3, 3, 1, (60, 76))
    make('depth_resnet34', 3, 3, 1, (60, 76))
    make('light_depth', 3, 3, 1, (60, 76))
    make('resnet50', 6, 3, 10, (64, 64), width=0.25)
    # Seeds by which PyTorch's single precision is nearest to its double: means over 6 images are normalised by their own spread.
    make('deeplabv3_resnet50', 6, 3, 11, (57, 64), seed=9, dropout=False, deep=False, width=0.125)
    make('deeplabv3_mobilenet_v2', 6, 3, 11, (57, 64), seed=9, dropout=False, width=0.25)
    make('pspnet_resnet18', 6, 3, 11, (57, 64), seed=7, dropout=False, width=0.25)
    make('depth_resnet18', 3, 3, 1, (56, 76), width=0.25)
    make('resnet18', 4, 3, 10, (64, 64), published='torch_resnet18', width=0.125)
    make('deeplabv3_resnet18', 6, 3, 11, (57, 64), seed=9, published='torch_deeplabv3', dropout=False, deep=False, width=0.125)
    make('retinanet_resnet18', 2, 3, 3, (136, 150), seed=7, width=0.25, neck=64, tower=2)
