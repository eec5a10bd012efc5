#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rdd.safetensors: losses of relative difficulty distillation with their gradients, computed by PyTorch in double.

The metadata has an entry for each case: the inputs it has, and the settings it runs with. Of inputs there are the tensors
"student.out", "student.aux" (where there is an auxiliary head), the same of the teacher, and "label" (as many as classes: it does
not count); of a case "value.<label>" for what a step logs, "grad.out" and "grad.aux"."""
import os
import torch
import torch.nn.functional as F
import st

here = os.path.dirname(os.path.abspath(__file__))
tensors, meta = {}, {}
DEFAULT = dict(stage='hard', direction='aux_main', mode='xor', threshold=0.7, keep=0.0477, confidence='gt_prob',
               reduction='sel_mean', classes=None, temperature=1, kd=1, reweight=1, blend=0, aux=0.4, at=0)


def up(z, like):
    return F.interpolate(z, size=like.shape[-2:], mode='bilinear', align_corners=True)


def entropy(z, y, ignore):
    return F.cross_entropy(up(z, y), y, reduction='none', ignore_index=ignore)


def easy(c, s, t, y, ignore, out):
    p, q = t['aux'], t['out']
    if c['direction'] == 'main_aux':
        p, q = q, p
    d = (p.softmax(1) * (p.log_softmax(1) - q.log_softmax(1))).sum(1, keepdim=True)
    rd = up(torch.exp(-d), y)[:, 0]
    out['ease'] = rd.mean()
    return sum(k * (rd * entropy(s[h], y, ignore)).mean() for h, k in [('out', 1), ('aux', c['aux'])] if h in s)


def hard_mask(c, z, y, ignore):
    valid = y != ignore
    p = up(z, y).softmax(1)
    q = p.max(1)[0] if c['confidence'] == 'max_prob' else p.gather(1, y.clamp(max=p.shape[1] - 1)[:, None])[:, 0]
    cut = torch.tensor(c['threshold'], dtype=torch.double)
    if c['keep'] > 0:
        k = max(int(c['keep'] * valid.sum().item()), 1)
        cut = torch.maximum(cut, q.masked_fill(~valid, 1).flatten().sort()[0][k - 1])
    return valid & (q <= cut), cut


CHOOSE = dict(xor=lambda a, b: a ^ b, ohem=lambda a, b: a, tns=lambda a, b: a & ~b)
CHOOSE['or'], CHOOSE['and'] = lambda a, b: a | b, lambda a, b: a & b


def hard(c, s, t, y, ignore, out):
    total, n = 0, max((y != ignore).sum().item(), 1)
    for head, k in [('out', 1), ('aux', c['aux'])]:
        if head not in s:
            continue
        (a, cut_a), (b, cut_b) = (hard_mask(c, net[head].detach(), y, ignore) for net in (s, t))
        x = CHOOSE[c['mode']](a, b)
        w = torch.tensor(c['classes'] or [1.0] * s[head].shape[1], dtype=torch.double)[y.clamp(max=s[head].shape[1] - 1)] * x
        norm = w.sum() if c['reduction'] == 'sel_mean' else y.numel()
        total = total + k * ((w * entropy(s[head], y, ignore)).sum() / norm if x.any() else 0 * s[head].sum())
        label = '' if head == 'out' else '/aux'
        out.update({f'hard_student{label}': a.sum() / n, f'cut_student{label}': cut_a, f'chosen{label}': x.sum() / n})
        if c['mode'] != 'ohem':
            out.update({f'hard_teacher{label}': b.sum() / n, f'cut_teacher{label}': cut_b})
    return total


def kd(c, s, t):
    p, q = t['out'] / c['temperature'], s['out'] / c['temperature']
    return c['temperature'] ** 2 * (p.softmax(1) * (p.log_softmax(1) - q.log_softmax(1))).sum(1).mean()


def attention(z):
    return F.normalize(z.pow(2).mean(1).flatten(1))


def inputs(name, student, teacher, label):
    for role, net in [('student', student), ('teacher', teacher)]:
        for k, v in net.items():
            tensors[f'{name}/{role}.{k}'] = v.float().numpy()
    tensors[f'{name}/label'] = label.byte().numpy()
    return name, student, teacher, label


def case(name, given, **options):
    which, student, teacher, label = given
    c = {**DEFAULT, **options}
    s = {k: v.float().double().requires_grad_() for k, v in student.items()}
    t = {k: v.float().double() for k, v in teacher.items()}
    ignore = student['out'].shape[1]
    y, out = label.long(), {}
    stages = {'easy': easy, 'hard': hard}
    parts = {c['stage']: stages[c['stage']](c, s, t, y, ignore, out)} if c['reweight'] else {}
    share = {c['stage']: 1.0}
    if c['blend']:
        parts['easy'] = easy(c, s, t, y, ignore, out)
        share = {'hard': 1 - c['blend'], 'easy': c['blend']}
    total = sum(c['reweight'] * share[k] * v for k, v in parts.items())
    if c['kd']:
        parts['kd'] = kd(c, s, t)
        total = total + c['kd'] * parts['kd']
    if c['at']:
        parts['at'] = (attention(s['out']) - attention(t['out'])).pow(2).mean()
        total = total + c['at'] * parts['at']
    if c['reweight'] != 1:
        w = (y != ignore).double()
        parts['task'] = sum(k * (entropy(s[h], y, ignore)).sum() / w.sum() for h, k in [('out', 1), ('aux', c['aux'])] if h in s)
        total = total + (1 - c['reweight']) * parts['task']
    grads = torch.autograd.grad(total, list(s.values()), allow_unused=True)
    text = [which, f'rdd.easy={"100%" if c["stage"] == "easy" else 0}']
    text += [f'rdd.{k}={c[k]}' for k in ['direction', 'mode', 'threshold', 'keep', 'confidence', 'reduction', 'temperature', 'kd',
                                         'reweight'] if c[k] != DEFAULT[k]]
    text += [f'rdd.classes={":".join(str(v) for v in c["classes"])}'] if c['classes'] else []
    text += [f'rdd.blend={c["blend"]}'] if c['blend'] else []
    if c['at']:
        text += [f'term.at.loss=kd.at term.at.weight={c["at"]} term.at.student=student/out term.at.teacher=teacher/out']
    meta[name] = ' '.join(text)
    logged = {**(parts if len(parts) > 1 else {}), **out, 'loss': total}   # a term that is alone is the loss
    for k, v in logged.items():
        tensors[f'{name}/value.{k}'] = torch.as_tensor(v).detach().float().numpy()
    for (k, v), g in zip(s.items(), grads):
        tensors[f'{name}/grad.{k}'] = (torch.zeros_like(v) if g is None else g).float().numpy()
    return {**parts, **out, 'loss': total}


def near(a, b):
    assert abs(float(a) - b) < 2e-7, (float(a), b)      # logits are stored in single precision


torch.manual_seed(3)
N, C, LOW, FULL = 2, 5, (7, 9), (25, 33)
net = lambda: dict(out=2 * torch.randn(N, C, *LOW), aux=2 * torch.randn(N, C, *LOW))
S, T = net(), net()
Y = torch.randint(0, C, (N, *FULL))
Y[torch.rand(Y.shape) < 0.1] = C
main = lambda n: {'out': n['out']}
both, one, alone = inputs('both', S, T, Y), inputs('one', main(S), T, Y), inputs('alone', main(S), main(T), Y)
case('easy', both, stage='easy')
case('easy_main_aux', both, stage='easy', direction='main_aux', temperature=2)
case('easy_one_head', one, stage='easy')
for mode in CHOOSE:
    case(f'hard_{mode}', both, mode=mode)
case('hard_one_head', alone)
case('hard_fixed', both, keep=0.0)
case('hard_many', both, threshold=0.1, keep=0.55)
case('hard_max_prob', both, confidence='max_prob', threshold=0.5)
case('hard_pix_mean', both, reduction='pix_mean', mode='or')
case('hard_classes', both, classes=[0.5, 1.25, 2.0, 0.75, 1.5])
case('hard_classes_pix_mean', both, classes=[0.5, 1.25, 2.0, 0.75, 1.5], reduction='pix_mean')
case('hard_halves', both, reweight=0.5, kd=0.25)
case('hard_blend', both, blend=0.25)
case('hard_with_at', both, at=1e3)
case('at_alone', both, at=1e3, reweight=0, kd=0)
case('kd_alone', both, reweight=0)
assert float(case('nothing_hard', both, threshold=0.0, keep=0.0, kd=0)['loss']) == 0
case('nothing_labelled', inputs('unlabelled', S, T, torch.full_like(Y, C)))

# Worked out by hand. One pixel of three classes, and eight of which the seventh has no truth.
heads = dict(out=torch.tensor([2, .5, -1]).reshape(1, 3, 1, 1), aux=torch.tensor([1., 1, 0]).reshape(1, 3, 1, 1))
pixel = inputs('pixel', main(heads), heads, torch.tensor([[[1]]]))
near(case('hand_ease', pixel, stage='easy')['ease'], 0.7235978498)
near(case('hand_ease_main_aux', pixel, stage='easy', direction='main_aux')['ease'], 0.7561445082)
logits = lambda q: {'out': torch.tensor([q, [1 - v for v in q]], dtype=torch.double).log().reshape(1, 2, 1, 8)}
qs, qt = logits([.95, .60, .72, .30, .80, .50, .5, .69]), logits([.99, .90, .65, .20, .90, .60, .5, .75])
eight = inputs('eight', qs, qt, torch.tensor([[[0, 0, 0, 0, 0, 0, 2, 0]]]))
v = case('hand_masks', eight, keep=0.0, kd=0)
for key, want in [('hard', 0.4034644574), ('hard_student', 4 / 7), ('hard_teacher', 3 / 7), ('chosen', 3 / 7)]:
    near(v[key], want)
v = case('hand_masks_6', eight, keep=0.86, kd=0)
for key, want in [('hard', 0), ('hard_student', 6 / 7), ('hard_teacher', 6 / 7), ('chosen', 0), ('cut_student', .8),
                  ('cut_teacher', .9)]:
    near(v[key], want)
rows = up(torch.tensor([[[[1., 2], [3, 4]]]]), torch.zeros(3, 4))[0, 0]
for got, want in zip(rows.flatten(), [1, 4 / 3, 5 / 3, 2, 2, 7 / 3, 8 / 3, 3, 3, 10 / 3, 11 / 3, 4]):
    near(got, want)
st.save(os.path.join(here, 'rdd.safetensors'), tensors, meta)
