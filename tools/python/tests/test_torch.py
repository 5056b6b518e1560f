"""Modules of PyTorch: exported as they are, with the names of their layers, and left as they were."""

import collections
import importlib.util
import inspect
import sys

import numpy as np
import pytest
import tessera
from conftest import MODELS


def test_a_module_is_proven_in_tensors(torch, small):
    net, data = small
    model = tessera.compile(net, data[:1], calibration=data)
    proof = model.prove(data[:1])
    assert isinstance(proof.output, torch.Tensor) and model.verify(proof)
    assert torch.equal(model.run(data[:4])[:1], proof.output)
    with torch.no_grad():
        assert (model.run(data, level="nn") - net(data)).abs().max() < 1e-4
    assert model.inputs[0].name == "image" and model.name == "Small"


def test_layers_keep_their_names(small):
    net, data = small
    model = tessera.compile(net, calibration=data)
    names = [name for name, _, _ in model.evaluate(data).layers]
    assert any("features.2" in name for name in names) and any("head" in name for name in names), names


def test_a_data_loader_calibrates_and_evaluates(torch, small):
    net, data = small
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data, torch.zeros(32, dtype=torch.long)), batch_size=8)
    model = tessera.compile(net, calibration=loader)
    assert model.metadata["calibration"]["samples"] == 32
    assert model.evaluate(loader).samples == 32


def test_a_module_in_training_mode_is_compiled_as_in_evaluation_and_comes_back_as_it_was(torch, small, caplog):
    net, data = small
    mixed = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(8, 4), torch.nn.Dropout(0.5))
    mixed[2].eval()
    with caplog.at_level("WARNING", logger="tessera"):
        model = tessera.compile(mixed, calibration=data[:, 0, 0])
    assert "in training mode and is compiled as in evaluation" in caplog.text
    assert [m.training for m in mixed.modules()] == [True, True, True, False]
    assert torch.equal(model.run(data[:2, 0, 0]), model.run(data[:2, 0, 0]))


def test_two_inputs_and_two_outputs(torch):
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.Linear(4, 3), torch.nn.Linear(6, 3)

        def forward(self, left, right):
            s = self.a(left) + self.b(right)
            return s, torch.relu(s)

    left, right = torch.rand(16, 4), torch.rand(16, 6)
    model = tessera.compile(Two().eval(), (left, right), calibration=(left, right))
    assert [p.name for p in model.inputs] == ["left", "right"]
    proof = model.prove(left[:1], right[:1])
    s, r = proof.output
    assert model.verify(proof) and s.shape == r.shape == (1, 3) and (r >= 0).all()
    by_name = model.run({"right": right[:1], "left": left[:1]})
    assert torch.equal(by_name[0], s)


def test_inputs_by_keyword_and_outputs_by_name(torch):
    """As models of Hugging Face are called: keywords with defaults between, a mapping of results, some of them None."""

    class Output(collections.OrderedDict):
        pass

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.Embedding(50, 16)
            self.dense = torch.nn.Linear(16, 16)
            self.classifier = torch.nn.Linear(16, 3)

        def forward(self, input_ids=None, inputs_embeds=None, attention_mask=None, labels=None, return_dict=True):
            x = torch.tanh(self.dense(self.words(input_ids)))
            share = attention_mask.to(x.dtype)[..., None]
            pooled = (x * share).sum(1) / 8
            return Output(loss=None, logits=self.classifier(pooled), pooled=pooled)

    net = Encoder().eval()
    data = {"attention_mask": torch.ones(8, 8, dtype=torch.long), "input_ids": torch.randint(0, 50, (8, 8))}
    model = tessera.compile(net, {k: v[:1] for k, v in data.items()}, calibration=data)
    assert [p.name for p in model.inputs] == ["input_ids", "attention_mask"]
    one = {k: v[3:4] for k, v in data.items()}
    logits, pooled = model.run(one)
    with torch.no_grad():
        expected = net(**one)
    assert (logits - expected["logits"]).abs().max() < 0.05 and (pooled - expected["pooled"]).abs().max() < 0.05
    names = [name for name, _, _ in model.evaluate(data).layers]
    assert any("classifier" in name for name in names) and not any("model" in name for name in names), names
    assert model.verify(model.prove(one))
    # what gives a mapping may be called in order as well
    in_order = tessera.compile(torch.nn.Sequential(net.dense, Named(torch)).eval(), torch.zeros(1, 16), calibration=torch.rand(8, 16))
    assert in_order.outputs[0].shape[-1] == 16


def Named(torch):
    class Named(torch.nn.Module):
        def forward(self, x):
            return {"result": torch.relu(x)}

    return Named()


def test_attention_layers_of_torch_are_exported_as_operators(torch):
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    x = torch.randn(16, 6, 16)
    try:
        model = tessera.compile(layer, x[:1], calibration=x)
    except tessera.UseError as e:
        # newer ones are exported by dynamo alone
        assert importlib.util.find_spec("onnxscript") is None and "pip install onnxscript" in str(e)
        return
    with torch.no_grad():
        assert (model.run(x, level="nn") - layer(x)).abs().max() < 1e-4
    assert model.verify(model.prove(x[:1]))
    if hasattr(torch.backends, "mha"):
        assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("kind", ["convolutions", "attention"])
def test_the_exporter_by_dynamo(torch, small, kind):
    if "dynamo" not in inspect.signature(torch.onnx.export).parameters:
        with pytest.raises(tessera.UseError, match="has no exporter by dynamo"):
            tessera.compile(small[0], calibration=small[1], exporter="dynamo")
        return
    pytest.importorskip("onnxscript")
    net, x = small if kind == "convolutions" else (torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval(), torch.randn(16, 6, 16))
    model = tessera.compile(net, x[:1], calibration=x, exporter="dynamo")
    with torch.no_grad():
        assert (model.run(x, level="nn") - net(x)).abs().max() < 1e-4
    assert model.verify(model.prove(x[:1]))
    part = "features." if kind == "convolutions" else "self_attn"
    assert any(layer["layer"].startswith(part) for layer in model.explain().layers)


def test_the_package_onnx_is_not_needed(torch, small, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    net, data = small
    model = tessera.compile(net, calibration=data)
    with torch.no_grad():
        assert (model.run(data, level="nn") - net(data)).abs().max() < 1e-4


def test_layers_have_the_modules_names_whatever_exporter_wrote_the_file(images):
    for file, name in (("fmnist_lenet.dynamo.onnx", "f1/Gemm"), ("fmnist_lenet.onnx", "/f1/Gemm")):
        model = tessera.compile(MODELS / file, calibration=images[:8], scale=1 / 255)
        assert name in [layer["layer"] for layer in model.explain().layers]


def test_torchvision_compiles(torch):
    torchvision = pytest.importorskip("torchvision")
    net = torchvision.models.squeezenet1_1(num_classes=10).eval()
    images = torch.rand(2, 3, 32, 32)
    model = tessera.compile(net, calibration=images)
    assert np.abs((model.run(images, level="nn") - net(images).detach()).numpy()).max() < 1e-3


@pytest.mark.parametrize("around", ["script", "trace", "DataParallel", "OptimizedModule"])
def test_modules_that_are_wrapped(torch, small, around):
    net, data = small

    class OptimizedModule(torch.nn.Module):
        """As torch.compile makes one."""

        def __init__(self, module):
            super().__init__()
            self._orig_mod = module

        def forward(self, *inputs):
            raise NotImplementedError

    wrap = {
        "script": torch.jit.script,
        "trace": lambda net: torch.jit.trace(net, data[:1]),
        "DataParallel": torch.nn.DataParallel,
        "OptimizedModule": OptimizedModule,
    }[around]
    plain, wrapped = (tessera.compile(m, data[:1], calibration=data) for m in (net, wrap(net)))
    assert wrapped.inputs == plain.inputs and [p.name for p in wrapped.outputs] == ["output"]
    assert torch.equal(wrapped.run(data), plain.run(data))


def test_outputs_are_named_by_what_a_module_gives(torch):
    Pair = collections.namedtuple("Pair", "score bias")

    class Module(torch.nn.Module):
        def __init__(self, give):
            super().__init__()
            self.give, self.dense = give, torch.nn.Linear(4, 3)

        def forward(self, output):
            return self.give(self.dense(output))

    data = torch.rand(8, 4)

    def names(give):
        model = tessera.compile(Module(give).eval(), calibration=data)
        return [p.name for p in model.outputs]

    assert names(lambda y: y) == ["output_"]
    assert names(lambda y: (y, [y + 1, y * 2])) == ["output0", "output1", "output2"]
    assert names(lambda y: {"logits": y, "none": None, "loss": y + 1}) == ["logits", "loss"]
    assert names(lambda y: Pair(y, y + 1)) == ["score", "bias"]
    # the same tensor twice
    assert names(lambda y: (y, y)) == ["output0", "output1"]
