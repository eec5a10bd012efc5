# SPDX-License-Identifier: MIT
"""Writes safetensors files with nothing but numpy."""
import json
import numpy as np

NAMES = {'float32': 'F32', 'float16': 'F16', 'float64': 'F64', 'int32': 'I32', 'int64': 'I64', 'uint8': 'U8'}


def save(path, tensors, meta=None):
    arrays = {name: np.ascontiguousarray(t).reshape(np.shape(t)) for name, t in tensors.items()}
    order = sorted(arrays, key=lambda n: (-arrays[n].itemsize, n))
    header = {'__metadata__': dict(sorted(meta.items()))} if meta else {}
    at = 0
    for name in order:
        a = arrays[name]
        header[name] = {'dtype': NAMES[a.dtype.name], 'shape': list(a.shape), 'data_offsets': [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(len(text).to_bytes(8, 'little') + text)
        for name in order:
            f.write(arrays[name].astype(arrays[name].dtype.newbyteorder('<')).tobytes())
