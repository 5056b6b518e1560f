"""From what people have (arrays, tensors, loaders, files) to flat NumPy arrays, and back.

Nothing is rescaled or reshaped silently, torch is never imported here, and an array that is what is needed already is not copied.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Optional, Union

import numpy as np

from ._errors import UseError, use_error

log = logging.getLogger("tessera")

Scale = Union[None, str, int, float, Fraction]


class Given(NamedTuple):
    """An array for the compiled half."""

    name: Optional[str]
    shape: tuple[int, ...]
    dtype: str
    flat: np.ndarray


def is_tensor(x: Any) -> bool:
    """Whether this is a torch tensor, without importing torch."""
    return any(c.__module__.startswith("torch") and c.__name__ == "Tensor" for c in type(x).__mro__)


def is_table(x: Any) -> bool:
    """Whether this is a table with named columns, such as a DataFrame of pandas, without importing that."""
    return hasattr(x, "columns") and hasattr(x, "to_numpy")


def to_numpy(x: Any, what: str) -> np.ndarray:
    """An array, a tensor, or numbers or texts in lists, as an array. A tensor on the CPU shares its memory."""
    if is_tensor(x):
        device = x.device.type
        if device == "meta":
            raise use_error(
                f"{what} lies on the meta device, which has shapes and no values",
                help="give a tensor with values, such as x = torch.rand(x.shape)",
            )
        if device != "cpu":
            raise use_error(
                f"{what} lies on another device",
                expected="a tensor in the memory of the CPU, where the prover works",
                found=f"a tensor on {x.device}",
                help="copy it: x.cpu()",
            )
        x = x.detach()
        if str(x.layout) != "torch.strided" or x.is_quantized:
            raise use_error(
                f"{what} is stored in another way than number by number",
                found="a quantized tensor" if x.is_quantized else f"a tensor of layout {x.layout}",
                help="convert it: x.dequantize()" if x.is_quantized else "convert it: x.to_dense()",
            )
        if str(x.dtype) == "torch.bfloat16":
            x = x.float()
        shared: np.ndarray = x.numpy()
        return shared
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise use_error(f"{what} has values that are masked, and no value of a proof is missing", help="fill them: x.filled(0)")
    try:
        array = np.asarray(x)
    except ValueError as e:
        raise use_error(f"{what}: lists of different lengths are no array", found=str(e), help="pad them to one shape") from None
    if array.dtype == object and array.size and all(isinstance(text, str) for text in array.flat):
        array = array.astype(str)
    if array.dtype.kind not in "fiubU":
        raise use_error(
            f"{what}: this is no array of numbers or texts",
            expected="a NumPy array, a torch tensor, or lists of numbers",
            found=type(x).__name__ if array.dtype == object else str(array.dtype),
            help="convert it: x.toarray()" if hasattr(x, "toarray") else None,
        )
    return array


_warned: set[str] = set()


def given(name: Optional[str], x: Any, what: str) -> Given:
    """An array for the compiled half, flat and in row-major order."""
    array = to_numpy(x, what)
    dtype = array.dtype.name
    if array.dtype.kind == "U":
        return Given(name, tuple(array.shape), "text", array.reshape(-1))
    if array.dtype.kind == "f":
        if dtype == "float64" and what not in _warned:
            _warned.add(what)
            log.warning("%s is float64 and is rounded to float32, in which networks compute; x.astype('float32') says so", what)
        kind: Any = np.float64 if dtype == "float64" else np.float32
    else:
        kind = np.int64
        if dtype == "uint64":
            array = np.minimum(array, np.uint64(2**63 - 1))
    flat = np.ascontiguousarray(array, dtype=kind).reshape(-1)
    return Given(name, tuple(array.shape), dtype, flat)


def named(x: Any, names: list[str], what: str) -> list[Given]:
    """The arrays of some inferences: one for one input, a mapping or a table by name, or a sequence in the model's order, of which what comes
    after the inputs is left out."""
    if isinstance(x, (str, Path)):
        return _file(Path(x), what)
    if is_table(x) and len(names) > 1:
        x = {column: x[column].to_numpy() for column in x.columns if str(column) in names}
    if isinstance(x, Mapping):
        return [given(str(k), v, f"{what}, array {k!r},") for k, v in x.items()]
    if isinstance(x, (tuple, list)) and x and any(is_tensor(a) or isinstance(a, np.ndarray) for a in x):
        return [given(None, a, what) for a in x[: len(names)]]
    return [given(None, x, what)]


def _file(path: Path, what: str) -> list[Given]:
    """A .npy or .npz file; FILE.npz:NAME takes one array, as the command does."""
    member = None
    if not path.exists() and ".npz:" in path.name:
        file, member = str(path).rsplit(":", 1)
        path = Path(file)
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as e:
        raise use_error(f"cannot read {path} for {what}: {e}", help="give a .npy or .npz file, or an array") from None
    if isinstance(loaded, np.ndarray):
        return [given(None, loaded, what)]
    with loaded:
        if member is not None:
            if member not in loaded:
                raise use_error(f"there is no array {member!r} in the file", found=", ".join(loaded), where=str(path))
            return [given(None, loaded[member], what)]
        return [given(k, loaded[k], what) for k in loaded]


def is_batches(x: Any, names: list[str]) -> bool:
    """Whether this is something to iterate over, not the arrays of the model's inputs."""
    if isinstance(x, (str, Path, Mapping, np.ndarray)) or is_tensor(x) or hasattr(x, "to_numpy") or _numbers(x):
        return False
    if isinstance(x, (list, tuple)):
        # as many arrays side by side as there are inputs are inputs; a list of arrays for one input is a list of batches
        arrays = all(is_tensor(a) or isinstance(a, np.ndarray) for a in x)
        return not (arrays and len(x) == len(names) > 1)
    return isinstance(x, Iterable) or hasattr(x, "__getitem__")


def _numbers(x: Any) -> bool:
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, (int, float, np.number))


def batches(
    x: Any, names: list[str], what: str, limit: Optional[int] = None, rank: Optional[int] = None
) -> Iterator[list[Given]]:
    """The items of a loader, a data set or any iterable, until they have `limit` inferences; `rank` is the number of axes of the first
    input. In an item that is a sequence, what comes after the inputs, such as labels, is left out."""
    if x is None:
        return
    if not is_batches(x, names):
        yield named(x, names, what)
        return
    rows = 0
    for item in x:
        arrays = named(item, names, what)
        yield arrays
        rows += inferences(arrays, rank)
        if limit is not None and rows >= limit:
            return


def empty(x: Any, what: str) -> UseError:
    """There is nothing in what was iterated over."""
    used = "an iterator is used up by one pass: make it anew, or give a list or a DataLoader" if isinstance(x, Iterator) else None
    return use_error(f"{what} are empty", expected="at least one input", found="a loader without items", help=used)


def inferences(arrays: list[Given], rank: Optional[int]) -> int:
    """How many inferences an item has: an array without the first axis is one."""
    shape = arrays[0].shape if arrays else ()
    return shape[0] if shape and (rank is None or len(shape) >= rank) else 1


def joined(items: Iterable[list[Given]], shapes: Optional[list[tuple[int, ...]]]) -> list[Given]:
    """The arrays of all items, one behind the other. An item of one inference may come without its first axis."""
    items = list(items)
    if len(items) <= 1:
        return items[0] if items else []
    out = []
    for at, first in enumerate(items[0]):
        parts = []
        for item in items:
            shape = item[at].shape
            alone = shapes is not None and len(shape) == len(shapes[at]) - 1 and shape == shapes[at][1:]
            parts.append(item[at].flat.reshape((1, *shape) if alone else shape))
        whole = np.concatenate(parts)
        out.append(Given(first.name, whole.shape, first.dtype, np.ascontiguousarray(whole).reshape(-1)))
    return out


def scale_text(scale: Scale) -> Optional[str]:
    """What integers are multiplied by, as a fraction: 1/255 divides exactly as NumPy does."""
    if scale is None or isinstance(scale, str):
        return scale
    if hasattr(scale, "item") and getattr(scale, "ndim", 0) == 0:
        # a number of NumPy or torch
        scale = scale.item()
    if not isinstance(scale, (int, float, Fraction)) or scale != scale or abs(scale) == math.inf:
        raise use_error(
            "scale is one number for all integers of an input",
            expected="a finite number or a fraction, such as 1/255",
            found=repr(scale),
            help="numbers for channels, as of transforms.Normalize, are part of the network: x = (x - mean) / std in its forward",
        )
    if isinstance(scale, float):
        near = Fraction(scale).limit_denominator(1 << 16)
        if float(near) != scale:
            return repr(scale)
        scale = near
    scale = Fraction(scale)
    return f"{scale.numerator}/{scale.denominator}"


def like(example: Any, array: np.ndarray) -> Any:
    """The array as the example came: a tensor where that was one."""
    if is_tensor(example):
        import torch

        return torch.from_numpy(array)
    return array
