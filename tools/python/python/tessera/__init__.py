"""Tessera: proofs that a neural network computed what it says.

>>> import numpy as np, tessera
>>> data = np.load("fmnist_lenet_test1000.npz")
>>> model = tessera.compile("fmnist_lenet.onnx", calibration=data["images_u8"][:100], scale=1/255)
>>> proof = model.prove(data["images_u8"][0])
>>> proof.output.shape
(1, 10)
>>> bool(tessera.verify(model.verifying_key, proof))
True

A model may be a ``torch.nn.Module`` with example inputs, the path of an ONNX file, or a scikit-learn estimator. Arrays may be NumPy's or
torch's, on the CPU; outputs come back as inputs came. What happens on the way is logged by the logger ``tessera``.
"""

import atexit as _atexit
import logging as _logging

from . import _interrupt, _tessera
from ._errors import MachineFailure, ProofRejected, TesseraError, UseError
from ._model import Check, CompiledModel, Port, Refused, Status, check, compile
from ._proof import Opening, Proof, Text, Verified, VerifyingKey, commit, verify
from ._results import Evaluation, Explanation, Generated
from . import ir

__version__: str = _tessera.__version__
__all__ = [
    "Check",
    "CompiledModel",
    "Evaluation",
    "Explanation",
    "Generated",
    "MachineFailure",
    "Opening",
    "Port",
    "Proof",
    "ProofRejected",
    "Refused",
    "Status",
    "TesseraError",
    "Text",
    "UseError",
    "Verified",
    "VerifyingKey",
    "check",
    "commit",
    "compile",
    "ir",
    "verify",
]

_logging.getLogger("tessera").addHandler(_logging.NullHandler())
_atexit.register(_interrupt.end)
