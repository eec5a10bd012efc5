#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times a training step of the same networks in PyTorch and in limbeck, in turns, and prints the ratios.

    tests/peers.py PROGRAM [--rounds N] [--seconds S] [--threads T] [NETWORK ...]

Needs Debian's python3-torch. PyTorch runs in its better memory layout of the two, with pinned threads and
huge pages; limbeck in `bench train`. A step is forward, loss, backward and SGD with momentum."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ENV = {"OMP_PROC_BIND": "true",
       "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592"}


def restart_tuned(threads):
    """The settings only count before the process starts."""
    want = dict(ENV, OMP_NUM_THREADS=str(threads))
    if any(os.environ.get(k) != v for k, v in want.items()):
        os.environ.update(want)
        os.execv(sys.executable, [sys.executable] + sys.argv)


def networks(torch):
    nn, F = torch.nn, torch.nn.functional

    class AE(nn.Module):
        def __init__(self):
            super().__init__()
            def c(i, o): return nn.Conv2d(i, o, 4, 2, 1)
            def t(i, o): return nn.ConvTranspose2d(i, o, 4, 2, 1)
            r = nn.ReLU
            self.net = nn.Sequential(c(1, 12), r(), c(12, 24), r(), c(24, 48), r(), t(48, 24), r(), t(24, 12), r(), t(12, 1),
                                     nn.Sigmoid())

        def forward(self, x):
            return self.net(x)

    class LeNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.c1, self.b1 = nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6)
            self.c2, self.b2 = nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16)
            self.f1, self.f2, self.f3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
            x = F.max_pool2d(F.relu(self.b2(self.c2(x))), 2)
            return self.f3(F.relu(self.f2(F.relu(self.f1(x.flatten(1))))))

    class Block(nn.Module):
        def __init__(self, i, o, s):
            super().__init__()
            self.c1, self.b1 = nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o)
            self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            self.down = nn.Sequential(nn.Conv2d(i, o, 1, s, bias=False), nn.BatchNorm2d(o)) if s > 1 or i != o else None

        def forward(self, x):
            y = self.b2(self.c2(F.relu(self.b1(self.c1(x)))))
            return F.relu(y + (self.down(x) if self.down else x))

    class ResNet20(nn.Module):
        def __init__(self):
            super().__init__()
            self.c, self.b = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            w, layers = 16, []
            for o, s in ((16, 1), (32, 2), (64, 2)):
                for k in range(3):
                    layers.append(Block(w, o, s if k == 0 else 1))
                    w = o
            self.layers, self.fc = nn.Sequential(*layers), nn.Linear(64, 100)

        def forward(self, x):
            return self.fc(self.layers(F.relu(self.b(self.c(x)))).mean((2, 3)))

    return {"autoencoder": (AE, 128, (1, 32, 32), 0), "lenet5_bn": (LeNet, 128, (1, 32, 32), 10),
            "resnet20": (ResNet20, 64, (3, 32, 32), 100)}


class Peer:
    def __init__(self, torch, make, batch, shape, classes, channels_last):
        torch.manual_seed(1)
        self.torch = torch
        self.net, self.x = make(), torch.rand(batch, *shape)
        if channels_last:
            self.net, self.x = self.net.to(memory_format=torch.channels_last), self.x.to(memory_format=torch.channels_last)
        self.y = torch.randint(0, classes, (batch,)) if classes else None
        self.opt = torch.optim.SGD(self.net.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)

    def step(self):
        self.opt.zero_grad()
        z = self.net(self.x)
        f = self.torch.nn.functional
        loss = f.mse_loss(z, self.x) if self.y is None else f.cross_entropy(z, self.y)
        loss.backward()
        self.opt.step()

    def median(self, seconds):
        times, end = [], time.perf_counter() + seconds
        while len(times) < 5 or time.perf_counter() < end:
            start = time.perf_counter()
            self.step()
            times.append(1e3 * (time.perf_counter() - start))
        return statistics.median(times)


def ours(program, name, batch, shape, classes, threads, seconds):
    command = ["taskset", "-c", "0-%d" % (os.cpu_count() - 1), program, "bench", "train", "model=" + name, "batch=%d" % batch,
               "input=" + "x".join(map(str, shape)), "device=cpu", "threads=%d" % threads, "seconds=%g" % seconds, "--json"]
    command += ["classes=%d" % classes] if classes else []
    env = {k: v for k, v in os.environ.items() if k not in ENV and k != "OMP_NUM_THREADS"}
    return json.loads(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("program")
    args.add_argument("network", nargs="*")
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=1.0)
    args.add_argument("--threads", type=int, default=2)
    a = args.parse_args()
    restart_tuned(a.threads)
    import torch
    torch.set_num_threads(a.threads)
    nets = networks(torch)
    print("%-12s %6s %14s %14s %12s %8s" % ("network", "batch", "torch nchw ms", "torch nhwc ms", "limbeck ms", "ratio"))
    for name in a.network or nets:
        make, batch, shape, classes = nets[name]
        peers = [Peer(torch, make, batch, shape, classes, last) for last in (False, True)]
        for p in peers:
            p.median(0.5)
        rows = [[p.median(a.seconds) for p in peers]
                + [ours(a.program, name, batch, shape, classes, a.threads, a.seconds)["median_ms"]]
                for _ in range(a.rounds)]
        nchw, nhwc, mine = (statistics.median(c) for c in zip(*rows))
        ratio = statistics.median(min(r[0], r[1]) / r[2] for r in rows)
        print("%-12s %6d %14.2f %14.2f %12.2f %8.2f" % (name, batch, nchw, nhwc, mine, ratio), flush=True)


main()
