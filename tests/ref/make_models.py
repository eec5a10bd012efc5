#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""model_<name>.safetensors: a state_dict in half precision, an answer in evaluation, and samples of every tensor after
one step of SGD in training, computed by PyTorch in double."""
import os
import torch
import torch.nn.functional as F
import models
import st

here = os.path.dirname(os.path.abspath(__file__))
LR, DECAY = 0.1, 5e-4


def samples(v):
    """At most 16 elements, evenly spread."""
    v = v.detach().reshape(-1)
    m = min(16, v.numel())
    return v[[i * (v.numel() - 1) // max(m - 1, 1) for i in range(m)]].float().numpy()


def make(name, batch, channels, classes):
    torch.manual_seed(2)
    net = models.ALL[name](classes, channels)
    for key, v in net.state_dict().items():              # running statistics and batch norm away from their start
        if v.dim() == 1 and v.is_floating_point():
            v.uniform_(0.5, 1.5) if 'var' in key or 'weight' in key else v.uniform_(-0.3, 0.3)
        v.copy_(v.half())
    tensors = {f'weights/{k}': (v.half() if v.is_floating_point() else v).numpy() for k, v in net.state_dict().items()}
    net = net.double()
    x = torch.rand(batch, channels, 32, 32).half().double()
    label = torch.randint(0, classes, (batch,))
    tensors['x'], tensors['label'] = x.half().numpy(), label.int().numpy()
    net.eval()
    tensors['eval'] = samples(net(x))
    net.train()
    y = net(x)
    loss = F.mse_loss(y, x) if classes == 1 else F.cross_entropy(y, label)
    loss.backward()
    torch.optim.SGD(net.parameters(), LR, 0.9, weight_decay=DECAY).step()
    tensors['loss'] = loss.detach().float().numpy()
    for key, v in net.state_dict().items():
        if v.is_floating_point():
            tensors[f'after/{key}'] = samples(v)
    st.save(os.path.join(here, f'model_{name}.safetensors'), tensors,
            {'model': name, 'classes': str(classes), 'lr': str(LR), 'weight_decay': str(DECAY)})


if __name__ == '__main__':
    make('lenet5_bn', 8, 1, 10)
    make('autoencoder', 4, 1, 1)
    make('resnet20', 4, 3, 10)
