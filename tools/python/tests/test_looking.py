"""What is told of a model before it is compiled, of its costs, and of what quantizing does."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import tessera
from conftest import MODELS


def test_a_model_is_checked_without_data(lenet):
    found = tessera.check(MODELS / "fmnist_lenet.onnx")
    assert found and found.refused == [] and "can be proven" in str(found)
    assert found.expected["proof_bytes"] == pytest.approx(lenet.summary["prediction"]["proof_bytes"], rel=0.2)
    assert found.expected["inputs"][0]["shape"] == [1, 1, 28, 28]


def test_what_stands_in_the_way_is_listed(torch):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.nonzero(torch.relu(x)).float()

    found = tessera.check(Odd().eval(), torch.rand(1, 8))
    assert not found and found.expected is None and found.operators["NonZero"] == 1
    assert [r.operator for r in found.refused] == ["NonZero"] and found.refused[0].nodes
    assert "cannot be proven" in str(found) and "NonZero" in found._repr_html_()
    with pytest.raises(tessera.UseError, match="add example_inputs"):
        tessera.check(Odd())


def test_costs_are_told_by_layer(lenet, tmp_path):
    costs = lenet.explain()
    assert sum(layer["seconds"] for layer in costs.layers) == pytest.approx(costs.prediction["prove_cpu_s"])
    assert "/c1/Conv" in str(costs) and "share" in str(costs)
    costs.save(tmp_path / "costs.html")
    page = (tmp_path / "costs.html").read_text()
    assert page == costs.html and page.startswith("<!doctype html>") and "<svg" in page
    # in a notebook the page is one attribute of a frame
    seen = []

    class Frames(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append((tag, dict(attrs)))

    Frames().feed(costs._repr_html_())
    assert [tag for tag, _ in seen] == ["iframe"] and seen[0][1]["srcdoc"] == page


def test_a_model_shows_its_layers(lenet):
    layers = lenet.layers
    assert [layer["bits"] for layer in layers if layer["op"] == "requantize"] == [8, 8, 8, 8, 16]
    html = lenet._repr_html_()
    assert all(layer["name"] in html for layer in layers) and "16×10×10" in html
    assert len(re.findall("display:inline-block", html)) == len([c for c in lenet.explain().layers])


def test_outputs_of_both_networks_are_compared(lenet, images, labels):
    result = lenet.evaluate(images[:40], labels[:40])
    assert np.allclose(result.quantized_output, lenet.run(images[:40])) and result.errors.shape == (40, 10)
    assert np.allclose(result.float_output, lenet.run(images[:40], level="nn"))
    html = result._repr_html_()
    shown = sum(int(n.replace(",", "")) for n in re.findall(r": ([\d,]+)</title>", html))
    assert shown == 400 and "<script" not in html


def test_plots_ask_for_matplotlib(lenet, images, monkeypatch):
    import sys

    result = lenet.evaluate(images[:4])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(tessera.UseError, match="pip install matplotlib"):
        result.plot()


def test_plots_are_drawn_on_axes(lenet, images):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    result = lenet.evaluate(images[:4])
    left, right = result.plot()
    assert len(right.patches) == len(result.layers) and left.get_xlabel().startswith("output")
