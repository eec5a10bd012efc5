#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Times a training step of the same networks in PyTorch and in limbeck, in turns, and prints the ratios.

    tests/peers.py PROGRAM [--rounds N] [--seconds S] [--threads T] [--device D] [--peer torch|cpu] [--json] [ROW ...]

A step is forward, loss, backward and SGD with momentum. Needs Debian's python3-torch: it runs in its better memory layout
of the two, with pinned threads and huge pages; limbeck in `bench train`. The networks are those of tests/ref/models.py,
which the goldens compare with limbeck's; here both sides must have as many parameters and about as many operations.
Memory is what a process holds at most over a few steps, all of it. --peer cpu compares limbeck's devices instead."""
import argparse
import functools
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ENV = {"OMP_PROC_BIND": "true",
       "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592"}
LAYOUTS = "nchw", "nhwc"
LR, MOMENTUM, DECAY, HEAT = 0.001, 0.9, 5e-4, 4.0
# row: model and options, batch, input, classes (0 = none), teacher
ROWS = {
    "resnet18": ("resnet18_cifar", 64, (3, 32, 32), 100, None),
    "kd34-18": ("resnet18_cifar", 64, (3, 32, 32), 100, "resnet34_cifar"),
    "resnet8x4": ("resnet8x4", 64, (3, 32, 32), 100, None),
    "resnet20": ("resnet20", 64, (3, 32, 32), 100, None),
    "deeplab": ("deeplabv3_resnet18", 4, (3, 256, 256), 11, None),
    "mobilenet_v2": ("mobilenet_v2", 8, (3, 224, 224), 1000, None),
    "light_depth": ("light_depth", 4, (3, 228, 304), 0, None),
    "depth_kd": ("depth_mobilenet_v2", 4, (3, 228, 304), 0, None),
    "autoencoder": ("autoencoder", 128, (1, 32, 32), 0, None),
    "lenet5_bn": ("lenet5_bn", 128, (1, 32, 32), 10, None),
    "detector": ("retinanet_resnet10 width=0.25 neck=64 tower=2 levels=3", 8, (3, 256, 320), 3, None),
}


def tuned(threads):
    return dict(os.environ, OMP_NUM_THREADS=str(threads), **ENV)


# ---- PyTorch ----

class Peer:
    def __init__(self, row, channels_last):
        import torch
        sys.path.insert(0, str(pathlib.Path(__file__).parent / "ref"))
        import detect_error
        import models
        self.torch, self.models = torch, models
        text, batch, shape, classes, teacher = ROWS[row]
        model, options = text.split()[0], dict(word.split("=") for word in text.split()[1:])
        options = {k: float(v) if "." in v else int(v) for k, v in options.items()}
        torch.manual_seed(1)
        layout = {"memory_format": torch.channels_last} if channels_last else {}
        self.name, self.layout = model, "nhwc" if channels_last else "nchw"
        self.net = models.ALL[model](classes or 1, shape[0], **options).to(**layout)
        self.teacher = models.ALL[teacher](classes, shape[0]).to(**layout).eval() if teacher else None
        self.x = torch.rand(batch, *shape).to(**layout)
        kind = models.task(model)
        pixels = (batch, *shape[1:]) if kind == "segment" else (batch,)
        self.y = torch.rand(batch, 1, *shape[1:]) if kind == "depth" else torch.randint(0, max(classes, 1), pixels)
        if kind == "detect":
            self.y = detect_error.some_anchors(batch, *shape[1:], classes, options["levels"])
        self.opt = torch.optim.SGD(self.net.parameters(), LR, momentum=MOMENTUM, weight_decay=DECAY)

    def step(self):
        self.opt.zero_grad(set_to_none=True)
        z = self.net(self.x)
        loss = self.models.loss_of(self.name, z, self.x, self.y)
        if self.teacher:
            f = self.torch.nn.functional
            with self.torch.no_grad():
                t = f.log_softmax(self.teacher(self.x) / HEAT, 1)
            loss = loss + HEAT**2 * f.kl_div(f.log_softmax(z / HEAT, 1), t, reduction="batchmean", log_target=True)
        loss.backward()
        self.opt.step()

    def median(self, seconds, least=3):
        times, end = [], time.perf_counter() + seconds
        while len(times) < least or time.perf_counter() < end:
            start = time.perf_counter()
            self.step()
            times.append(1e3 * (time.perf_counter() - start))
        return statistics.median(times)

    def parameters(self):
        return sum(p.numel() for p in self.net.parameters())

    def gflop(self):
        """Of convolutions and matrices: forward, and backward for what has a gradient; of a teacher forward."""
        nn, total = self.torch.nn, [0.0]

        def count(times):
            def hook(m, x, y):
                per = m.weight[0].numel() * (y.numel() if not isinstance(m, nn.ConvTranspose2d) else x[0].numel())
                total[0] += 2e-9 * per * (times - 1 if times > 1 and x[0] is self.x else times)
            return hook
        hooks = [m.register_forward_hook(count(times)) for net, times in ((self.net, 3), (self.teacher, 1)) if net
                 for m in net.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
        self.step()
        for h in hooks:
            h.remove()
        return total[0]


def serve(a):
    """Does what the other end of a Worker asks, a line of JSON each way. One layout: a few steps and no more."""
    import torch
    torch.set_num_threads(a.threads)
    peers = {name: Peer(a.row[0], name == "nhwc") for name in (LAYOUTS if a.serve == "both" else [a.serve])}
    for p in peers.values():
        for _ in range(2 if a.serve == "both" else 5):
            p.step()
    for line in sys.stdin if a.serve == "both" else ():
        name, what, *args = json.loads(line)
        print(json.dumps(getattr(peers[name], what)(*args)), flush=True)
    return 0


@functools.cache
def python_with_torch():
    """Debian's package belongs to Debian's python3, which need not be the one that runs this."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
            return python
    sys.exit("peers.py: neither %s nor /usr/bin/python3 has PyTorch: apt install python3-torch, or --peer cpu" % sys.executable)


class Worker:
    """PyTorch in a process of its own. A process starts with its parent's peak of memory, so that must be small."""

    def __init__(self, a, row):
        self.p = subprocess.Popen(Worker.argv(a, row, "both"), env=tuned(a.threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)

    @staticmethod
    def argv(a, row, layout):
        return [python_with_torch(), __file__, "-", "--threads", str(a.threads), "--serve", layout, row]

    def ask(self, layout, what, *args):
        self.p.stdin.write(json.dumps([layout, what, *args]) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            raise RuntimeError("PyTorch's process ended")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.stdin.close()
        self.p.wait()


# ---- limbeck ----

def command(a, row, device, seconds):
    model, batch, shape, classes, teacher = ROWS[row]
    c = [a.program, "bench", "train", *("model=" + model).split(), "batch=%d" % batch,
         "input=" + "x".join(map(str, shape)), "device=" + device, "seconds=%g" % seconds, "--json"]
    c += ["threads=%d" % a.threads] if device.startswith("cpu") else []
    c += ["classes=%d" % classes] if classes else []
    return c + (["teacher=" + teacher] if teacher else [])


def ours(a, row, device, seconds):
    p = subprocess.run(command(a, row, device, seconds), capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError(json.loads(p.stdout)["error"]["message"] if p.stdout.startswith("{") else p.stderr.strip())
    return json.loads(p.stdout)


def parameters(a, row):
    model, _, shape, classes, _ = ROWS[row]
    c = [a.program, "inspect", "model", *model.split(), "input=" + "x".join(map(str, shape)), "--json"]
    text = subprocess.run(c + (["classes=%d" % classes] if classes else []), check=True, capture_output=True, text=True).stdout
    return json.loads(text)["parameters"]


def peak(argv, env=None):
    """Of a process, in MiB."""
    p = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise RuntimeError("%s: exit status %d" % (" ".join(argv), p.returncode))
    return usage.ru_maxrss / 1024


# ---- rows ----

def check_same(a, row, worker, own):
    """Both sides must compute the same thing: what they count of it agrees. Returns PyTorch's GFLOP."""
    mine, theirs = parameters(a, row), worker.ask("nchw", "parameters")
    if mine != theirs:
        raise RuntimeError("limbeck's has %d parameters, PyTorch's %d" % (mine, theirs))
    flop, gflop = 1e-3 * own["gflops"] * own["median_ms"], worker.ask("nchw", "gflop")
    if not 0.9 < flop / gflop < 1.25:
        raise RuntimeError("limbeck counts %.2f GFLOP in a step, PyTorch's has %.2f" % (flop, gflop))
    if own["fallbacks"]:
        raise RuntimeError("limbeck has %d fallbacks to the host" % own["fallbacks"])
    return gflop


def against_torch(a, row):
    rounds = []
    with Worker(a, row) as worker:
        gflop = check_same(a, row, worker, ours(a, row, a.device, 0))
        first = {x: worker.ask(x, "median", 0.5) for x in LAYOUTS}
        close = [x for x in LAYOUTS if first[x] < 1.15 * min(first.values())]
        for _ in range(a.rounds):
            theirs = {x: worker.ask(x, "median", a.seconds) for x in close}
            best = min(theirs, key=theirs.get)
            rounds.append((theirs[best], ours(a, row, a.device, a.seconds)["median_ms"], best))
    layout = statistics.mode(r[2] for r in rounds)
    return summary(a, row, layout, rounds, gflop, peak(Worker.argv(a, row, layout), tuned(a.threads)),
                   peak(command(a, row, a.device, 0)))


def against_cpu(a, row):
    rounds, gflop = [], 0.0
    for _ in range(a.rounds):
        cpu, own = ours(a, row, "cpu", a.seconds), ours(a, row, a.device, a.seconds)
        rounds.append((cpu["median_ms"], own["median_ms"]))
        gflop = 1e-3 * own["gflops"] * own["median_ms"]
    return summary(a, row, "cpu", rounds, gflop, *(peak(command(a, row, d, 0)) for d in ("cpu", a.device)))


def summary(a, row, peer, rounds, gflop, peer_mib, own_mib):
    model, batch, shape, _, teacher = ROWS[row]
    return {"row": row, "model": model, "teacher": teacher, "batch": batch, "input": shape, "device": a.device, "peer": peer,
            "gflop": gflop, "peer_ms": statistics.median(r[0] for r in rounds), "ms": statistics.median(r[1] for r in rounds),
            "ratio": statistics.median(r[0] / r[1] for r in rounds), "ratios": [r[0] / r[1] for r in rounds],
            "peer_mib": peer_mib, "mib": own_mib}


def parse():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("program")
    args.add_argument("row", nargs="*", help="of " + ", ".join(ROWS))
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=1.0, help="of each side in a round; some steps at least")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--device", default="cpu", help="limbeck's")
    args.add_argument("--peer", choices=("torch", "cpu"), default="torch", help="cpu: limbeck's device against its own CPU")
    args.add_argument("--json", action="store_true")
    args.add_argument("--serve", help=argparse.SUPPRESS)
    a = args.parse_intermixed_args()
    for row in a.row:
        if row not in ROWS:
            args.error("no row '%s'; there are %s" % (row, ", ".join(ROWS)))
    return a


def main():
    a = parse()
    if a.serve:
        return serve(a)
    done, failed = [], False
    head = "%-13s %5s %5s %8s %10s %10s %6s %9s %9s" % ("row", "batch", "peer", "GFLOP", "peer ms", "limbeck ms", "ratio",
                                                     "peer MiB", "limb. MiB")
    print(head, file=sys.stderr if a.json else sys.stdout, flush=True)
    for row in a.row or ROWS:
        try:
            r = (against_torch if a.peer == "torch" else against_cpu)(a, row)
        except RuntimeError as e:
            failed = True
            print("%-13s %s" % (row, re.sub(r"\s+", " ", str(e))), file=sys.stderr, flush=True)
            continue
        done.append(r)
        print("%-13s %5d %5s %8.2f %10.2f %10.2f %6.2f %9.0f %9.0f" % (row, r["batch"], r["peer"], r["gflop"], r["peer_ms"],
              r["ms"], r["ratio"], r["peer_mib"], r["mib"]), file=sys.stderr if a.json else sys.stdout, flush=True)
    if done:
        mean = math.exp(statistics.mean(math.log(r["ratio"]) for r in done))
        memory = math.exp(statistics.mean(math.log(r["peer_mib"] / r["mib"]) for r in done))
        print("geometric mean of the ratios %.2f, of memory %.2f" % (mean, memory), file=sys.stderr if a.json else sys.stdout)
        if a.json:
            print(json.dumps({"schema": "limbeck.peers/1", "threads": a.threads, "rounds": a.rounds, "rows": done,
                              "ratio": mean, "memory": memory}, indent=2))
    return 1 if failed else 0


sys.exit(main())
