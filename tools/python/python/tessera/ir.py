"""The compiler's IR in Python: modules as text, passes over them, and the values that they compute.

A :class:`Module` is a value: passes and replacements make new ones. Passes are those of ``zk-opt`` by name, or functions from a module to a module;
:func:`rewrite` makes one of a pattern. What was tried out here is later written in Rust: docs/tutorials/write-a-pass.md.

>>> module = tessera.ir.load("fmnist_lenet.onnx", calibration=images[:16], scale=1/255)
>>> module.level, sum(op.name == "nn.relu" for op in module.ops)
('nn', 4)
>>> circuit = module.run(tessera.ir.default_pipeline())
>>> circuit.level
'circuit'
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Iterable, NamedTuple, Optional, Union

import numpy as np

from . import _html, _tessera
from ._data import Scale, named, scale_text
from ._errors import use_error
from ._model import CompiledModel, _calibration, _onnx
from ._options import Options
from ._progress import Progress, progress as _progress
from ._proof import File

__all__ = ["Module", "Op", "Operand", "Pass", "Value", "default_pipeline", "load", "parse", "read", "rewrite"]

#: A pass: one of ``zk-opt`` with its options as they stand in a pipeline, several of them, or a function from a module to a module.
Pass = Union[str, Callable[["Module"], "Module"]]


class Operand(NamedTuple):
    """What an operation reads."""

    #: The operation, counted from 0, whose result it is; None for an argument of the function.
    op: Optional[int]
    #: The number of the result, or of the argument.
    number: int
    type: str


@dataclass(frozen=True)
class Op:
    """An operation of ``@main``."""

    #: Its place among the operations, counted from 0.
    index: int
    #: Its full name, such as ``nn.conv``.
    name: str
    #: The node of the ONNX file that it comes from, or what else is known of that.
    place: str
    operands: list[Operand]
    #: Types of the results.
    results: list[str]
    #: By name, as text.
    attributes: dict[str, str]
    #: The operation as text, without its location.
    text: str

    @property
    def type(self) -> str:
        """The type of its only result."""
        (only,) = self.results
        return only


@dataclass(frozen=True)
class Value:
    """What an operation computed."""

    op: Op
    #: Reals at the level nn, and integers below it.
    array: np.ndarray
    #: What an integer is multiplied by, where its type has one number for that.
    scale: Optional[float]

    @property
    def real(self) -> np.ndarray:
        """The reals that integers stand for, where a scale is known; otherwise the array."""
        return self.array if self.scale is None else self.array * self.scale


class Module:
    """A module of IR with the parameters that it names.

    ``str`` is its text. :func:`tessera.compile` makes a model of it.
    """

    def __init__(self, module: _tessera.Ir) -> None:
        self._ir = module

    @property
    def text(self) -> str:
        """As text, with locations."""
        return self._ir.text()

    @cached_property
    def level(self) -> str:
        """The innermost level that it has operations of: "nn", "qnn" or "circuit"."""
        return self._ir.level()

    @cached_property
    def ops(self) -> list[Op]:
        """The operations of ``@main`` in order, without its return."""
        found = json.loads(self._ir.ops())
        return [
            Op(
                i,
                o["name"],
                o["place"],
                [Operand(x["op"], x["index"], x["type"]) for x in o["operands"]],
                o["results"],
                o["attributes"],
                o["text"],
            )
            for i, o in enumerate(found)
        ]

    def with_text(self, text: str, place: str = "the text") -> Module:
        """Another module, of a text that names this one's parameters; ``place`` is what messages call it.

        >>> module = tessera.ir.parse("func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }")
        >>> module.with_text(module.text.replace("4xf32", "5xf32")).text.count("tensor<5xf32>")
        3
        """
        return Module(_tessera.Ir.parse(text, place, None, self._ir))

    def run(self, passes: Union[Pass, Iterable[Pass]], *, dump_ir: Optional[File] = None, progress: Progress = None) -> Module:
        """The module after these passes. With a folder, ``dump_ir``, the module after every pass is written there."""
        done = self.steps(passes, progress=progress)
        if dump_ir is not None:
            folder = Path(dump_ir)
            folder.mkdir(parents=True, exist_ok=True)
            for number, (name, module) in enumerate([("input", self), *done]):
                module.save(folder / f"{number:02}-{name}.mlir")
        return done[-1][1] if done else self

    def steps(self, passes: Union[Pass, Iterable[Pass]], *, progress: Progress = None) -> list[tuple[str, Module]]:
        """The module after every pass, with the pass's name.

        >>> module = tessera.ir.load("fmnist_lenet.onnx", calibration=images[:4], scale=1/255)
        >>> [name for name, _ in module.steps("canonicalize,cse,nn-calibrate")]
        ['canonicalize', 'cse', 'nn-calibrate']
        """
        done: list[tuple[str, Module]] = []
        module = self
        for one in [passes] if isinstance(passes, str) or callable(passes) else passes:
            if callable(one):
                module = one(module)
                if not isinstance(module, Module):
                    raise use_error("a pass returned no module", expected="a tessera.ir.Module", found=type(module).__name__)
                done.append((getattr(one, "__name__", "pass"), module))
                continue
            pipeline = one if one.startswith("builtin.module(") else f"builtin.module({one})"
            with _progress(progress, "passes") as step:
                done += [(name, Module(after)) for name, after in module._ir.run(pipeline, step)]
            module = done[-1][1] if done else module
        return done

    def replace(self, texts: dict[int, str]) -> Module:
        """The module with operations, given as text, in the places of some, which are named by their index.

        In the text, ``%operand0``, ``%operand1`` and so on are the operands of the operation, and ``%result`` is what takes the place of its result
        (``%result#0`` and so on of several results); or the text ends in a ``return`` of its own. The module's symbols can be named.
        """
        return Module(self._ir.replace(dict(texts)))

    def values(self, *inputs: Any, scale: Scale = None) -> list[Value]:
        """What every operation computes of one inference, by the interpreter of the module's level.

        >>> module = tessera.ir.load("fmnist_lenet.onnx", calibration=images[:4], scale=1/255)
        >>> relu = next(v for v in module.values(images[:1], scale=1/255) if v.op.name == "nn.relu")
        >>> relu.array.shape, float(relu.array.min())
        ((1, 6, 28, 28), 0.0)
        """
        x = inputs[0] if len(inputs) == 1 else inputs
        given = named(x, [""] * max(1, len(inputs)), "the input")
        return [
            Value(self.ops[op], array.reshape(shape), scale_of)
            for op, shape, scale_of, array in self._ir.values(given, scale_text(scale))
        ]

    def save(self, path: File) -> None:
        """Writes a ``.mlir`` file, and the files of parameters that it names beside it: for ``zk-opt`` and ``tessera compile``."""
        self._ir.save(Path(path))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<tessera.ir.Module of the level {self.level}, {len(self.ops)} operations>"

    def _repr_html_(self) -> str:
        return _html.module(self)


def parse(text: str, *, place: str = "the text", folder: Optional[File] = None) -> Module:
    """Parses and verifies a module; the files of parameters that it names lie in ``folder``."""
    return Module(_tessera.Ir.parse(text, place, None if folder is None else Path(folder), None))


def read(path: File) -> Module:
    """Reads a ``.mlir`` file, such as ``tessera compile --dump-ir`` or :meth:`Module.save` writes."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise use_error(f"cannot read {path}: {e}", help="give a text file of MLIR") from None
    return parse(text, place=str(path), folder=path.parent)


def load(
    model: Any,
    example_inputs: Any = None,
    *,
    calibration: Any = None,
    scale: Scale = None,
    calibration_samples: int = 256,
    level: str = "nn",
    name: Optional[str] = None,
    exporter: Optional[str] = None,
    dims: Optional[dict[str, int]] = None,
    shapes: Optional[dict[str, list[int]]] = None,
) -> Module:
    """The module that the import makes of a model, before any pass; with the calibration data, if they are given. The arguments are those of
    :func:`tessera.compile`. Of a compiled model, the module that it has of a level."""
    if isinstance(model, CompiledModel):
        return Module(_tessera.Ir.of_model(model._model, level))
    onnx, file, found = _onnx(model, example_inputs, calibration, exporter)
    items = [] if calibration is None else _calibration(onnx, file, calibration, calibration_samples)
    options = Options(name or found, file, scale=scale_text(scale), samples=calibration_samples, dims=dims or {}, shapes=shapes or {})
    return Module(_tessera.Ir.import_(onnx, items, options))


def default_pipeline(level: str = "nn") -> list[str]:
    """The passes that :func:`tessera.compile` runs on a module of a level.

    >>> tessera.ir.default_pipeline("circuit")[:2]
    ['circuit-absorb-scale', 'circuit-hoist-views']
    """
    inner = _tessera.default_pipeline(level)[len("builtin.module(") : -1]
    return inner.split(",")


def rewrite(name: str) -> Callable[[Callable[[Op], Optional[str]]], Callable[[Module], Module]]:
    """Makes a pass of a function that is asked of every operation of this name: what it returns takes the operation's place, as
    :meth:`Module.replace` reads it; None leaves it. What is new is not asked again.

    >>> @tessera.ir.rewrite("nn.relu")
    ... def squares(op):
    ...     return f"%result = nn.mul %operand0, %operand0 : ({op.type}, {op.type}) -> {op.type}"
    >>> module = tessera.ir.load("fmnist_lenet.onnx")
    >>> sum(op.name == "nn.mul" for op in module.run(squares).ops)
    4
    """

    def make(pattern: Callable[[Op], Optional[str]]) -> Callable[[Module], Module]:
        def run(module: Module) -> Module:
            texts = {op.index: pattern(op) for op in module.ops if op.name == name}
            wrong = [type(text).__name__ for text in texts.values() if not isinstance(text, (str, type(None)))]
            if wrong:
                raise use_error("a pattern returned no text", expected="text of MLIR, or None", found=wrong[0])
            found = {index: text for index, text in texts.items() if text is not None}
            return module.replace(found) if found else module

        run.__name__ = getattr(pattern, "__name__", "pattern").replace("_", "-")
        run.__doc__ = pattern.__doc__
        return run

    return make
