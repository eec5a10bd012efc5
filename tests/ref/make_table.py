#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""reffakd_table.safetensors: random embeddings and the similarities of their classes, by a loop over all pairs."""
import os
import numpy as np
import st

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(3)
K, N, D = 6, 9, 20
z = np.maximum(rng.normal(0.3, 1, (K * N, D)) + np.repeat(rng.normal(0, 1, (K, D)), N, 0), 0).astype(np.float32)
label = np.repeat(np.arange(K, dtype=np.int32), N)


def cos(a, b):
    return a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-8)


a = np.zeros((K, K))
for i in range(K):
    for j in range(K):
        pairs = [(p, q) for p in range(N) for q in range(N) if i != j or p < q]
        a[i, j] = np.mean([cos(z[i * N + p].astype(np.float64), z[j * N + q].astype(np.float64)) for p, q in pairs])
mixed = rng.permutation(K * N)
e = np.exp(a - a.max(1, keepdims=True))
st.save(os.path.join(here, 'reffakd_table.safetensors'),
        {'z': z[mixed], 'label': label[mixed], 'similarity': a.astype(np.float32),
         'soft': (e / e.sum(1, keepdims=True)).astype(np.float32)})
