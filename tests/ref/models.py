# SPDX-License-Identifier: MIT
"""Reference networks: names, shapes and arithmetic as in the usual PyTorch implementations."""
import functools
import torch
import torch.nn as nn
import torch.nn.functional as F

relu = functools.partial(F.relu, inplace=True)


class LeNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(relu(self.bn2(self.conv2(x))), 2)
        x = relu(self.fc2(relu(self.fc1(x.flatten(1)))))
        return self.fc3(x)


class Autoencoder(nn.Module):
    def __init__(self, channels, sigmoid=True):
        super().__init__()
        c, t, r = nn.Conv2d, nn.ConvTranspose2d, functools.partial(nn.ReLU, True)
        self.encoder = nn.Sequential(c(channels, 12, 4, 2, 1), r(), c(12, 24, 4, 2, 1), r(), c(24, 48, 4, 2, 1), r())
        up = [t(48, 24, 4, 2, 1), r(), t(24, 12, 4, 2, 1), r(), t(12, channels, 4, 2, 1)]
        self.decoder = nn.Sequential(*up, *([nn.Sigmoid()] if sigmoid else []))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Basic(nn.Module):
    expansion = 1

    def __init__(self, c, width, stride, side, d1=1, d2=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 3, stride, d1, d1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, d2, d2, bias=False), nn.BatchNorm2d(width)
        self.side = add_side(self, side, c, width, stride)

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + (getattr(self, self.side)(x) if self.side else x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, c, width, stride, side):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.side = add_side(self, side, c, 4 * width, stride)

    def forward(self, x):
        y = relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))
        return relu(self.bn3(self.conv3(y)) + (getattr(self, self.side)(x) if self.side else x))


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
        x = relu(self.bn1(self.conv1(x)))
        for i in range(self.n):
            x = getattr(self, f'layer{i + 1}')(x)
        x = x.mean((2, 3)) if self.n == 3 else F.avg_pool2d(x, 4).flatten(1)
        return getattr(self, self.head)(x)


def three(n, widths, classes, channels=3):
    return ResNet(Basic, widths[0], widths[1:], [n] * 3, 'downsample', 'fc', classes, channels)


def four(block, blocks, classes, channels=3):
    return ResNet(block, 64, [64, 128, 256, 512], blocks, 'shortcut', 'linear', classes, channels)


class Stages(nn.Module):
    """ResNet of basic blocks for large images, up to the pooling. deep: a stem of three 3 x 3; dilated: 1/8 of the image."""

    def __init__(self, blocks, deep=False, dilated=False):
        super().__init__()
        self.deep, c = deep, 128 if deep else 64
        if deep:
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
            self.conv2, self.bn2 = nn.Conv2d(64, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
            self.conv3, self.bn3 = nn.Conv2d(64, 128, 3, 1, 1, bias=False), nn.BatchNorm2d(128)
        else:
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        spread = [(1, 1), (1, 1), (1, 2), (2, 4)] if dilated else [(1, 1)] * 4
        for i, (w, n, (d1, d2)) in enumerate(zip([64, 128, 256, 512], blocks, spread)):
            layer = []
            for j in range(n):
                stride = 2 if i and not j and d2 == 1 else 1
                layer.append(Basic(c, w, stride, 'downsample', d2 if j else d1, d2))
                c = w
            self.add_module(f'layer{i + 1}', nn.Sequential(*layer))

    def features(self, x):
        x = relu(self.bn1(self.conv1(x)))
        if self.deep:
            x = relu(self.bn3(self.conv3(relu(self.bn2(self.conv2(x))))))
        x = F.max_pool2d(x, 3, 2, 1)
        out = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            out.append(x)
        return out


class ImageNetResNet(Stages):
    def __init__(self, blocks, classes):
        super().__init__(blocks)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        return self.fc(self.features(x)[3].mean((2, 3)))


def mobile_unit(i, o, k, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o), nn.ReLU6(True))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        wide, self.skip = i * expand, stride == 1 and i == o
        first = [mobile_unit(i, wide, 1)] if expand > 1 else []
        self.conv = nn.Sequential(*first, mobile_unit(wide, wide, 3, stride, wide), nn.Conv2d(wide, o, 1, bias=False),
                                  nn.BatchNorm2d(o))

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


ROWS = (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)


def mobile_blocks(n, width=1.0):
    """The stem and n - 1 inverted residuals; how many channels come out."""
    def round8(v):
        w = max(8, int(v + 4) // 8 * 8)
        return w + 8 if w < 0.9 * v else w
    c = round8(32 * width)
    out = [mobile_unit(3, c, 3, 2)]
    for t, o, count, s in ROWS:
        for j in range(count):
            out.append(Inverted(c, round8(o * width), 1 if j else s, t))
            c = round8(o * width)
    return out[:n], c, round8(1280 * max(width, 1))


class MobileNetV2(nn.Module):
    def __init__(self, classes, width=1.0, dropout=0.2):
        super().__init__()
        blocks, c, last = mobile_blocks(18, width)
        self.features = nn.Sequential(*blocks, mobile_unit(c, last, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class Pooled(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True))

    def forward(self, x):
        return F.interpolate(self.gap(x), x.shape[2:], mode='bilinear', align_corners=True)


def unit(i, o, k, dilation=1):
    return [nn.Conv2d(i, o, k, 1, dilation * (k // 2), dilation, bias=False), nn.BatchNorm2d(o), nn.ReLU(True)]


class Named(nn.Module):
    """A sequence one level down: 'block.0', 'block.1', ..."""

    def __init__(self, *layers):
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x):
        return self.block(x)


class Pyramid(nn.Module):
    def __init__(self, i, o, rates, dropout):
        super().__init__()
        self.b0 = nn.Sequential(*unit(i, o, 1))
        self.b1, self.b2, self.b3 = (Named(*unit(i, o, 3, r)) for r in rates)
        self.b4 = Pooled(i, o)
        self.project = nn.Sequential(*unit(5 * o, o, 1), nn.Dropout(dropout))

    def forward(self, x):
        return self.project(torch.cat([b(x) for b in (self.b0, self.b1, self.b2, self.b3, self.b4)], 1))


class DeepLabV3(nn.Module):
    """Answers with the logits of the head, in training also those of the auxiliary head, at 1/8 of the image."""

    def __init__(self, classes, width=128, rates=(12, 24, 36), dropout=True):
        super().__init__()
        p = [0.5, 0.1] if dropout else [0.0, 0.0]
        self.pretrained = Stages([2, 2, 2, 2], deep=True, dilated=True)
        self.head = Named(*unit(width, width, 3), nn.Dropout(p[1]), nn.Conv2d(width, classes, 1))
        self.head.aspp = Pyramid(512, width, rates, p[0])
        self.auxlayer = Named(*unit(256, 64, 3), nn.Dropout(p[1]), nn.Conv2d(64, classes, 1))

    def forward(self, x):
        _, _, c3, c4 = self.pretrained.features(x)
        z = self.head(self.head.aspp(c4))
        return (z, self.auxlayer(c3)) if self.training else z


def grow(x, size):
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


class Mobile17(nn.Module):
    def __init__(self):
        super().__init__()
        self.mv2 = nn.Sequential(*mobile_blocks(17)[0])

    def features(self, x):
        out = []
        for i, block in enumerate(self.mv2):
            x = block(x)
            if i in (3, 6, 13, 16):
                out.append(x)
        return out


class Up(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, 16, 5, 1, 2, bias=False), nn.BatchNorm2d(16)

    def forward(self, x):
        return relu(self.bn1(self.conv1(x)))


class Fusion(nn.Module):
    def __init__(self, channels):
        super().__init__()
        for k, c in enumerate(channels, 1):
            self.add_module(f'att{k}', nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 16, 1, bias=False), nn.ReLU(True),
                                                     nn.Conv2d(c // 16, c, 1, bias=False), nn.Sigmoid()))
            self.add_module(f'up{k}', Up(c))
        self.conv, self.bn = nn.Conv2d(64, 64, 5, 1, 2, bias=False), nn.BatchNorm2d(64)

    def forward(self, features):
        size = [2 * n for n in features[0].shape[2:]]
        parts = [grow(getattr(self, f'up{k}')(f * getattr(self, f'att{k}')(f)), size) for k, f in enumerate(features, 1)]
        return relu(self.bn(self.conv(torch.cat(parts, 1))))


class Refine(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0, self.bn0 = nn.Conv2d(64, 64, 5, 1, 2, bias=False), nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 1, 5, 1, 2)

    def forward(self, x):
        return self.conv2(relu(self.bn0(self.conv0(x))))


class DepthKD(nn.Module):
    def __init__(self, encoder, channels):
        super().__init__()
        self.E, self.MFF, self.R = encoder, Fusion(channels), Refine()

    def forward(self, x):
        return grow(self.R(self.MFF(self.E.features(x))), x.shape[2:])


class LightStage(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, i, 5, 1, 2, groups=i, bias=False), nn.BatchNorm2d(i)
        self.conv2, self.bn2 = nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o)

    def forward(self, x, size):
        x = relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))
        return F.interpolate(x, size, mode='nearest')


class LightDepth(nn.Module):
    SKIPS = (13, 6, 3, 1)

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(*mobile_blocks(18)[0])
        stages = [LightStage(i, o) for i, o in ((320, 256), (256 + 96, 128), (128 + 32, 64), (64 + 24, 48), (48 + 16, 32))]
        self.decoder = nn.Sequential(*stages, nn.Conv2d(32, 1, 1))

    def forward(self, image):
        x, seen = image, {}
        for i, block in enumerate(self.features):
            x = seen[i] = block(x)
        for i, k in enumerate(self.SKIPS):
            x = torch.cat([self.decoder[i](x, seen[k].shape[2:]), seen[k]], 1)
        return self.decoder[5](self.decoder[4](x, image.shape[2:]))


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
    'resnet18': lambda k, c: ImageNetResNet([2, 2, 2, 2], k),
    'resnet34': lambda k, c: ImageNetResNet([3, 4, 6, 3], k),
    'mobilenet_v2': lambda k, c, **o: MobileNetV2(k, **o),
    'deeplabv3_resnet18': lambda k, c, **o: DeepLabV3(k, **o),
    'depth_mobilenet_v2': lambda k, c: DepthKD(Mobile17(), [24, 32, 96, 160]),
    'depth_resnet34': lambda k, c: DepthKD(Stages([3, 4, 6, 3]), [64, 128, 256, 512]),
    'light_depth': lambda k, c: LightDepth(),
}


def task(name):
    if name.startswith('autoencoder'):
        return 'reconstruct'
    return 'segment' if name.startswith('deeplab') else 'depth' if 'depth' in name else 'classify'


def loss_of(name, answer, x, truth):
    """What limbeck's task of that network learns from."""
    kind = task(name)
    if kind == 'reconstruct':
        return F.mse_loss(answer, x)
    if kind == 'classify':
        return F.cross_entropy(answer, truth)
    if kind == 'depth':
        seen = (truth > 0).to(truth.dtype)
        return ((answer - truth).abs() * seen).sum() / seen.sum()
    main, aux = (F.cross_entropy(grow(z, x.shape[2:]), truth, ignore_index=255) for z in answer)
    return main + 0.4 * aux


if __name__ == '__main__':
    for name, make in ALL.items():
        print(name, sum(p.numel() for p in make(100, 3).parameters()))
