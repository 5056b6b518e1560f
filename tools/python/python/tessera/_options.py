"""Options of compiling, looked at before any work: each is of the kind that it shall be, and what is not says so."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from . import _tessera
from ._errors import use_error


@dataclass
class Options:
    """As the compiled half reads them."""

    name: str
    file: Optional[Path]
    scale: Optional[str] = None
    batch: int = 1
    committed: bool = False
    zero_knowledge: bool = False
    uses: Optional[int] = None
    backend: Optional[str] = None
    percentile: Optional[float] = None
    target_cosine: Optional[float] = None
    max_accuracy_loss: Optional[float] = None
    samples: int = 256
    labels: list[str] = field(default_factory=list)
    dims: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    dump_ir: Optional[Path] = None
    tokens: bool = False
    shortest_prompt: int = 1
    visibility: dict[str, str] = field(default_factory=dict)
    input_from: list[tuple[str, _tessera.VerifyingKey, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.batch = count("batch", self.batch)
        self.samples = count("calibration_samples", self.samples)
        self.shortest_prompt = count("shortest_prompt", self.shortest_prompt)
        if self.uses is not None:
            self.uses = count("uses", self.uses)
        _within("percentile", self.percentile, 50, 100)
        _within("target_cosine", self.target_cosine, 0, 1)
        _within("max_accuracy_loss", self.max_accuracy_loss, 0, 100)
        self.labels = _texts("labels", self.labels)
        self.visibility = mapping("visibility", self.visibility, '{"x": "private"}')
        self.dims = {str(name): count(f"dims[{name!r}]", n) for name, n in mapping("dims", self.dims, '{"N": 8}').items()}
        shapes = mapping("shapes", self.shapes, '{"x": [1, 3, 32, 32]}')
        self.shapes = {str(name): [count(f"shapes[{name!r}]", n) for n in shape] for name, shape in shapes.items()}
        if self.dump_ir is not None and Path(self.dump_ir).is_file():
            raise use_error("dump_ir names a folder, in which there is a file for each pass", found=f"the file {self.dump_ir}")


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number, NumPy's too."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not least <= number < 1 << 32:
        raise use_error(f"{name} is no such number", expected=f"a whole number of {least} or more", found=repr(value))
    return number


def _within(name: str, value: Any, low: float, high: float) -> None:
    if value is None:
        return
    try:
        fits = low <= float(value) <= high
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise use_error(f"{name} is no such number", expected=f"a number of {low} to {high}", found=repr(value))


def _texts(name: str, values: Any) -> list[str]:
    """Texts in a list, a tuple or an array; whole numbers are texts as they are written."""
    if values is None:
        return []
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise use_error(f"{name} are no list of texts", expected='one text for each, such as ["cat", "dog"]', found=repr(values))
    return [str(value) for value in values]


def mapping(name: str, value: Any, example: str) -> dict[Any, Any]:
    """A dictionary, or none where nothing is given."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise use_error(f"{name} is no mapping", expected=f"a dictionary by name, such as {example}", found=repr(value))
    return dict(value)
