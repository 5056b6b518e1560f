"""Verifying keys, proofs, and whether a proof holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

import numpy as np

from . import _html, _tessera
from ._data import Scale, like, named, scale_text, to_numpy
from ._errors import use_error

File = Union[str, "PathLike[str]"]

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class Asked(TypedDict, total=False):
        """What is asked of :func:`verify` besides."""

        input: Any
        scale: Scale
        min_security: int
        regime: str
        key_digest: Optional[str]
        roots: Optional[Mapping[str, Union[str, Opening]]]
        after: Union[None, Proof, Sequence[Proof]]
        certificates: Union[None, File, Sequence[File]]


def shaped(count: int, shape: list[int], flat: np.ndarray) -> np.ndarray:
    """The values of some inferences, with one first axis for all of them."""
    rest = shape[1:] if shape[:1] == [1] else shape
    return flat.reshape(count, *rest)


def said(texts: list[str], example: Any, count: int, shape: list[int], reals: np.ndarray) -> Any:
    """The values of some inferences as an array, or as a tensor where the example is one; of an output that is texts, the texts, "?" for one
    that the model does not know."""
    if not texts:
        return like(example, shaped(count, shape, reals.astype(np.float32)))
    places = reals.round().astype(int)
    return shaped(count, shape, np.array([texts[i] if 0 <= i < len(texts) else "?" for i in places]))


class VerifyingKey:
    """What proofs of one model are checked with: small, public, and all that a verifier needs.

    >>> key = tessera.VerifyingKey.load("lenet.vk")
    >>> key.name, round(key.bits) >= 100
    ('fmnist_lenet', True)
    """

    def __init__(self, key: _tessera.VerifyingKey) -> None:
        self._key = key
        self._about: dict[str, Any] = json.loads(key.about())

    @staticmethod
    def load(path: File) -> VerifyingKey:
        """Reads a ``.vk`` file, such as ``tessera setup`` writes."""
        return VerifyingKey(_tessera.VerifyingKey.load(Path(path)))

    @staticmethod
    def from_bytes(data: bytes) -> VerifyingKey:
        """Reads the bytes of a ``.vk`` file."""
        return VerifyingKey(_tessera.VerifyingKey.from_bytes(data))

    def to_bytes(self) -> bytes:
        """The bytes of its file."""
        return self._key.to_bytes()

    def save(self, path: File) -> None:
        """Writes a ``.vk`` file, whole or not at all."""
        self._key.save(Path(path))

    @property
    def digest(self) -> str:
        """By which it is known; ``verify(..., key_digest=...)`` takes one key and no other."""
        return str(self._about["digest"])

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self._about["model"]["name"])

    @property
    def bits(self) -> float:
        """Bits of security of its proofs."""
        return float(self._about["security"]["bits"])

    @property
    def regime(self) -> str:
        """What the bits are counted in: "proven" bounds, or "conjectured" ones."""
        return str(self._about["security"]["regime"])

    @property
    def weights(self) -> Optional[str]:
        """The commitment to the weights, where they are their owner's."""
        weights: Optional[str] = self._about["weights"]
        return weights

    def audit(self, model: File) -> None:
        """Raises ProofRejected unless this is the key that ``setup`` makes of this ``.tess`` file, or of this published architecture."""
        self._key.audit(Path(model))

    def verify(self, proof: Union[Proof, bytes, File], **options: Unpack[Asked]) -> Verified:
        """See :func:`verify`."""
        return verify(self, proof, **options)

    def __reduce__(self) -> Any:
        return (VerifyingKey.from_bytes, (self.to_bytes(),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<tessera.VerifyingKey of {self.name}, {self.bits:.1f} bits ({self.regime}), {self.digest[:16]}…>"

    def _repr_html_(self) -> str:
        return _html.key(self._about)


class Proof:
    """Outputs of a model with a proof that it computed them. Reading a proof is not verifying it: ask :func:`verify`.

    >>> proof = model.prove(image)
    >>> proof.save("boot.proof")
    >>> again = tessera.Proof.load("boot.proof", model.verifying_key)
    >>> bool((again.output == proof.output).all())
    True
    """

    def __init__(
        self, proof: _tessera.Proof, key: VerifyingKey, example: Any = None, openings: Optional[dict[str, Opening]] = None
    ) -> None:
        #: What it commits to with new salts, by name: for whoever may know it, such as who proves with it next. No part of the proof or its file.
        self.openings: dict[str, Opening] = openings or {}
        self._proof = proof
        self._key = key
        self._example = example
        self._metadata: dict[str, Any] = json.loads(proof.metadata())

    @staticmethod
    def load(path: File, key: Union[VerifyingKey, File]) -> Proof:
        """Reads a ``.proof`` file for a key, which names the shapes and scales of the outputs."""
        key = _key(key)
        return Proof(_tessera.Proof.load(Path(path), key._key), key)

    @staticmethod
    def from_bytes(data: bytes, key: Union[VerifyingKey, File]) -> Proof:
        """Reads the bytes of a ``.proof`` file for a key."""
        key = _key(key)
        return Proof(_tessera.Proof.from_bytes(data, key._key), key)

    def to_bytes(self) -> bytes:
        """The bytes of its file."""
        return self._proof.to_bytes()

    def save(self, path: File) -> None:
        """Writes a ``.proof`` file, whole or not at all."""
        self._proof.save(Path(path))

    @property
    def outputs(self) -> dict[str, Any]:
        """Every output by name, as real numbers: the proven integers times the key's scales; or as texts, where it is texts."""
        texts = {p["name"]: p["texts"] for p in self._metadata["outputs"]}
        return {name: said(texts[name], self._example, len(self), shape, reals) for name, shape, _, reals in self._proof.outputs()}

    @property
    def output(self) -> Any:
        """The output, or a tuple of all outputs: an array, or a tensor where the input was one."""
        values = tuple(self.outputs.values())
        return values[0] if len(values) == 1 else values

    @property
    def integers(self) -> dict[str, np.ndarray]:
        """Every output by name, as the integers that are proven."""
        return {name: shaped(len(self), shape, integers) for name, shape, integers, _ in self._proof.outputs()}

    @property
    def inputs(self) -> dict[str, Optional[np.ndarray]]:
        """Every input by name, as real numbers after quantization, or as texts; None for one that the proof hides."""
        texts = {p["name"]: p["texts"] for p in self._metadata["inputs"]}
        return {
            name: said(texts[name], None, len(self), shape, reals) if len(reals) else None
            for name, shape, _, reals in self._proof.inputs()
        }

    @property
    def labels(self) -> list[str]:
        """The name of the greatest score of each inference, or its number where the model has no names; of a first output that is labels, those."""
        first = to_numpy(next(iter(self.outputs.values())), "the output").reshape(len(self), -1)
        if first.dtype.kind == "U":
            return [str(text) for text in first[:, 0]]
        names, scores = self._metadata["labels"], next(iter(self.integers.values())).reshape(len(self), -1)
        best = [int(i) for i in (first[:, 0].round() if first.shape[1] == 1 else scores.argmax(axis=1))]
        return [names[i] if 0 <= i < len(names) else str(i) for i in best]

    @property
    def text(self) -> Optional[Text]:
        """The text that it claims, of a language model; None where it claims none. Whether its values say it, :func:`verify` knows."""
        claim = self._proof.claim()
        if claim is None or len(self._proof.inputs()) != 1:
            return None
        prompt, generated = claim
        ids, said = (tensors()[0][2].tolist() for tensors in (self._proof.inputs, self._proof.outputs))
        first = len(ids) - len(said)
        return Text(ids[:prompt], said[max(0, prompt - 1 - first) :][:generated])

    def __len__(self) -> int:
        """Inferences that it is about."""
        return self._proof.used()

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(a.shape)}" for name, a in self.integers.items())
        return f"<tessera.Proof of {self._metadata['name']}: {shapes}, {len(self.to_bytes())} bytes; not verified by being here>"

    def _repr_html_(self) -> str:
        return _html.proof(self)


class Opening:
    """An input or output that a proof commits to: its integers and the salt that they were hashed with. It is for the prover, and for nobody who may
    not know them; its :attr:`root` tells nothing, and can be published.
    """

    def __init__(self, opening: _tessera.Opening) -> None:
        self._opening = opening

    @staticmethod
    def load(path: File) -> Opening:
        """Reads an ``.opening`` file."""
        return Opening(_tessera.Opening.load(Path(path)))

    def save(self, path: File) -> None:
        """Writes an ``.opening`` file, whole or not at all."""
        self._opening.save(Path(path))

    @property
    def root(self) -> str:
        """By which others know it."""
        return self._opening.root()

    def __repr__(self) -> str:
        shape, count = self._opening.shape()
        return f"<tessera.Opening {list(shape)}, {count} inference{'s' * (count > 1)}, root {self.root[:16]}…>"


def commit(key: Union[VerifyingKey, File], input: Any, *, name: Optional[str] = None, scale: Scale = None) -> Opening:
    """Commits to an input of a model that was compiled with ``visibility={name: "committed"}``. Needs its verifying key alone, which says what integers
    the model reads. Each opening has a salt of its own: no two roots can be told to be of one input.

    >>> model = tessera.compile("fmnist_lenet.onnx", calibration=images[:16], scale=1/255, visibility={"x": "committed"})
    >>> opening = tessera.commit(model.verifying_key, image)
    >>> proof = model.prove(opening)
    >>> said = tessera.verify(model.verifying_key, proof, roots={"x": opening.root})
    >>> said.committed["x"] == opening.root, proof.inputs
    (True, {'x': None})
    """
    key = _key(key)
    wanted = [name] if name is not None else [p["name"] for p in key._about["model"]["inputs"]]
    return Opening(key._key.commit(name, named(input, wanted[:1], "the input"), scale_text(scale)))


class Text(NamedTuple):
    """Tokens of a language model."""

    #: What was given.
    prompt: list[int]
    #: What the model said after it, each token the one of the greatest score after all before it.
    generated: list[int]


@dataclass(frozen=True)
class Verified:
    """What a proof that holds says. True, always: a proof that does not hold is an exception. ``str`` has it for people."""

    #: Bits of security, in the regime that the key was made for.
    bits: float
    #: "proven" or "conjectured".
    regime: str
    #: Bits that rest on no conjecture.
    proven_bits: float
    #: The source of error that limits the bits.
    limited_by: str
    #: Digest of the verifying key.
    key: str
    #: Digest of the program.
    program: str
    #: Commitment to the weights, where they are their owner's.
    weights: Optional[str]
    #: Bits by which the proof hides its inputs, where it does.
    hiding: Optional[float]
    #: The text that is proven, where the proof is of one.
    text: Optional[Text] = None
    #: Roots of the inputs and outputs that are committed to, by name.
    committed: dict[str, str] = field(default_factory=dict)
    #: Inputs that are outputs of other proofs: the output and the model of each, by the input's name.
    linked: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Digest of the key from which certificates lead to the proof's, where they do.
    certified: Optional[str] = None
    _text: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return _html.verified(self)


def verify(
    key: Union[VerifyingKey, File],
    proof: Union[Proof, bytes, File],
    *,
    input: Any = None,
    scale: Scale = None,
    min_security: int = 96,
    regime: str = "proven",
    key_digest: Optional[str] = None,
    roots: Optional[Mapping[str, Union[str, Opening]]] = None,
    after: Union[None, Proof, Sequence[Proof]] = None,
    certificates: Union[None, File, Sequence[File]] = None,
) -> Verified:
    """Whether a proof holds: returns what it says, and raises :class:`ProofRejected` if it does not.

    ``input`` asks for more, that the proof is about this input. ``key_digest`` takes the key of this digest and no other, and
    ``min_security`` refuses keys whose proofs are worth fewer bits: fewer that are proven, or with ``regime="conjectured"`` those of the
    conjecture, too, that a key was made for. ``roots`` asks that inputs or outputs are committed to as these, by name, and
    ``after`` that an input is an output of each of these proofs, which are verified as well, with the keys that they were read for.
    ``certificates`` are the paths of those that lead from the key to a further one of the same weights, which the proof is of
    (:meth:`CompiledModel.next_epoch`).

    >>> tessera.verify("lenet.vk", "boot.proof").regime
    'proven'
    """
    key = _key(key)
    paths = [certificates] if isinstance(certificates, (str, PathLike)) else list(certificates or [])
    for path in paths:
        key = VerifyingKey(key._key.next(Path(path), (min_security, regime), key_digest))
        # a digest pins the key that they lead from
        key_digest = None
    before = [after] if isinstance(after, Proof) else list(after or [])
    if not all(isinstance(first, Proof) for first in before):
        raise use_error("these are no proofs to come after", expected="a tessera.Proof, such as Proof.load(path, key)")
    if isinstance(proof, Proof):
        data = proof.to_bytes()
    elif isinstance(proof, bytes):
        data = proof
    elif isinstance(proof, (str, PathLike)):
        data = Proof.load(proof, key).to_bytes()
    else:
        raise use_error("this is no proof", expected="a tessera.Proof, its bytes or its path", found=type(proof).__name__)
    names = [p["name"] for p in key._about["model"]["inputs"]]
    about = None if input is None else (named(input, names, "the input"), scale_text(scale))
    known = {name: root.root if isinstance(root, Opening) else root for name, root in (roots or {}).items()}
    pairs = [(first._key._key, first.to_bytes()) for first in before]
    report, lines = key._key.verify(data, (min_security, regime), key_digest, about, known, pairs)
    said = json.loads(report)
    v, text = said["security"], said.get("text")
    return Verified(
        bits=v["security_bits"],
        regime=v["regime"],
        proven_bits=v["proven_bits"],
        limited_by=v["limited_by"],
        key=said["key"],
        program=said["program"],
        weights=said.get("weights"),
        hiding=said.get("hiding"),
        text=None if text is None else Text(text["prompt"], text["generated"]),
        committed={c["name"]: c["root"] for c in said.get("committed", [])},
        linked={link["input"]: (link["output"], link["model"]) for link in said.get("links", [])},
        certified=said["certified"][0] if "certified" in said else None,
        _text=lines,
    )


def _key(key: Any) -> VerifyingKey:
    if isinstance(key, VerifyingKey):
        return key
    if isinstance(key, (str, PathLike)):
        return VerifyingKey.load(key)
    raise use_error("this is no verifying key", expected="a tessera.VerifyingKey or its path", found=type(key).__name__)
