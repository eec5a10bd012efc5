# SPDX-License-Identifier: MIT
"""The errors of plugins/depth/error.h in PyTorch: a dictionary of scalars, of maps N x 1 x H x W."""
import torch
import torch.nn.functional as F


def slopes(v):
    across = torch.tensor([[1, 0, -1], [2, 0, -2], [1, 0, -1]], dtype=v.dtype)
    return F.conv2d(v, across[None, None], padding=1), F.conv2d(v, across.t()[None, None], padding=1)


def mean(v, mask):
    return v.mean() if mask is None else (v * mask).sum() / mask.sum()


def near_all(mask):
    """1 where none of the nine neighbours that exist is 0."""
    return None if mask is None else (F.unfold(F.pad(mask, (1, 1, 1, 1), value=1.0), 3).amin(1) > 0).to(mask.dtype).view_as(mask)


def errors(a, b, mask=None, alpha=0.5):
    far = near_all(mask)
    (ax, ay), (bx, by) = slopes(a), slopes(b)
    log = lambda e: torch.log(e.abs() + alpha)
    normals = [torch.cat([-x, -y, torch.ones_like(x)], 1) for x, y in ((ax, ay), (bx, by))]
    return {'log': mean(log(a - b), mask), 'gradient': mean(log(ax - bx), far) + mean(log(ay - by), far),
            'normal': mean((1 - F.cosine_similarity(*normals, dim=1, eps=0)).abs()[:, None], far), 'l1': mean((a - b).abs(), mask)}


def hu3(a, b, mask=None, alpha=0.5, w_log=1, w_grad=1, w_normal=1):
    e = errors(a, b, mask, alpha)
    return w_log * e['log'] + w_grad * e['gradient'] + w_normal * e['normal']
