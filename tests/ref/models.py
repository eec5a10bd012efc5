# SPDX-License-Identifier: MIT
"""Reference networks: names, shapes and arithmetic as in the usual PyTorch implementations."""
import functools
import torch
import torch.nn as nn
import torch.nn.functional as F
import depth_error
import detect_error

relu = functools.partial(F.relu, inplace=True)


def scale(channels, width):
    """As torchvision rounds the channels of MobileNetV2; every network's width is this."""
    v = channels * width
    w = max(8, int(v + 4) // 8 * 8)
    return channels if width == 1 else w + 8 if w < 0.9 * v else w


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

    def __init__(self, c, width, stride, side, d1=1, _=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, d1, d1, bias=False), nn.BatchNorm2d(width)
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
    def __init__(self, block, stem, widths, blocks, side, head, classes, channels=3, cells=1):
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
        self.add_module(head, nn.Linear(c * cells, classes))

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        for i in range(self.n):
            x = getattr(self, f'layer{i + 1}')(x)
        x = x.mean((2, 3)) if self.n == 3 else F.avg_pool2d(x, 4).flatten(1)
        return getattr(self, self.head)(x)


def three(n, widths, classes, channels=3, width=1.0):
    widths = [scale(w, width) for w in widths]
    return ResNet(Basic, widths[0], widths[1:], [n] * 3, 'downsample', 'fc', classes, channels)


def four(block, blocks, classes, channels=3, width=1.0, side=32):
    widths = [scale(w, width) for w in (64, 128, 256, 512)]
    return ResNet(block, widths[0], widths, blocks, 'shortcut', 'linear', classes, channels, ((side + 7) // 8 // 4) ** 2)


class Stages(nn.Module):
    """ResNet for large images, up to the pooling. deep: a stem of three 3 x 3; dilated: 1/8 of the image."""

    def __init__(self, blocks, block=Basic, deep=False, dilated=False, width=1.0):
        super().__init__()
        w0, w1, w2, w3 = widths = [scale(w, width) for w in (64, 128, 256, 512)]
        self.deep, self.widths, c = deep, [w * block.expansion for w in widths], w1 if deep else w0
        if deep:
            self.conv1, self.bn1 = nn.Conv2d(3, w0, 3, 2, 1, bias=False), nn.BatchNorm2d(w0)
            self.conv2, self.bn2 = nn.Conv2d(w0, w0, 3, 1, 1, bias=False), nn.BatchNorm2d(w0)
            self.conv3, self.bn3 = nn.Conv2d(w0, w1, 3, 1, 1, bias=False), nn.BatchNorm2d(w1)
        else:
            self.conv1, self.bn1 = nn.Conv2d(3, w0, 7, 2, 3, bias=False), nn.BatchNorm2d(w0)
        spread = [(1, 1), (1, 1), (1, 2), (2, 4)] if dilated else [(1, 1)] * 4
        for i, (w, n, (d1, d2)) in enumerate(zip(widths, blocks, spread)):
            layer = []
            for j in range(n):
                stride = 2 if i and not j and d2 == 1 else 1
                layer.append(block(c, w, stride, 'downsample', d2 if j else d1, d2))
                c = w * block.expansion
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
    def __init__(self, blocks, classes, block=Basic, **options):
        super().__init__(blocks, block, **options)
        self.fc = nn.Linear(self.widths[3], classes)

    def forward(self, x):
        return self.fc(self.features(x)[3].mean((2, 3)))


def mobile_unit(i, o, k, stride=1, groups=1, dilation=1):
    return nn.Sequential(nn.Conv2d(i, o, k, stride, k // 2 * dilation, dilation, groups, bias=False), nn.BatchNorm2d(o),
                         nn.ReLU6(True))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, expand, dilation=1):
        super().__init__()
        wide, self.skip = i * expand, stride == 1 and i == o
        first = [mobile_unit(i, wide, 1)] if expand > 1 else []
        self.conv = nn.Sequential(*first, mobile_unit(wide, wide, 3, stride, wide, dilation), nn.Conv2d(wide, o, 1, bias=False),
                                  nn.BatchNorm2d(o))

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


ROWS = (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
SPREAD = {7: 1, 14: 2, **dict.fromkeys(range(8, 14), 2), **dict.fromkeys(range(15, 18), 4)}


def mobile_blocks(n, width=1.0, dilated=False):
    """The stem and n - 1 inverted residuals."""
    c = scale(32, width)
    out = [mobile_unit(3, c, 3, 2)]
    for t, o, count, s in ROWS:
        for j in range(count):
            i = len(out)
            stride = 1 if j or dilated and i in (7, 14) else s
            out.append(Inverted(c, scale(o, width), stride, t, SPREAD.get(i, 1) if dilated else 1))
            c = scale(o, width)
    return out[:n]


class MobileNetV2(nn.Module):
    def __init__(self, classes, width=1.0, dropout=0.2):
        super().__init__()
        last = scale(1280, max(width, 1))
        self.features = nn.Sequential(*mobile_blocks(18, width), mobile_unit(scale(320, width), last, 1))
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


class MobileStages(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features = nn.Sequential(*mobile_blocks(18, width, True))


class Segmenter(nn.Module):
    """Answers with the logits of the head, in training also those of an auxiliary head, at 1/8 of the image. blocks: of a
    ResNet; MobileNetV2, without."""

    def __init__(self, classes, blocks, block, deep, width, p):
        super().__init__()
        self.blocks, self.c4 = blocks, scale(320, width)
        self.pretrained = Stages(blocks, block, deep, True, width) if blocks else MobileStages(width)
        if blocks:
            c3, self.c4 = self.pretrained.widths[2:]
            self.auxlayer = Named(*unit(c3, c3 // 4, 3), nn.Dropout(p), nn.Conv2d(c3 // 4, classes, 1))

    def forward(self, x):
        if not self.blocks:
            return self.answer(self.pretrained.features(x))
        _, _, c3, c4 = self.pretrained.features(x)
        z = self.answer(c4)
        return (z, self.auxlayer(c3)) if self.training else z


class DeepLabV3(Segmenter):
    def __init__(self, classes, blocks, block=Basic, head=128, rates=(12, 24, 36), dropout=True, deep=True, width=1.0):
        p = [0.5, 0.1] if dropout else [0.0, 0.0]
        super().__init__(classes, blocks, block, deep, width, p[1])
        head = scale(head, width)
        self.head = Named(*unit(head, head, 3), nn.Dropout(p[1]), nn.Conv2d(head, classes, 1))
        self.head.aspp = Pyramid(self.c4, head, rates, p[0])

    def answer(self, c4):
        return self.head(self.head.aspp(c4))


class Bins(nn.Module):
    BINS = (1, 2, 3, 6)

    def __init__(self, i):
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (nn.Sequential(*unit(i, i // 4, 1)) for _ in self.BINS)

    def forward(self, x):
        parts = zip(self.BINS, (self.conv1, self.conv2, self.conv3, self.conv4))
        return torch.cat([x] + [grow(f(F.adaptive_avg_pool2d(x, n)), x.shape[2:]) for n, f in parts], 1)


class PSPNet(Segmenter):
    def __init__(self, classes, blocks, block=Basic, head=128, dropout=True, deep=True, width=1.0):
        p = 0.1 if dropout else 0.0
        super().__init__(classes, blocks, block, deep, width, p)
        head = scale(head, width)
        self.head = nn.Module()
        self.head.psp = Bins(self.c4)
        self.head.block = nn.Sequential(*unit(2 * self.c4, head, 3), nn.Dropout(p))
        self.head.classifier = nn.Conv2d(head, classes, 1)

    def answer(self, c4):
        return self.head.classifier(self.head.block(self.head.psp(c4)))


def grow(x, size):
    return F.interpolate(x, size, mode='bilinear', align_corners=True)


class Mobile17(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mv2 = nn.Sequential(*mobile_blocks(17, width))
        self.widths = [scale(c, width) for c in (24, 32, 96, 160)]

    def features(self, x):
        out = []
        for i, block in enumerate(self.mv2):
            x = block(x)
            if i in (3, 6, 13, 16):
                out.append(x)
        return out


class Up(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 5, 1, 2, bias=False), nn.BatchNorm2d(o)

    def forward(self, x):
        return relu(self.bn1(self.conv1(x)))


class Fusion(nn.Module):
    def __init__(self, channels, narrow, wide):
        super().__init__()
        for k, c in enumerate(channels, 1):
            few = max(c // 16, 1)
            self.add_module(f'att{k}', nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, few, 1, bias=False), nn.ReLU(True),
                                                     nn.Conv2d(few, c, 1, bias=False), nn.Sigmoid()))
            self.add_module(f'up{k}', Up(c, narrow))
        self.conv, self.bn = nn.Conv2d(4 * narrow, wide, 5, 1, 2, bias=False), nn.BatchNorm2d(wide)

    def forward(self, features):
        size = [2 * n for n in features[0].shape[2:]]
        parts = [grow(getattr(self, f'up{k}')(f * getattr(self, f'att{k}')(f)), size) for k, f in enumerate(features, 1)]
        return relu(self.bn(self.conv(torch.cat(parts, 1))))


class Refine(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.conv0, self.bn0 = nn.Conv2d(wide, wide, 5, 1, 2, bias=False), nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, 1, 5, 1, 2)

    def forward(self, x):
        return self.conv2(relu(self.bn0(self.conv0(x))))


class DepthKD(nn.Module):
    def __init__(self, encoder, width):
        super().__init__()
        wide = scale(64, width)
        self.E, self.MFF, self.R = encoder, Fusion(encoder.widths, scale(16, width), wide), Refine(wide)

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

    def __init__(self, width=1.0):
        super().__init__()
        self.features = nn.Sequential(*mobile_blocks(18, width))
        rows = ((320, 0, 256), (256, 96, 128), (128, 32, 64), (64, 24, 48), (48, 16, 32))
        rows = [[c and scale(c, width) for c in row] for row in rows]
        self.decoder = nn.Sequential(*[LightStage(i + side, o) for i, side, o in rows], nn.Conv2d(rows[4][2], 1, 1))

    def forward(self, image):
        x, seen = image, {}
        for i, block in enumerate(self.features):
            x = seen[i] = block(x)
        for i, k in enumerate(self.SKIPS):
            x = torch.cat([self.decoder[i](x, seen[k].shape[2:]), seen[k]], 1)
        return self.decoder[5](self.decoder[4](x, image.shape[2:]))


class FeaturePyramid(nn.Module):
    """P3 to P5 of three features, deeper ones of the last."""

    def __init__(self, channels, neck, levels):
        super().__init__()
        one = [nn.Sequential(nn.Conv2d(c, neck, 1)) for c in channels]
        same = [nn.Sequential(nn.Conv2d(neck, neck, 3, 1, 1)) for _ in channels]
        self.inner_blocks, self.layer_blocks = nn.ModuleList(one), nn.ModuleList(same)
        if levels > 3:
            self.extra_blocks = nn.Module()
        for i in range(3, levels):
            self.extra_blocks.add_module(f'p{i + 3}', nn.Conv2d(channels[-1] if i == 3 else neck, neck, 3, 2, 1))
        self.levels = levels

    def forward(self, features):
        x, out = None, []
        for one, same, f in reversed(list(zip(self.inner_blocks, self.layer_blocks, features))):
            x = one(f) if x is None else one(f) + F.interpolate(x, f.shape[2:], mode='nearest')
            out.insert(0, same(x))
        for i in range(3, self.levels):
            out.append(getattr(self.extra_blocks, f'p{i + 3}')(features[-1] if i == 3 else out[-1]))
        return out


class Tower(nn.Module):
    def __init__(self, neck, depth, last, out):
        super().__init__()
        self.conv = nn.ModuleList(nn.Sequential(nn.Conv2d(neck, neck, 3, 1, 1)) for _ in range(depth))
        self.last = last
        self.add_module(last, nn.Conv2d(neck, out, 3, 1, 1))

    def forward(self, x):
        for c in self.conv:
            x = relu(c(x))
        return getattr(self, self.last)(x)


class RetinaNet(nn.Module):
    """In training: logits and deltas of each level. Else those of every anchor, cell by cell, side by side."""

    def __init__(self, classes, blocks, block=Basic, width=1.0, neck=256, tower=4, levels=5, anchors=9):
        super().__init__()
        self.backbone, self.head, self.classes = nn.Module(), nn.Module(), classes
        self.backbone.body = Stages(blocks, block, width=width)
        self.backbone.fpn = FeaturePyramid(self.backbone.body.widths[1:], neck, levels)
        self.head.classification_head = Tower(neck, tower, 'cls_logits', anchors * classes)
        self.head.regression_head = Tower(neck, tower, 'bbox_reg', anchors * 4)

    def forward(self, x):
        levels = self.backbone.fpn(self.backbone.body.features(x)[1:])
        out = [(self.head.classification_head(p), self.head.regression_head(p)) for p in levels]
        if self.training:
            return out
        rows = [torch.cat([v.permute(0, 2, 3, 1).reshape(len(v), -1, w) for v, w in zip(pair, (self.classes, 4))], 2)
                for pair in out]
        return torch.cat(rows, 1)


THIN, WIDE = [16, 16, 32, 64], [32, 64, 128, 256]
R10, R18, R34, R101 = [1, 1, 1, 1], [2, 2, 2, 2], [3, 4, 6, 3], [3, 4, 23, 3]
ALL = {
    'lenet5_bn': lambda k, c: LeNet(k),
    'autoencoder': lambda k, c: Autoencoder(c),
    'autoencoder_linear': lambda k, c: Autoencoder(c, False),
    'resnet20': lambda k, c, **o: three(3, THIN, k, c, **o),
    'resnet32': lambda k, c, **o: three(5, THIN, k, c, **o),
    'resnet56': lambda k, c, **o: three(9, THIN, k, c, **o),
    'resnet110': lambda k, c, **o: three(18, THIN, k, c, **o),
    'resnet8x4': lambda k, c, **o: three(1, WIDE, k, c, **o),
    'resnet32x4': lambda k, c, **o: three(5, WIDE, k, c, **o),
    'resnet18_cifar': lambda k, c, **o: four(Basic, R18, k, c, **o),
    'resnet34_cifar': lambda k, c, **o: four(Basic, R34, k, c, **o),
    'resnet50_cifar': lambda k, c, **o: four(Bottleneck, R34, k, c, **o),
    'resnet18': lambda k, c, **o: ImageNetResNet(R18, k, **o),
    'resnet34': lambda k, c, **o: ImageNetResNet(R34, k, **o),
    'resnet50': lambda k, c, **o: ImageNetResNet(R34, k, Bottleneck, **o),
    'resnet101': lambda k, c, **o: ImageNetResNet(R101, k, Bottleneck, **o),
    'mobilenet_v2': lambda k, c, **o: MobileNetV2(k, **o),
    'deeplabv3_resnet18': lambda k, c, **o: DeepLabV3(k, R18, **o),
    'deeplabv3_resnet50': lambda k, c, **o: DeepLabV3(k, R34, Bottleneck, **{'head': 256, **o}),
    'deeplabv3_resnet101': lambda k, c, **o: DeepLabV3(k, R101, Bottleneck, **{'head': 256, **o}),
    'deeplabv3_mobilenet_v2': lambda k, c, **o: DeepLabV3(k, None, **o),
    'pspnet_resnet18': lambda k, c, **o: PSPNet(k, R18, **o),
    'pspnet_resnet101': lambda k, c, **o: PSPNet(k, R101, Bottleneck, **{'head': 512, **o}),
    'pspnet_mobilenet_v2': lambda k, c, **o: PSPNet(k, None, **o),
    'depth_mobilenet_v2': lambda k, c, width=1.0: DepthKD(Mobile17(width), width),
    'depth_resnet18': lambda k, c, width=1.0: DepthKD(Stages(R18, width=width), width),
    'depth_resnet34': lambda k, c, width=1.0: DepthKD(Stages(R34, width=width), width),
    'light_depth': lambda k, c, **o: LightDepth(**o),
    'retinanet_resnet10': lambda k, c, **o: RetinaNet(k, R10, **o),
    'retinanet_resnet18': lambda k, c, **o: RetinaNet(k, R18, **o),
    'retinanet_resnet34': lambda k, c, **o: RetinaNet(k, R34, **o),
    'retinanet_resnet50': lambda k, c, **o: RetinaNet(k, R34, Bottleneck, **o),
    'retinanet_resnet101': lambda k, c, **o: RetinaNet(k, R101, Bottleneck, **o),
}
# Of SSIM-KD at small scale.
STUDENT, TEACHER = ({'width': w, 'neck': 64, 'tower': 2, 'levels': 3} for w in (0.25, 0.5))
# Network, channels and side of the image, classes, options.
COUNTED = [
    ('autoencoder', 3, 32, 0), ('autoencoder', 3, 64, 0), ('autoencoder', 1, 32, 0), ('autoencoder_linear', 1, 32, 0),
    ('lenet5_bn', 1, 32, 10), ('resnet18_cifar', 3, 32, 100), ('resnet50_cifar', 3, 32, 100), ('resnet18_cifar', 1, 32, 10),
    ('resnet18_cifar', 1, 28, 10), ('resnet34_cifar', 3, 32, 100), ('resnet18_cifar', 3, 32, 100, {'width': 0.25}),
    ('resnet18_cifar', 3, 64, 200), ('resnet50_cifar', 3, 64, 200),
    *((f'resnet{n}', 3, 32, 100) for n in ('20', '32', '56', '110', '8x4', '32x4')), ('resnet20', 3, 32, 10, {'width': 0.5}),
    *((f'resnet{n}', 3, 64, 1000, o) for n in (18, 34, 50, 101) for o in ({}, {'deep': True, 'dilated': True}, {'width': 0.25})),
    *(('mobilenet_v2', 3, 64, 1000, {'width': w}) for w in (1.0, 0.75, 0.5, 0.35, 1.4)),
    *((f'{head}_{on}', 3, 64, 11, {'width': w}) for head, on in (
        ('deeplabv3', 'resnet18'), ('deeplabv3', 'resnet50'), ('deeplabv3', 'resnet101'), ('deeplabv3', 'mobilenet_v2'),
        ('pspnet', 'resnet18'), ('pspnet', 'resnet101'), ('pspnet', 'mobilenet_v2')) for w in (1.0, 0.5, 0.25, 0.125)),
    ('deeplabv3_resnet101', 3, 64, 19), ('deeplabv3_resnet101', 3, 64, 21, {'deep': False}),
    ('deeplabv3_resnet18', 3, 64, 11, {'head': 64}), ('deeplabv3_resnet18', 3, 64, 11, {'head': 64, 'width': 0.25}),
    *((name, 3, 64, 0, {'width': w}) for name in ('depth_mobilenet_v2', 'depth_resnet18', 'depth_resnet34', 'light_depth')
      for w in (1.0, 0.5, 0.25)),
    *((name, 3, (228, 304), 0) for name in ('depth_mobilenet_v2', 'depth_resnet18', 'depth_resnet34')),
    *((f'retinanet_resnet{n}', 3, (160, 192), 80) for n in (10, 18, 34, 50, 101)),
    ('retinanet_resnet18', 3, (800, 1280), 80), ('retinanet_resnet50', 3, (800, 1280), 80),
    ('retinanet_resnet10', 3, (256, 320), 3, STUDENT), ('retinanet_resnet18', 3, (256, 320), 3, TEACHER),
    ('retinanet_resnet18', 3, (256, 320), 3, {**TEACHER, 'width': 1.0}),
    ('retinanet_resnet34', 3, (130, 150), 7, {'width': 0.25, 'anchors': 6, 'levels': 4}),
    *((name, 3, (360, 480), 11) for name in ('deeplabv3_resnet18', 'deeplabv3_mobilenet_v2', 'pspnet_resnet18')),
]


def task(name):
    if name.startswith('autoencoder'):
        return 'reconstruct'
    if name.startswith('retinanet'):
        return 'detect'
    return 'segment' if name.startswith(('deeplab', 'pspnet')) else 'depth' if 'depth' in name else 'classify'


def loss_of(name, answer, x, truth):
    """What limbeck's task of that network learns from."""
    kind = task(name)
    if kind == 'reconstruct':
        return F.mse_loss(answer, x)
    if kind == 'detect':
        return detect_error.loss(answer, truth)
    if kind == 'classify':
        return F.cross_entropy(answer, truth)
    if kind == 'depth':
        return depth_error.hu3(answer, truth, (truth > 0).to(truth.dtype))
    heads = answer if isinstance(answer, tuple) else (answer,)
    each = [F.cross_entropy(grow(z, x.shape[2:]), truth, ignore_index=255) for z in heads]
    return each[0] + 0.4 * sum(each[1:])


PUBLISHED = (('auxlayer.block.', 'aux_classifier.'), ('head.block.0.', 'classifier.1.'), ('head.block.1.', 'classifier.2.'),
             ('head.block.4.', 'classifier.4.'), ('head.aspp.project.', 'classifier.0.project.'), ('pretrained.', 'backbone.'),
             ('head.aspp.b4.gap.', 'classifier.0.convs.4.'), ('head.aspp.b0.', 'classifier.0.convs.0.'),
             *((f'head.aspp.b{i}.block.', f'classifier.0.convs.{i}.') for i in (1, 2, 3)))


def published(key):
    """What torchvision calls a tensor."""
    for ours, theirs in PUBLISHED:
        if key.startswith(ours):
            return theirs + key[len(ours):]
    return key


def text(options):
    """As limbeck is told: dropout=no."""
    return ' '.join(f'{k}={"yes" if v is True else "no" if v is False else v}' for k, v in options.items())


def multiply_adds(net, shape):
    """Of convolutions and matrix products, for the answer to one image."""
    total = 0

    def hook(m, x, y):
        nonlocal total
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            total += y.numel() * m.weight[0].numel()
        elif isinstance(m, nn.ConvTranspose2d):
            total += x[0].numel() * m.weight[0].numel()
    for m in net.modules():
        m.register_forward_hook(hook)
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, *shape))
    return total


def counted(name, channels, side, classes, options={}):
    """A line of counts.txt: parameters, multiply-adds, image, network."""
    h, w = side if isinstance(side, tuple) else (side, side)
    sized = {'side': side} if name.endswith('_cifar') else {}
    net = ALL[name](classes, channels, **options, **sized)
    n = sum(p.numel() for p in net.parameters())
    said = {**({'classes': classes} if classes else {}), **options}
    return f'{n} {multiply_adds(net, (channels, h, w))} {channels}x{h}x{w} {name} {text(said)}'.rstrip()


if __name__ == '__main__':                                # writes counts.txt
    for row in COUNTED:
        print(counted(*row))
