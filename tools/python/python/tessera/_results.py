"""What models say of themselves: texts, costs, and what quantizing does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import numpy as np

from . import _html
from ._errors import use_error
from ._html import histogram
from ._proof import File, Proof, Text


@dataclass(frozen=True)
class Generated:
    """A text that a language model said."""

    prompt: list[int]
    #: Those after the prompt.
    tokens: list[int]
    #: Runs of the model until nothing changed.
    runs: int
    #: Of the whole text; None where none was asked for.
    proof: Optional[Proof]

    @property
    def text(self) -> Text:
        """Prompt and tokens, as :attr:`Verified.text` has them."""
        return Text(self.prompt, self.tokens)


class Explanation:
    """What a proof is expected to cost, layer by layer."""

    def __init__(self, report: dict[str, Any], text: str, html: str) -> None:
        #: Of the whole: ``prove_cpu_s``, ``proof_bytes``, ``proving_key_bytes``, ``memory_bytes`` and more.
        self.prediction: dict[str, Any] = report["prediction"]
        #: Those that take longest first: ``layer``, ``rows``, ``cells``, ``lookups``, ``seconds``, ``key_bytes``, ``proof_bytes``, ``memory_bytes``.
        self.layers: list[dict[str, Any]] = report["layers"]
        #: The same by layer and table.
        self.parts: list[dict[str, Any]] = report["parts"]
        #: As a table.
        self.text = text
        #: A page of its own, with layers as areas.
        self.html = html

    def save(self, path: File) -> None:
        """Writes the page."""
        Path(path).write_text(self.html, encoding="utf-8")

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return _html.page(self.html)


@dataclass(frozen=True)
class Evaluation:
    """The float network beside the quantized one."""

    #: Inferences looked at.
    samples: int
    #: What the first output is: "classes" and "sequence" are scores, of one class or of one at each position, "labels" and "numbers" are what they are.
    task: str
    #: Share of right classes, where labels were given.
    float_accuracy: Optional[float]
    #: The same of the quantized network, which is what is proven.
    quantized_accuracy: Optional[float]
    #: Share of the variance of the numbers that were given as labels which the float and the quantized network explain.
    r2: Optional[tuple[float, float]]
    #: Mean absolute error of those numbers, of both.
    error: Optional[tuple[float, float]]
    #: Of a language model, both networks' perplexity of the tokens of the inputs, each after those before it.
    perplexity: Optional[tuple[float, float]]
    #: Share of inferences in which both have the same class or label, of positions in a sequence; of numbers, of those within a hundredth of
    #: the range of the float network's.
    agreement: float
    #: Cosine of the outputs of both: mean and least.
    cosine: tuple[float, float]
    #: (name, cosine, signal-to-noise ratio in dB) of every output.
    outputs: list[tuple[str, float, float]]
    #: (name, operation, signal-to-noise ratio in dB) of every layer.
    layers: list[tuple[str, str, float]]
    #: The first output of every inference, of the float network.
    float_output: np.ndarray = field(compare=False, repr=False)
    #: The same of the quantized network.
    quantized_output: np.ndarray = field(compare=False, repr=False)
    #: A step of the quantized output.
    step: float = field(repr=False)

    @staticmethod
    def of(report: dict[str, Any], outputs: list[np.ndarray], step: float) -> Evaluation:
        """From the command's report and the outputs of both networks."""

        def both(what: str) -> Optional[tuple[float, float]]:
            pair = report["float"][what], report["quantized"][what]
            return None if None in pair else pair

        return Evaluation(
            report["samples"],
            report["task"],
            report["float"]["accuracy"],
            report["quantized"]["accuracy"],
            both("r2"),
            both("error"),
            both("perplexity"),
            report["agreement"],
            (report["cosine"]["mean"], report["cosine"]["min"]),
            [(o["name"], o["cosine"], o["snr_db"]) for o in report["outputs"]],
            [(layer["name"], layer["op"], layer["snr_db"]) for layer in report["layers"]],
            outputs[0],
            outputs[1],
            step,
        )

    @property
    def worst_layer(self) -> Optional[tuple[str, str, float]]:
        """The layer with the most noise."""
        known = [layer for layer in self.layers if layer[2] is not None]
        return min(known, key=lambda layer: layer[2], default=None)

    @property
    def errors(self) -> np.ndarray:
        """How far every number of the output moved by quantizing."""
        moved: np.ndarray = self.quantized_output.astype(np.float64) - self.float_output
        return moved

    def plot(self, axes: Any = None) -> Any:
        """Draws with matplotlib, on two axes if they are given: how far outputs moved, and the noise of every layer. Returns the axes."""
        if axes is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError:
                raise use_error("plots are drawn by matplotlib, which is not installed", help="install it: pip install matplotlib") from None
            _, axes = plt.subplots(1, 2, figsize=(11, max(3.0, 0.22 * len(self.layers))), layout="constrained")
        left, right = axes
        counts, edges = histogram(self.errors)
        left.stairs(counts, edges, fill=True)
        left.set(xlabel=f"output, quantized - float (a step is {self.step:.3g})", ylabel="numbers of the output")
        names = [name for name, _, _ in self.layers]
        right.barh(range(len(names)), [snr or 0 for _, _, snr in self.layers])
        right.set_yticks(range(len(names)), names, fontsize="small")
        right.invert_yaxis()
        right.set(xlabel="signal to noise, dB")
        return axes

    def _repr_html_(self) -> str:
        return _html.evaluation(self)
