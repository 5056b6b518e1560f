"""The exceptions of Tessera. Each carries every problem that was found, with what to do about it."""

from __future__ import annotations

import json
import re
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


#: What the command calls one way and Python another.
_SPELLINGS = [
    (r"prove one of them with --index N, or compile again with --batch (\d+)", r"prove some of them, or compile again with batch=\1"),
    (r"with --scale or scale=:", r"with scale=:"),
    (r"with: tessera setup --security (\d+)", r"with: model.setup(security=\1)"),
    (r"with --min-security", r"with min_security="),
    (r"with --regime conjectured", r'with regime="conjectured"'),
    (r"with: tessera setup(?: MODEL\.tess)?", r"with: model.setup()"),
    (r"with: tessera compile MODEL\.onnx --tokens", r"with: tessera.compile(..., tokens=True)"),
    (r"with: tessera compile MODEL\.onnx", r"with: tessera.compile(...).save(path)"),
    (r"--shortest-prompt of compile", r"shortest_prompt= of compile"),
    (r"--dim NAME=VALUE", r'dims={"NAME": VALUE}'),
    (r"--shape INPUT=1,3,32,32", r'shapes={"INPUT": [1, 3, 32, 32]}'),
    (r"leave out --calibration", r"leave out calibration="),
    (r"compile with --weights committed --zero-knowledge, and set up without --optimize", r'compile with weights="committed", zero_knowledge=True'),
    (r"compile with more --uses", r"compile with more uses="),
    (r"rename the array, or choose one: .*:NAME", r"give a mapping with that name, or one array for each input"),
    (r"expected a \.npz file with arrays named", r"expected arrays named"),
    (r"^a \.npz file with arrays named", r"arrays named"),
    (r"numpy\.savez\(path, name=array, …\) with the inputs' names", r"give one array for each input, or a mapping by name"),
    (r"compile it with: tessera compile --visibility NAME=committed", r'compile it with visibility={"NAME": "committed"}'),
    (r"make it with: tessera commit --key MODEL\.vk --input DATA -o FILE", r"make it with: tessera.commit(model.verifying_key, data)"),
    (r"say which one, with --name", r"say which one, with name="),
    (r"verify with --root, and the root", r"verify with roots=, and the root"),
    (r"run the command again, on files that nobody writes to", r"load it again: tessera.CompiledModel.load(path)"),
    (r" \([^()]* with setup --(compact|lean)\)", ""),
    (r"make compact keys, with setup --compact; or ", ""),
    (r"verify without --input", r"verify without input="),
]


def in_python(text: str) -> str:
    """What the command says to do, as one does it in Python.

    >>> in_python("say --dim NAME=VALUE for a dimension")
    'say dims={"NAME": VALUE} for a dimension'
    """
    for command, python in _SPELLINGS:
        text = re.sub(command, python, text)
    return text


def of(code: int, text: str, problems: str) -> TesseraError:
    """The exception for an exit code of the command, as the compiled half calls it."""
    kind = {1: ProofRejected, 2: UseError}.get(code, MachineFailure)
    found = [{k: in_python(v) if isinstance(v, str) else v for k, v in problem.items()} for problem in json.loads(problems)]
    return kind(in_python(text), found)


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
