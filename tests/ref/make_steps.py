#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""steps.safetensors: a student and a teacher in half precision, 20 images, and samples of the student after one step of
each method, computed by PyTorch in double. The metadata holds the settings of each."""
import os
import numpy as np
import torch
import torch.nn.functional as F
import models
import st
from make_models import samples

here = os.path.dirname(os.path.abspath(__file__))
LR, MOMENTUM, DECAY, N, K = 0.1, 0.9, 5e-4, 20, 10


def network(seed):
    torch.manual_seed(seed)
    net = models.LeNet(K)
    for key, v in net.state_dict().items():
        if v.is_floating_point():
            v.copy_(v.half())
    return net


def pixel_table(x, label, delta):
    u = F.normalize(x.flatten(1), dim=1)
    a = torch.zeros(K, K, dtype=torch.double)
    for i in range(K):
        for j in range(K):
            c = u[label == i] @ u[label == j].T
            a[i, j] = c.mean() if i != j else (c.sum() - c.trace()) / (len(c) * (len(c) - 1)) + delta
    return a


def step(text, name, loss):
    net = network(4).double()
    net.train()
    loss(net(x)).backward()
    torch.optim.SGD(net.parameters(), LR, MOMENTUM, weight_decay=DECAY).step()
    meta[name] = text
    for key, v in net.state_dict().items():
        if v.is_floating_point():
            tensors[f'{name}/{key}'] = samples(v)


def soft(z, p, t, reduction='batchmean'):
    return t * t * F.kl_div(F.log_softmax(z / t, 1), p, reduction=reduction)


rng = np.random.default_rng(5)
image = rng.integers(0, 256, (N, 32, 32), dtype=np.uint8)
image[:, 8:24] = (image[:, 8:24] // 4 + 12 * np.repeat(np.arange(K), 2)[:, None, None]).astype(np.uint8)
label = torch.arange(K).repeat_interleave(2)
x = torch.tensor(image[:, None]).double() / 255
teacher = network(6)
tensors, meta = {'image': image, 'label': label.numpy().astype(np.uint8)}, {}
for role, net in [('student', network(4)), ('teacher', teacher)]:
    for key, v in net.state_dict().items():
        tensors[f'{role}/{key}'] = (v.half() if v.is_floating_point() else v).numpy()
teacher = teacher.double().eval()
t = teacher(x).detach()
ce = lambda z: F.cross_entropy(z, label)
row = pixel_table(x, label, 0.0225)[label]
step('method=none', 'none', ce)
step('method=kd kd.weight=0.9 kd.temperature=4', 'kd', lambda z: 0.1 * ce(z) + 0.9 * soft(z, F.softmax(t / 4, 1), 4))
step('method=reffakd reffakd.table=uniform reffakd.alpha=0.5 reffakd.T=5', 'uniform',
     lambda z: 0.5 * ce(z) + 0.5 * soft(z, torch.full_like(z, 1 / K), 5))
step('method=reffakd reffakd.table=pixel reffakd.alpha=0.5 reffakd.T=20 reffakd.delta=0.0225', 'pixel',
     lambda z: 0.5 * ce(z) + 0.5 * soft(z, F.softmax(row, 1), 20))
step('method=reffakd reffakd.table=pixel reffakd.alpha=0.5 reffakd.T=20 reffakd.delta=0.0225 reffakd.reduction=mean', 'pixel_mean',
     lambda z: 0.5 * ce(z) + 0.5 * soft(z, F.softmax(row, 1), 20, 'mean'))
step('method=reffakd reffakd.table=pixel reffakd.T=20 reffakd.delta=0.0225 reffakd.student=kd kd.weight=0.5', 'pixel_kd',
     lambda z: 0.5 * ce(z) + 0.5 * soft(z, F.softmax(row, 1), 20))
st.save(os.path.join(here, 'steps.safetensors'), tensors, meta)
