"""Writes masks.safetensors, the masks and the table of the modules in this folder that attend."""
import json
import struct
from pathlib import Path

PARAMS = {
    # 8 entries that fall from above 256 to two zeros
    "exp": ([9], [300, 200, 130, 80, 50, 30, 10, 0, 0]),
    "causal": ([8, 8], [int(j <= i) for i in range(8) for j in range(8)]),
    # somebody else's, called as a block of it would be
    "causal.0_4": ([4, 4], [1] * 16),
    # rows of the last three tokens of seven
    "last": ([1, 1, 3, 7], [int(j <= i + 4) for i in range(3) for j in range(7)]),
    # a position attends to itself and to two before
    "window": ([8, 8], [int(i - 2 <= j <= i) for i in range(8) for j in range(8)]),
    # two texts of four
    "texts": ([8, 8], [int(i // 4 == j // 4) for i in range(8) for j in range(8)]),
    # the second of two texts has three positions, both of four
    "padding": ([2, 1, 1, 4], [1, 1, 1, 1, 1, 1, 1, 0]),
    "short": ([1, 1, 1, 4], [1, 1, 1, 0]),
}

header, data = {}, b""
for name, (shape, values) in sorted(PARAMS.items()):
    packed = struct.pack(f"<{len(values)}i", *values)
    header[name] = {"dtype": "I32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
Path(__file__).with_name("masks.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
