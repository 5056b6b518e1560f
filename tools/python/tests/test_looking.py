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
    # what only the command has is not told
    assert not any(option in text for option in ("--max-memory", "--lean") for text in (str(costs), costs.html))
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


def test_a_language_model_is_compared_by_its_perplexity():
    ids = np.load(MODELS / "gpt2_tiny_ids.npy")
    model = tessera.compile(MODELS / "gpt2_tiny.onnx", calibration=ids)
    result = model.evaluate(ids[:16])
    assert result.task == "sequence" and result.quantized_output.shape == (16, 16, 96)
    for found, scores in zip(result.perplexity, (result.float_output, result.quantized_output)):
        shares = np.exp(scores[:, :-1].astype(np.float64))
        said = np.take_along_axis(shares, ids[:16, 1:, None], axis=2)[..., 0] / shares.sum(axis=2)
        assert found == pytest.approx(np.exp(-np.log(said).mean()), rel=1e-6)
    same = result.float_output.argmax(axis=2) == result.quantized_output.argmax(axis=2)
    assert result.agreement == pytest.approx(same.mean())
    html = result._repr_html_()
    assert f"quantized {result.perplexity[1]:.4f}, of the tokens" in html and "same class, of positions" in html


def test_tokens_are_compared_one_by_one(gpt):
    ids = np.load(MODELS / "gpt2_tiny_ids.npy")[:16]
    result = gpt.evaluate(ids)
    assert result.task == "labels" and result.perplexity is None
    assert result.agreement == pytest.approx((result.float_output == result.quantized_output).mean())


def test_numbers_are_compared_as_numbers(torch):
    net, x = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).eval(), torch.randn(64, 6)
    model = tessera.compile(net, calibration=x)
    with torch.no_grad():
        right = net(x) + 0.05 * torch.randn(64, 1)
    result = model.evaluate(x, right)
    assert result.task == "numbers" and result.float_accuracy is None and min(result.r2) > 0.5
    assert result.error[1] == pytest.approx(np.abs(result.quantized_output - right.numpy()).mean(), rel=1e-3)
    html = result._repr_html_()
    assert "of the variance" in html and "within a hundredth of the range" in html and "class" not in html.replace('class="tessera"', "")


def test_every_output_is_compared_and_labels_are_shown(torch):
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = torch.nn.Linear(6, 3)

        def forward(self, x):
            y = self.dense(x)
            return {"scores": y, "boxes": torch.relu(y)}

    x = torch.randn(32, 6)
    model = tessera.compile(Two().eval(), calibration=x, labels=["<cat>", "dog", "cow"])
    result = model.evaluate(x)
    assert [name for name, _, _ in result.outputs] == ["scores", "boxes"] and min(cosine for _, cosine, _ in result.outputs) > 0.99
    assert "output boxes" in result._repr_html_() and "scores moved by" in result._repr_html_()
    x = x[(model.run(x)[0].argmax(dim=1) == 0)][:1]
    assert "&lt;cat&gt;" in model.prove(x)._repr_html_()


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
