"""Writes params.safetensors, the parameters of the modules in this folder: small, and the same every time."""
import json
import struct
from pathlib import Path

PARAMS = {
    "conv.w": ("I8", [2, 1, 3, 3]),
    "conv.b": ("I32", [2]),
    "depthwise.w": ("I8", [4, 1, 2, 2]),
    "linear.w": ("I8", [3, 4]),
    "linear.b": ("I32", [3]),
    "sum.b": ("I8", [2, 1, 1]),
    # of float models
    "x.conv.w": ("F32", [2, 1, 3, 3]),
    "x.conv.b": ("F32", [2]),
    "x.linear.w": ("F32", [3, 4]),
}


def values(kind, shape, seed):
    count = 1
    for extent in shape:
        count *= extent
    most = 5000 if kind == "I32" else 127
    integers = [(7919 * (i + seed)) % (2 * most + 1) - most for i in range(count)]
    return [i / 128 for i in integers] if kind == "F32" else integers


header, data = {}, b""
for seed, (name, (kind, shape)) in enumerate(sorted(PARAMS.items())):
    code = {"I8": "b", "I32": "i", "F32": "f"}[kind]
    packed = struct.pack(f"<{len(values(kind, shape, seed))}{code}", *values(kind, shape, seed))
    header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
Path(__file__).with_name("params.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
