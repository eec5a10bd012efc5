# SPDX-License-Identifier: MIT
"""What a detector learns from: focal loss of classes and distance of deltas, over the hits of a batch."""
import torch
import torch.nn.functional as F


def some_anchors(batch, h, w, classes, levels=5):
    """Truth for loss() of 9 anchors to a cell, mostly background."""
    cells = [(-(-h // 2**n), -(-w // 2**n)) for n in range(3, 3 + levels)]
    cls = [torch.randint(-20, classes, (batch, 9, *c)).clamp_(-2) for c in cells]
    return [(torch.where(c == -2, -1, torch.where(c == -1, -2, c)), torch.randn(batch, 9, 4, *c.shape[2:])) for c in cls]


def loss(levels, truth):
    """truth: for each level the class of every anchor (-1 background, -2 not counted; N x anchors x H x W) and its deltas
    (N x anchors x 4 x H x W)."""
    hits = sum((cls >= 0).sum() for cls, _ in truth).clamp(min=1)
    total = 0
    for (z, d), (cls, want) in zip(levels, truth):
        z = z.reshape(*cls.shape[:2], -1, *cls.shape[2:])
        y = torch.stack([cls == k for k in range(z.shape[2])], 2).to(z.dtype)
        p = torch.sigmoid(z)
        right = y * p + (1 - y) * (1 - p)
        focal = (0.25 * y + 0.75 * (1 - y)) * (1 - right) ** 2 * F.binary_cross_entropy_with_logits(z, y, reduction='none')
        box = (d.reshape(want.shape) - want).abs()
        total = total + (focal * (cls >= -1).unsqueeze(2)).sum() + (box * (cls >= 0).unsqueeze(2)).sum()
    return total / hits
