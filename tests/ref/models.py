# SPDX-License-Identifier: MIT
"""Reference networks: names, shapes and arithmetic as in the usual PyTorch implementations."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class LeNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))
        return self.fc3(x)


class Autoencoder(nn.Module):
    def __init__(self, channels, sigmoid=True):
        super().__init__()
        c, t, r = nn.Conv2d, nn.ConvTranspose2d, nn.ReLU
        self.encoder = nn.Sequential(c(channels, 12, 4, 2, 1), r(), c(12, 24, 4, 2, 1), r(), c(24, 48, 4, 2, 1), r())
        up = [t(48, 24, 4, 2, 1), r(), t(24, 12, 4, 2, 1), r(), t(12, channels, 4, 2, 1)]
        self.decoder = nn.Sequential(*up, *([nn.Sigmoid()] if sigmoid else []))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Basic(nn.Module):
    expansion = 1

    def __init__(self, c, width, stride, side):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.side = add_side(self, side, c, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (getattr(self, self.side)(x) if self.side else x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, c, width, stride, side):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.side = add_side(self, side, c, 4 * width, stride)

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (getattr(self, self.side)(x) if self.side else x))


def add_side(block, name, c, out, stride):
    if stride == 1 and c == out:
        return None
    block.add_module(name, nn.Sequential(nn.Conv2d(c, out, 1, stride, bias=False), nn.BatchNorm2d(out)))
    return name


class ResNet(nn.Module):
    def __init__(self, block, stem, widths, blocks, side, head, classes, channels=3):
        super().__init__()
        self.n, self.head = len(widths), head
        self.conv1, self.bn1 = nn.Conv2d(channels, stem, 3, 1, 1, bias=False), nn.BatchNorm2d(stem)
        c = stem
        for i, (w, n) in enumerate(zip(widths, blocks)):
            layer = []
            for j in range(n):
                layer.append(block(c, w, 2 if i and not j else 1, side))
                c = w * block.expansion
            self.add_module(f'layer{i + 1}', nn.Sequential(*layer))
        self.add_module(head, nn.Linear(c, classes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for i in range(self.n):
            x = getattr(self, f'layer{i + 1}')(x)
        x = x.mean((2, 3)) if self.n == 3 else F.avg_pool2d(x, 4).flatten(1)
        return getattr(self, self.head)(x)


def three(n, widths, classes, channels=3):
    return ResNet(Basic, widths[0], widths[1:], [n] * 3, 'downsample', 'fc', classes, channels)


def four(block, blocks, classes, channels=3):
    return ResNet(block, 64, [64, 128, 256, 512], blocks, 'shortcut', 'linear', classes, channels)


THIN, WIDE = [16, 16, 32, 64], [32, 64, 128, 256]
ALL = {
    'lenet5_bn': lambda k, c: LeNet(k),
    'autoencoder': lambda k, c: Autoencoder(c),
    'autoencoder_linear': lambda k, c: Autoencoder(c, False),
    'resnet20': lambda k, c: three(3, THIN, k, c),
    'resnet32': lambda k, c: three(5, THIN, k, c),
    'resnet56': lambda k, c: three(9, THIN, k, c),
    'resnet110': lambda k, c: three(18, THIN, k, c),
    'resnet8x4': lambda k, c: three(1, WIDE, k, c),
    'resnet32x4': lambda k, c: three(5, WIDE, k, c),
    'resnet18_cifar': lambda k, c: four(Basic, [2, 2, 2, 2], k, c),
    'resnet34_cifar': lambda k, c: four(Basic, [3, 4, 6, 3], k, c),
    'resnet50_cifar': lambda k, c: four(Bottleneck, [3, 4, 6, 3], k, c),
}

if __name__ == '__main__':
    for name, make in ALL.items():
        print(name, sum(p.numel() for p in make(100, 3).parameters()))
