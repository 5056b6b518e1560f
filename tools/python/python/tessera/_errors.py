"""The exceptions of Tessera. Each carries every problem that was found, with what to do about it."""

from __future__ import annotations

import json
from typing import Any, Optional


class TesseraError(Exception):
    """Something is wrong; ``str(e)`` says all of it.

    ``problems`` is a list of dictionaries with ``message`` and, where they exist, ``expected``, ``found``, ``where``,
    ``notes`` and ``help``.
    """

    def __init__(self, text: str, problems: Optional[list[dict[str, Any]]] = None) -> None:
        super().__init__(text)
        self.problems = problems if problems is not None else [{"message": text}]


class UseError(TesseraError):
    """A model, data, an option or a file that cannot be used as it is."""


class ProofRejected(TesseraError):
    """A proof, or a key, that does not hold."""


class MachineFailure(TesseraError):
    """The machine, or Tessera itself, failed: nothing is known about the result."""


def of(code: int, text: str, problems: str) -> TesseraError:
    """The exception for an exit code of the command, as the compiled half calls it."""
    kind = {1: ProofRejected, 2: UseError}.get(code, MachineFailure)
    return kind(text, json.loads(problems))


def use_error(
    message: str,
    *,
    expected: Optional[str] = None,
    found: Optional[str] = None,
    where: Optional[str] = None,
    help: Optional[str] = None,
) -> UseError:
    """A wrong use that is noticed before any work, in the form of all other problems."""
    rows = {"expected": expected, "found": found, "where": where, "help": help}
    problem: dict[str, Any] = {"message": message, **{k: v for k, v in rows.items() if v is not None}}
    text = "error: " + message
    for name, value in problem.items():
        if name != "message":
            text += f"\n  {name:<9}" + value.replace("\n", "\n           ")
    return UseError(text, [problem])
