"""Compiling, and compiled models."""

from __future__ import annotations

import itertools
import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

import numpy as np

from . import _export, _html, _tessera
from ._data import Given, Scale, batches, empty, is_batches, is_tensor, joined, like, named, scale_text, to_numpy
from ._errors import UseError, in_python, use_error
from ._options import Options, count, mapping
from ._progress import Progress, progress as _progress
from ._proof import File, Opening, Proof, Verified, VerifyingKey, said, shaped, verify
from ._results import Evaluation, Explanation, Generated

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._proof import Asked

log = logging.getLogger("tessera")


class Port(NamedTuple):
    """An input or output of a compiled model: a real number is about integer·scale."""

    name: str
    #: Of one inference.
    shape: tuple[int, ...]
    scale: float
    #: The smallest and the greatest integer.
    min: int
    max: int


class Status(NamedTuple):
    """How many proofs a key that hides weights has served, as is counted beside its file."""

    #: Proofs, and certificates in their place.
    used: int
    #: Proofs that it serves.
    of: int
    #: What a certificate of a further key takes of it, and of that; None where it has none.
    certificate: Optional[int]

    @property
    def left(self) -> int:
        """Proofs that it serves still."""
        return max(0, self.of - self.used)


def _calibration(onnx: bytes, file: Optional[Path], calibration: Any, samples: int) -> list[list[Given]]:
    """The calibration data of a network; there are some."""
    ports = _tessera.onnx_inputs(onnx, str(file or "the model"))
    names, rank = [name for name, _ in ports], ports[0][1] if ports else None
    items = list(batches(calibration, names, "the calibration data", samples, rank))
    if not items:
        raise empty(calibration, "the calibration data")
    if any(0 in given.shape for item in items for given in item):
        raise use_error("the calibration data are empty", expected="at least one input", found="an array without elements")
    return items


def compile(
    model: Any,
    example_inputs: Any = None,
    *,
    calibration: Any = None,
    scale: Scale = None,
    batch: int = 1,
    weights: str = "public",
    zero_knowledge: bool = False,
    uses: Optional[int] = None,
    visibility: Optional[dict[str, str]] = None,
    input_from: Optional[dict[str, tuple[VerifyingKey, str]]] = None,
    percentile: Optional[float] = None,
    target_cosine: Optional[float] = None,
    max_accuracy_loss: Optional[float] = None,
    calibration_samples: int = 256,
    labels: Optional[list[str]] = None,
    name: Optional[str] = None,
    exporter: Optional[str] = None,
    dims: Optional[dict[str, int]] = None,
    shapes: Optional[dict[str, list[int]]] = None,
    backend: Optional[str] = None,
    tokens: bool = False,
    shortest_prompt: int = 1,
    dump_ir: Optional[File] = None,
    progress: Progress = None,
) -> CompiledModel:
    """Compiles a network: quantizes it by representative inputs, and lays it out for proofs.

    ``model`` is a ``torch.nn.Module`` (of which ``example_inputs`` are inputs, the batch axis first, or a mapping of those by keyword), the path or the bytes of an ONNX
    file, a scikit-learn estimator, or a :class:`tessera.ir.Module`, on which what is left of the default pipeline is run. ``calibration`` are representative inputs, from which the ranges of 8-bit activations come: an
    array or tensor whose first axis counts inferences, a DataLoader or any iterable of such (what comes after the inputs in an item,
    such as labels, is left out), a dictionary by input name, or a ``.npy`` or ``.npz`` path. At most ``calibration_samples`` are used.

    Integer data need ``scale``, what they are multiplied by, such as ``1/255``; it is remembered for ``run`` and ``prove``. One proof covers
    up to ``batch`` inferences. ``weights="committed"`` keeps weights their owner's, ``zero_knowledge=True`` hides inputs. With both, proofs
    hide the weights too: a key serves at least ``uses`` proofs (16 if not given), and counts them in a file beside it, so such a model is saved
    before it proves. ``visibility`` says of inputs and outputs by name whether they are "public", "private", or "committed": then proofs say a salted hash in
    their place (:func:`tessera.commit`). ``input_from={name: (key, output)}`` takes an input as the output of another model gives it, so that the one's
    proofs can be linked to the other's. ``percentile=99.9``
    clamps outliers of activations. ``tokens=True`` makes of a language model's scores the tokens of the greatest ones, for
    :meth:`CompiledModel.generate`; where prompts have ``shortest_prompt`` tokens at least, scores before the last of them are left out. With ``target_cosine=0.999`` or ``max_accuracy_loss=0.1`` (percent) every tensor has as many bits as its
    effect on the outputs asks for, on the calibration data. ``dims`` and ``shapes`` say what an ONNX file leaves open. ``exporter`` is "torchscript" or "dynamo".

    Raises :class:`UseError` with everything that cannot be compiled.

    >>> model = tessera.compile("fmnist_lenet.onnx", calibration="fmnist_lenet_test1000.npz:images_u8", scale=1/255)
    >>> model
    <tessera.CompiledModel fmnist_lenet: x [1, 1, 28, 28] -> y [1, 10]>
    """
    _check_options(weights, exporter)
    module = getattr(model, "_ir", None)
    if module is None and calibration is None:
        raise use_error(
            "a network is quantized by representative inputs, and none were given",
            help="add calibration=loader, or an array of some inputs",
        )
    if module is not None and input_from:
        raise use_error("input_from is for a network, and this is IR", help="give the module or the ONNX model")
    if example_inputs is None and isinstance(calibration, Iterator):
        # its first item is the example too
        first = list(itertools.islice(calibration, 1))
        calibration = itertools.chain(first, calibration)
        example_inputs = _first(first) if first else None
    if scale is None and _export.is_estimator(model):
        # numbers of a table are what they are
        scale = 1
    onnx, file, found = (b"", None, "model") if module is not None else _onnx(model, example_inputs, calibration, exporter)
    if module is None:
        items = _calibration(onnx, file, calibration, calibration_samples)
    else:
        items = [] if calibration is None else list(batches(calibration, ["input"], "the calibration data", calibration_samples))
    options = Options(
        name or found,
        file,
        scale=scale_text(scale),
        batch=batch,
        committed=weights == "committed",
        zero_knowledge=zero_knowledge,
        uses=uses,
        visibility=visibility or {},
        input_from=[_source(name, source) for name, source in mapping("input_from", input_from, '{"x": (key, "y")}').items()],
        backend=backend,
        percentile=percentile,
        target_cosine=target_cosine,
        max_accuracy_loss=max_accuracy_loss,
        samples=calibration_samples,
        labels=[] if labels is None else labels,
        dims=dims or {},
        shapes=shapes or {},
        dump_ir=None if dump_ir is None else Path(dump_ir),
        tokens=tokens,
        shortest_prompt=shortest_prompt,
    )
    with _progress(progress, f"compiling {options.name}") as step:
        if module is None:
            compiled, notes = _tessera.compile(onnx, items, options, step)
        else:
            compiled, notes = module.compile(items, options, step)
    _note(notes)
    return CompiledModel(compiled)


@dataclass(frozen=True)
class Refused:
    """What of a model cannot be proven, and why."""

    #: The ONNX operator, or None for an operation that it became.
    operator: Optional[str]
    reason: str
    #: Names of the nodes.
    nodes: list[str]
    help: Optional[str]


@dataclass(frozen=True)
class Check:
    """Whether a model can be proven, and what that takes. True where it can; ``str`` has all of it."""

    supported: bool
    #: How often each operator stands in the model.
    operators: dict[str, int]
    refused: list[Refused]
    #: What a supported model takes: ``parameters``, ``prove_cpu_s``, ``proof_bytes``, ``memory_bytes`` and more.
    expected: Optional[dict[str, Any]]
    _lines: list[str] = field(repr=False)

    def __bool__(self) -> bool:
        return self.supported

    def __str__(self) -> str:
        return "\n".join(self._lines)

    def _repr_html_(self) -> str:
        return _html.check(self)


def check(
    model: Any,
    example_inputs: Any = None,
    *,
    batch: int = 1,
    weights: str = "public",
    zero_knowledge: bool = False,
    name: Optional[str] = None,
    exporter: Optional[str] = None,
    dims: Optional[dict[str, int]] = None,
    shapes: Optional[dict[str, list[int]]] = None,
    backend: Optional[str] = None,
    progress: Progress = None,
) -> Check:
    """Whether a model can be proven, what stands in the way, and what it would take; without data, and before it is trained.

    The arguments are those of :func:`compile`. What a proof takes depends a little on the ranges of activations, which are made up here.

    >>> found = tessera.check("fmnist_lenet.onnx")
    >>> found.supported, found.operators["Conv"], found.expected["parameters"]
    (True, 2, 61706)
    """
    _check_options(weights, exporter)
    if _export.is_module(model) and example_inputs is None:
        raise _no_example()
    onnx, file, found = _onnx(model, example_inputs, None, exporter)
    options = Options(
        name or found,
        file,
        batch=batch,
        committed=weights == "committed",
        zero_knowledge=zero_knowledge,
        backend=backend,
        dims=dims or {},
        shapes=shapes or {},
    )
    with _progress(progress, f"checking {options.name}") as step:
        said, lines = _tessera.check(onnx, options, step)
    about = json.loads(said)
    refused = [Refused(r.get("operator"), r["reason"], r["nodes"], r.get("help")) for r in about["refused"]]
    return Check(about["supported"], about["operators"], refused, about.get("expected"), lines)


def _source(name: str, source: Any) -> tuple[str, _tessera.VerifyingKey, str]:
    """An input that is an output of another model, for the compiled half."""
    if not (isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], VerifyingKey)):
        raise use_error(
            f"input_from[{name!r}] names no output of another model",
            expected='the verifying key of the other and the name of its output, such as (first.verifying_key, "features")',
            found=repr(source),
        )
    return name, source[0]._key, source[1]


def _check_options(weights: str, exporter: Optional[str]) -> None:
    if weights not in ("public", "committed"):
        raise use_error("weights are public or committed", found=repr(weights))
    if exporter not in (None, "torchscript", "dynamo"):
        raise use_error("there is no such exporter", expected='"torchscript" or "dynamo"', found=repr(exporter))


def _onnx(model: Any, example_inputs: Any, calibration: Any, exporter: Optional[str]) -> tuple[bytes, Optional[Path], str]:
    """The bytes of the ONNX file, where it lies, and a name for people."""
    model = _export.unwrapped(model)
    if _export.is_module(model):
        if example_inputs is None:
            example_inputs = _first(calibration)
        name = type(model).__name__
        if isinstance(example_inputs, Mapping):
            names = _export.by_keyword(model, example_inputs)
            example = _export.examples([example_inputs[k] for k in names])
            return _export.export(model, example, names, exporter, by_name=True), None, name
        example = _export.examples(example_inputs)
        names = _export.input_names(model, len(example))
        return _export.export(model, example, names, exporter), None, name
    if _export.is_estimator(model):
        example = example_inputs if example_inputs is not None else calibration
        if example is None:
            raise use_error(
                "an estimator is exported for rows of some length, and no example was given",
                help="add example_inputs, such as X[:1]",
            )
        if isinstance(example, (str, PathLike)):
            raise use_error("an estimator is exported for rows of some kind, and no example was given", help="add example_inputs, such as X[:1]")
        return _export.export_estimator(model, example), None, type(model).__name__
    if hasattr(model, "model_proto"):
        # what PyTorch's newer exporter gives
        model = model.model_proto
    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString()
    if isinstance(model, bytes):
        return model, None, "model"
    if isinstance(model, (str, PathLike)):
        path = Path(model)
        if path.suffix in _ELSEWHERE:
            raise use_error("this is no ONNX file", found=str(path), help=_ELSEWHERE[path.suffix])
        try:
            onnx = path.read_bytes()
        except OSError as e:
            raise use_error(f"cannot read {path}: {e.strerror}", help="check the path of the ONNX file") from None
        if onnx.startswith(b"version https://git-lfs"):
            raise use_error("this file stands for one that Git LFS keeps elsewhere", found=str(path), help="fetch it: git lfs pull")
        return onnx, path, path.stem
    raise use_error(
        "this is no model that can be compiled",
        expected="a torch.nn.Module, the path or bytes of an ONNX file, or a scikit-learn estimator",
        found=f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__,
        help=_instead(model),
    )


#: What to do with files that are no ONNX.
_ELSEWHERE = {
    ".tess": "it is compiled already: tessera.CompiledModel.load(path)",
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".bin"), "read it into its module, module.load_state_dict(torch.load(path)), and give that"),
    ".safetensors": "read it into its module, module.load_state_dict(safetensors.torch.load_file(path)), and give that",
    ".mlir": "read it by tessera.ir.read(path), and give that",
    **dict.fromkeys((".h5", ".keras", ".pb", ".tflite"), "export it to ONNX, as tf2onnx does, and give the path of that"),
    **dict.fromkeys((".pkl", ".joblib"), "read it, joblib.load(path), and give the estimator"),
}


def _instead(model: Any) -> Optional[str]:
    """What somebody may have meant by what is no model."""
    if isinstance(model, CompiledModel):
        return "it is compiled already"
    if isinstance(model, type):
        return f"make one: {model.__name__}(...)"
    if isinstance(model, Mapping):
        return "of weights alone the network is not known: module.load_state_dict(weights), and give the module"
    if hasattr(model, "read"):
        return "give the path of the file, or what it holds: file.read()"
    if _export.is_module(getattr(model, "model", None)):
        return f"give the module inside of it: {type(model).__name__}.model"
    framework = type(model).__module__.split(".")[0]
    if framework in ("keras", "tensorflow", "jax", "flax"):
        return "export it to ONNX, as tf2onnx and jax2onnx do, and give the path of that"
    if framework == "onnxruntime":
        return "give the path of the ONNX file that it was made of"
    if isinstance(model, (list, tuple)):
        return "a list of modules is one by torch.nn.Sequential(*modules)"
    if callable(model):
        return "make a module of it: a torch.nn.Module whose forward calls it"
    return None


def _first(calibration: Any) -> Any:
    """An example input from calibration data for a module with one input."""
    if is_batches(calibration, ["input"]):
        for item in calibration:
            if isinstance(item, (tuple, list)) and item:
                item = item[0]
            return item
        raise empty(calibration, "the calibration data")
    if isinstance(calibration, (str, PathLike)):
        raise _no_example()
    return calibration


def _no_example() -> UseError:
    return use_error(
        "a module is exported for inputs of some shape, and no example was given",
        help="add example_inputs, such as torch.zeros(1, 3, 32, 32)",
    )


def _note(notes: list[str]) -> None:
    for note in notes:
        log.log(logging.WARNING if note.endswith("are clamped") else logging.INFO, "%s", note)


class CompiledModel:
    """A network as integers and tables, ready to run, to prove and to be checked.

    Keys are made when they are first needed, with the default security; :meth:`setup` makes them with another.
    """

    def __init__(self, model: _tessera.Model) -> None:
        self._model = model
        self._path: Optional[Path] = None
        self._proving: Optional[_tessera.ProvingKey] = None
        self._verifying: Optional[VerifyingKey] = None
        #: About the model, as ``tessera inspect --json`` has it.
        self.metadata: dict[str, Any] = json.loads(model.metadata())

    @staticmethod
    def load(path: File, *, key: Optional[File] = None) -> CompiledModel:
        """Reads a ``.tess`` file; the keys beside it, of the same name, are used if they are of this model, or the proving key that ``key`` names."""
        path = Path(path)
        model = CompiledModel(_tessera.Model.load(path))
        model._path = path
        if key is not None:
            model._take(Path(key))
        return model

    def _take(self, key: Path) -> None:
        """Proves with this key from now on."""
        self._proving = _tessera.ProvingKey.load(key, self._model)
        self._verifying = VerifyingKey(self._proving.verifying())

    def save(self, path: File) -> None:
        """Writes a ``.tess`` file, and its keys beside it as ``.pk`` and ``.vk`` where they were made: each whole or not at all.

        A key that hides weights gets a ``.uses`` file, which counts its proofs (:meth:`status`), and has one place: never copy the two or restore them from a
        backup.
        """
        path = Path(path)
        self._model.save(path)
        if self._proving is not None and self._verifying is not None:
            self._proving.save(path.with_suffix(".pk"))
            self._verifying.save(path.with_suffix(".vk"))

    @property
    def name(self) -> str:
        """For people."""
        return str(self.metadata["name"])

    @property
    def batch(self) -> int:
        """Inferences that one proof covers."""
        return int(self.metadata["batch"])

    @property
    def inputs(self) -> list[Port]:
        """In the model's order."""
        return [_port(p) for p in self.metadata["inputs"]]

    @property
    def outputs(self) -> list[Port]:
        """In the model's order."""
        return [_port(p) for p in self.metadata["outputs"]]

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The operations of the quantized network in order: ``name``, ``op``, ``shape`` of the result, and its ``bits``.

        >>> model.layers[0]
        {'name': '/c1/Conv', 'op': 'conv', 'shape': [1, 6, 28, 28], 'bits': 32}
        """
        layers: list[dict[str, Any]] = json.loads(self._model.layers())
        return layers

    @property
    def summary(self) -> dict[str, Any]:
        """Tables of the program, and what a proof is expected to cost."""
        summary: dict[str, Any] = json.loads(self._model.summary())
        return summary

    def ir(self, level: str) -> str:
        """The IR of a level, "nn", "qnn" or "circuit", as text.

        >>> model.ir("qnn").count("qnn.conv")
        2
        """
        return self._model.ir(level)

    def setup(self, security: int = 100, regime: str = "proven", *, progress: Progress = None) -> VerifyingKey:
        """Makes the keys. The same model and options give the same keys, but for keys that hide weights, which are random.

        >>> model.setup(security=96).bits >= 96
        True
        """
        if regime not in ("proven", "conjectured"):
            raise use_error("there is no such regime", expected='"proven" or "conjectured"', found=repr(regime))
        security = count("security", security)
        with _progress(progress, f"making the keys of {self.name}") as step:
            self._proving, key = self._model.setup(security, regime == "conjectured", step)
        self._verifying = VerifyingKey(key)
        return self._verifying

    def _keys(self, progress: Progress = None) -> tuple[_tessera.ProvingKey, VerifyingKey]:
        if self._proving is None and self._path is not None:
            pk, vk = self._path.with_suffix(".pk"), self._path.with_suffix(".vk")
            if pk.exists() and vk.exists():
                proving, verifying = _tessera.ProvingKey.load(pk, self._model), VerifyingKey.load(vk)
                if not proving.same_as(verifying._key):
                    raise use_error(
                        f"{pk.name} and {vk.name} do not belong to each other",
                        where=str(pk.parent),
                        help="make both again: model.setup(), then model.save(path)",
                    )
                self._proving, self._verifying = proving, verifying
        if self._proving is None or self._verifying is None:
            self.setup(progress=progress)
        assert self._proving is not None and self._verifying is not None
        return self._proving, self._verifying

    @property
    def verifying_key(self) -> VerifyingKey:
        """What others need to check proofs."""
        return self._keys()[1]

    def status(self) -> Optional[Status]:
        """How many proofs a key that hides weights has served and serves; None where nobody has to count. See :meth:`next_epoch`."""
        found = self._keys()[0].status()
        return None if found is None else Status(*found)

    def next_epoch(self, path: File) -> CompiledModel:
        """Makes a further key of the same hidden weights in the file ``path`` (``.pk``), with its count (``.uses``) and a certificate (``.cert``)
        beside it, which take turns of both keys. Returns the model with that key; another session has it by ``load(model, key=path)``. Who
        verifies keeps the first key: ``tessera.verify(key, proof, certificates=[certificate])``.

        >>> mine = tessera.compile("fmnist_lenet.onnx", calibration=images[:16], scale=1/255, weights="committed", zero_knowledge=True, uses=4)
        >>> key = mine.setup()
        >>> mine.save("mine.tess")
        >>> further = mine.next_epoch("one.pk")
        >>> said = tessera.verify(key, further.prove(image), certificates="one.cert")
        >>> said.certified == key.digest, mine.status().used
        (True, 1)
        """
        self._keys()[0].next_epoch(Path(path))
        further = self.__copy__()
        further._take(Path(path))
        return further

    def _given(self, inputs: tuple[Any, ...]) -> list[Given]:
        names = [p.name for p in self.inputs]
        if not inputs or len(inputs) > len(names):
            raise use_error(
                f"the model has {len(names)} input{'s' * (len(names) > 1)}, and {len(inputs)} were given",
                expected=", ".join(names),
                help="give one array for each, of one or more inferences; or a mapping by name",
            )
        x = inputs[0] if len(inputs) == 1 else inputs
        shapes = [p.shape for p in self.inputs]
        if is_batches(x, names) and not (isinstance(x, (tuple, list)) and len(names) > 1):
            return joined(batches(x, names, "the input"), shapes)
        return named(x, names, "the input")

    def _opened(self, inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, _tessera.Opening]]:
        """What is given as arrays, and what by openings."""
        if len(inputs) == 1 and isinstance(inputs[0], Mapping):
            by_name = dict(inputs[0])
        elif any(isinstance(x, Opening) for x in inputs):
            if len(inputs) > len(self.inputs):
                self._given(inputs)
            by_name = dict(zip((p.name for p in self.inputs), inputs))
        else:
            return inputs, {}
        openings = {name: x._opening for name, x in by_name.items() if isinstance(x, Opening)}
        rest = {name: x for name, x in by_name.items() if name not in openings}
        return ((rest,) if rest or not openings else ()), openings

    def run(self, *inputs: Any, scale: Scale = None, level: str = "program") -> Any:
        """The model's outputs for any number of inferences, without a proof: those that :meth:`prove` proves, bit for bit.

        ``level`` is "program", or the interpreter of "circuit", "qnn" or "nn" (floats, before quantization).

        >>> model.run(image).shape
        (1, 10)
        """
        count, outputs, notes = self._model.run(self._given(inputs), scale_text(scale), level)
        _note(notes)
        example = _example(inputs)
        texts = [p["texts"] for p in self.metadata["outputs"]]
        values = [said(known, example, count, shape, reals) for known, (_, shape, _, reals) in zip(texts, outputs)]
        return values[0] if len(values) == 1 else tuple(values)

    def prove(self, *inputs: Any, scale: Scale = None, check: str = "auto", progress: Progress = None) -> Proof:
        """Runs the model on one input, or on up to ``batch`` of them, and proves the outputs.

        An :class:`Opening` in place of an input proves about what it was made of; what the proof commits to besides has new ones, in ``proof.openings``.
        ``check`` says whether the proof is verified before it is returned: "always", "never", or where that costs little or the key is large ("auto").

        >>> proof = model.prove(image)
        >>> bool((proof.output == model.run(image)).all())
        True
        """
        _check_when(check)
        key, _ = self._keys(progress)
        with _progress(progress, f"proving {self.name}") as step:
            inputs, openings = self._opened(inputs)
            arrays = self._given(inputs) if inputs else []
            proof, notes, new = self._model.prove(key, arrays, openings, scale_text(scale), check, step)
        _note(notes)
        return Proof(proof, self.verifying_key, _example(inputs), {name: Opening(o) for name, o in new})

    def generate(
        self, prompt: Any, tokens: Optional[int] = None, *, prove: bool = True, check: str = "auto", progress: Progress = None
    ) -> Generated:
        """What a language model says after a prompt, with one proof of the whole text: that each token has the greatest score after all before it.

        ``prompt`` are ids of tokens. ``tokens`` more are said, or as many as there is room for. The model is one that was compiled with
        ``tokens=True``. With ``prove=False`` there is no proof.

        >>> said = gpt.generate([52, 79, 0, 66, 69], tokens=3)
        >>> said.tokens, gpt.verify(said.proof).text == said.text
        ([0, 84, 72], True)
        """
        _check_when(check)
        ids = to_numpy(prompt, "the prompt")
        if (ids.size and ids.dtype.kind not in "iu") or ids.size != max(ids.shape, default=0):
            raise use_error(
                "the prompt is no list of tokens",
                expected="ids, such as [464, 3290], as a list, an array or a tensor of one text",
                found=f"{ids.dtype.name} of shape {list(ids.shape)}",
                help="a tokenizer makes ids of words",
            )
        if tokens is not None and tokens < 1:
            raise use_error("there is nothing to generate", expected="1 token or more", found=repr(tokens))
        prompt = [int(i) for i in ids.reshape(-1)]
        key = self._keys(progress)[0] if prove else None
        with _progress(progress, f"generating with {self.name}") as step:
            said, runs, proof = self._model.generate(key, prompt, tokens, check, step)
        return Generated(prompt, said, runs, None if proof is None else Proof(proof, self.verifying_key))

    def explain(self) -> Explanation:
        """What a proof is expected to cost, and which layer's that is. In a notebook, areas; ``str`` has a table.

        >>> costs = model.explain()
        >>> costs.prediction["proof_bytes"] > 100_000, costs.layers[0]["seconds"] >= costs.layers[1]["seconds"]
        (True, True)
        >>> costs.save("lenet.html")
        """
        said, lines, html = self._model.explain()
        return Explanation(json.loads(said), in_python("\n".join(lines)), in_python(html))

    def verify(self, proof: Union[Proof, bytes, File], **options: Unpack[Asked]) -> Verified:
        """See :func:`tessera.verify`, with this model's key."""
        return verify(self.verifying_key, proof, **options)

    def evaluate(
        self, data: Any, labels: Any = None, *, scale: Scale = None, samples: Optional[int] = None, progress: Progress = None
    ) -> Evaluation:
        """What quantizing costs: the float and the integer network on the same inputs, and their accuracy where labels are given.

        ``data`` is what calibration may be; of a loader, labels are the element after the inputs. At most ``samples`` are used.

        >>> result = model.evaluate(images[:50], labels[:50])
        >>> result.samples, result.agreement > 0.9
        (50, True)
        """
        names, shapes = [p.name for p in self.inputs], [p.shape for p in self.inputs]
        if labels is None and is_batches(data, names):
            items, found, rows = [], [], 0
            for item in data:
                items.append(named(item, names, "the input"))
                if isinstance(item, (tuple, list)) and len(item) > len(names):
                    found.append(np.atleast_1d(named(item[len(names)], ["labels"], "the labels")[0].flat))
                rows += _counted(items[-1], shapes[0])
                if samples is not None and rows >= samples:
                    break
            labels = np.concatenate(found) if found else None
            given = joined(items, shapes)
        else:
            given = joined(batches(data, names, "the input"), shapes)
        if not given:
            raise empty(data, "the data")
        if samples is not None:
            given = [_rows(g, samples) for g in given]
            labels = None if labels is None else np.asarray(labels)[:samples]
        classes = None if labels is None else named(labels, ["labels"], "the labels")[0]
        with _progress(progress, f"evaluating {self.name}", _counted(given, shapes[0])) as step:
            said, notes, both = self._model.evaluate(given, scale_text(scale), classes, step)
        _note(notes)
        report, shape = json.loads(said), self.metadata["outputs"][0]["shape"]
        return Evaluation.of(report, [shaped(report["samples"], shape, flat) for flat in both], self.outputs[0].scale)

    def __copy__(self) -> CompiledModel:
        other = CompiledModel.__new__(CompiledModel)
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: Any) -> CompiledModel:
        # nothing in it changes but keys that are made
        return self.__copy__()

    def __reduce__(self) -> Any:
        raise TypeError("a compiled model is not pickled: model.save(path) keeps it with its keys, and CompiledModel.load(path) reads it")

    def __repr__(self) -> str:
        def ports(of: list[Port]) -> str:
            return ", ".join(f"{p.name} {list(p.shape)}" for p in of)

        more = f", {self.batch} inferences a proof" if self.batch > 1 else ""
        return f"<tessera.CompiledModel {self.name}: {ports(self.inputs)} -> {ports(self.outputs)}{more}>"

    def _repr_html_(self) -> str:
        return _html.model(self)


def _check_when(check: str) -> None:
    if check not in ("auto", "always", "never"):
        raise use_error("there is no such check", expected='"auto", "always" or "never"', found=repr(check))


def _port(p: dict[str, Any]) -> Port:
    return Port(p["name"], tuple(p["shape"]), p["scale"], p["min"], p["max"])


def _counted(given: list[Given], shape: tuple[int, ...]) -> int:
    """How many inferences there are, of an input of this shape; its axes of extent 1 may be left out."""
    return max(1, given[0].flat.size // max(1, math.prod(shape)))


def _rows(g: Given, most: int) -> Given:
    flat = np.ascontiguousarray(g.flat.reshape(g.shape)[:most])
    return Given(g.name, flat.shape, g.dtype, flat.reshape(-1))


def _example(inputs: Any) -> Any:
    """The first tensor among the inputs, or None."""
    for x in inputs:
        if is_tensor(x):
            return x
        if isinstance(x, Mapping):
            x = tuple(x.values())
        if isinstance(x, (tuple, list)):
            found = _example(x)
            if found is not None:
                return found
    return None
