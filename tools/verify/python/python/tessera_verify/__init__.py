"""The verifier of Tessera alone: whether a proof that a neural network computed something holds, and what it says.

>>> import tessera_verify
>>> said = tessera_verify.verify("lenet.vk", "boot.proof")
>>> said.model, said.regime, len(said.outputs["y"][0])
('fmnist_lenet', 'proven', 10)

It needs a verifying key and a proof, and neither the model nor the package ``tessera``, which makes proofs. The command ``tessera-verify`` comes with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Optional, Union

from . import _tessera_verify

__version__: str = _tessera_verify.__version__
__all__ = ["MachineFailure", "ProofRejected", "TesseraError", "UseError", "Verified", "verify"]

#: A file's path, or the bytes that it holds.
Source = Union[bytes, str, "PathLike[str]"]


class TesseraError(Exception):
    """Nothing was verified; ``str(e)`` says all of it.

    ``problems`` is a list of dictionaries with ``message`` and, where they exist, ``expected``, ``found``, ``where``, ``notes`` and ``help``.
    """

    def __init__(self, text: str, problems: list[dict[str, Any]]) -> None:
        super().__init__(text)
        self.problems = problems


class ProofRejected(TesseraError):
    """A proof, a key or a certificate that does not hold."""


class UseError(TesseraError):
    """A file or an option that cannot be used as it is."""


class MachineFailure(TesseraError):
    """The machine, or the verifier itself, failed: nothing is known about the proof."""


@dataclass(frozen=True)
class Verified:
    """What a proof that holds says. True, always: a proof that does not hold is an exception. ``str`` has it for people."""

    #: All of it, as ``tessera-verify --json`` has it.
    report: dict[str, Any]
    _text: str = field(repr=False)

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return self._text

    @property
    def model(self) -> str:
        """The model's name, which its owner chose."""
        return str(self.report["model"])

    @property
    def key(self) -> str:
        """Digest of the verifying key."""
        return str(self.report["key"])

    @property
    def bits(self) -> float:
        """Bits of security."""
        return float(self.report["security"]["security_bits"])

    @property
    def regime(self) -> str:
        """What the bits are counted in: "proven" bounds, or "conjectured" ones."""
        return str(self.report["security"]["regime"])

    @property
    def proven_bits(self) -> float:
        """Bits that rest on no conjecture."""
        return float(self.report["security"]["proven_bits"])

    @property
    def outputs(self) -> dict[str, list[list[Any]]]:
        """Of every output by name, the numbers or the texts of each inference, in row-major order; none of one that is committed to."""
        return {o["name"]: o.get("texts") or o["values"] for o in self.report["outputs"]}


def verify(
    key: Source,
    proof: Source,
    *,
    min_security: int = 96,
    regime: str = "proven",
    key_digest: Optional[str] = None,
    roots: Optional[Mapping[str, str]] = None,
    after: Sequence[tuple[Source, Source]] = (),
    certificates: Sequence[Source] = (),
) -> Verified:
    """Whether a proof holds: returns what it says, and raises :class:`ProofRejected` if it does not.

    ``key_digest`` takes the key of this digest and no other, and ``min_security`` refuses keys whose proofs are worth fewer bits: fewer
    that are proven, or with ``regime="conjectured"`` those of the conjecture, too, that a key was made for. ``roots`` asks that inputs or outputs are committed to as these, by name; ``after`` are keys and proofs of which an output is an input of this one; ``certificates`` lead
    from the key to a further one of the same weights, which the proof is of.

    >>> tessera_verify.verify("lenet.vk", "boot.proof", key_digest="00")
    Traceback (most recent call last):
    ...
    tessera_verify.UseError: error: this is no digest: expected a whole digest, of 64 hexadecimal digits
    """
    if not 0 <= min_security < 1 << 32:
        raise ValueError(f"min_security is a number of bits, not {min_security}")
    code, said, text = _tessera_verify.verify(
        (key, proof), (min_security, regime), key_digest, list((roots or {}).items()), list(after), list(certificates)
    )
    if code == 0:
        return Verified(json.loads(said), text)
    raise {1: ProofRejected, 2: UseError}.get(code, MachineFailure)(text, json.loads(said)["error"]["problems"])


def main() -> int:
    """The command ``tessera-verify``."""
    out, err, code = _tessera_verify.run(sys.argv[1:])
    sys.stderr.write(err)
    sys.stdout.write(out)
    sys.stdout.flush()
    return code
