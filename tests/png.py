# SPDX-License-Identifier: MIT
"""PNG files of grey or RGB, 8 or 16 bits, by zlib alone: a reader and a writer that share nothing with the program."""
import struct
import zlib


def chunks(data):
    assert data[:8] == b'\x89PNG\r\n\x1a\n', 'no PNG file'
    at = 8
    while at < len(data):
        n, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + n]
        assert struct.unpack('>I', data[at + 8 + n:at + 12 + n])[0] == zlib.crc32(kind + body), 'a wrong checksum'
        yield kind, body
        at += 12 + n
    assert kind == b'IEND', 'no end'


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def unfilter(raw, height, row, step):
    out, before = [], bytearray(row)
    for y in range(height):
        kind, line = raw[y * (row + 1)], bytearray(raw[y * (row + 1) + 1:(y + 1) * (row + 1)])
        for i in range(row):
            a, b, c = line[i - step] if i >= step else 0, before[i], before[i - step] if i >= step else 0
            line[i] = (line[i] + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 255
        out.append(line)
        before = line
    return out


class Png:
    """at(x, y): a number, or (r, g, b); text: a dict."""

    def __init__(self, path):
        data, self.text = b'', {}
        for kind, body in chunks(open(path, 'rb').read()):
            if kind == b'IHDR':
                self.width, self.height, self.bits, colour, _, _, interlaced = struct.unpack('>IIBBBBB', body)
            elif kind == b'IDAT':
                data += body
            elif kind == b'tEXt':
                key, value = body.split(b'\0', 1)
                self.text[key.decode()] = value.decode('latin-1')
        assert colour in (0, 2) and self.bits in (8, 16) and not interlaced
        self.channels = 3 if colour == 2 else 1
        step = self.channels * self.bits // 8
        self.rows = unfilter(zlib.decompress(data), self.height, self.width * step, step)

    def at(self, x, y):
        line = self.rows[y]
        if self.bits == 16:
            return line[2 * x] << 8 | line[2 * x + 1]
        return line[x] if self.channels == 1 else tuple(line[3 * x:3 * x + 3])

    def values(self):
        return [self.at(x, y) for y in range(self.height) for x in range(self.width)]


def write(path, width, height, value, bits=8):
    """value(x, y): a number, or (r, g, b)"""
    colour = isinstance(value(0, 0), tuple)
    raw = bytearray()
    for y in range(height):
        raw.append(0)
        for x in range(width):
            v = value(x, y)
            raw += bytes(v) if colour else v.to_bytes(bits // 8, 'big')
    parts = [(b'IHDR', struct.pack('>IIBBBBB', width, height, bits, 2 if colour else 0, 0, 0, 0)),
             (b'IDAT', zlib.compress(bytes(raw))), (b'IEND', b'')]
    with open(path, 'wb') as f:
        f.write(b'\x89PNG\r\n\x1a\n')
        for kind, body in parts:
            f.write(struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body)))
