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
    assert [p.name for p in model.outputs] == ["logits", "pooled"] and model.name == "Encoder"
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


def test_a_module_that_asks_for_its_own_mode_is_in_evaluation(torch):
    class Noisy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = torch.nn.Linear(8, 4)

        def forward(self, x, scale=None):
            y = torch.nn.functional.dropout(self.dense(x), 0.5, training=self.training)
            return {"scores": y if scale is None else y * scale}

    net, data = Noisy(), torch.rand(16, 8)
    for example in (data[:1], {"x": data[:1]}):
        model = tessera.compile(net, example, calibration=[{"x": data}])
        assert net.training and net.dense.training
        with torch.no_grad():
            assert (model.run(data) - net.eval()(data)["scores"]).abs().max() < 0.05
        assert model.outputs[0].name == "scores"
        net.train()


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


def networks(torch):
    """Small networks as engineers write them: each with inputs by keyword for some inferences."""
    nn, F = torch.nn, torch.nn.functional

    class ClassToken(nn.Module):
        """Attention over what a learned token was put before."""

        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, 8))
            self.attention, self.norm, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8), nn.Linear(8, 3)

        def forward(self, x):
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
            return self.head(self.norm(x + self.attention(x, x, x, need_weights=False)[0])[:, 0])

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.middle, self.up = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ConvTranspose2d(4, 4, 2, stride=2)
            self.norm, self.out = nn.GroupNorm(2, 8), nn.Conv2d(8, 1, 1)

        def forward(self, image):
            skip = F.silu(self.down(image))
            return torch.sigmoid(self.out(self.norm(torch.cat([self.up(F.leaky_relu(self.middle(F.max_pool2d(skip, 2)))), skip], 1))))

    class Audio(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv1d(1, 4, 9, stride=4), nn.BatchNorm1d(4), nn.ELU(), nn.MaxPool1d(2), nn.Conv1d(4, 8, 3, dilation=2), nn.PReLU())
            self.head = nn.Linear(8, 3)

        def forward(self, wave):
            return F.log_softmax(self.head(self.features(wave.unsqueeze(1)).amax(-1)), -1)

    class Policy(nn.Module):
        """Two outputs with names."""

        Result = collections.namedtuple("Result", "logits value")

        def __init__(self):
            super().__init__()
            self.trunk, self.policy, self.value = nn.Sequential(nn.Linear(6, 8), nn.Tanh()), nn.Linear(8, 4), nn.Linear(8, 1)

        def forward(self, observation):
            hidden = self.trunk(observation)
            return self.Result(self.policy(hidden), self.value(hidden).squeeze(-1))

    class Text(nn.Module):
        """The mean of the words that a mask leaves."""

        def __init__(self):
            super().__init__()
            self.words, self.head = nn.Embedding(20, 8, padding_idx=0), nn.Linear(8, 2)

        def forward(self, ids, mask, labels=None):
            share = mask.unsqueeze(-1).float()
            return {"loss": labels, "logits": self.head((self.words(ids) * share).sum(1) / share.sum(1).clamp(min=1))}

    class Recommender(nn.Module):
        def __init__(self):
            super().__init__()
            self.users, self.items, self.bias = nn.Embedding(10, 4), nn.Embedding(12, 4), nn.Embedding(12, 1)

        def forward(self, user, item):
            return torch.sigmoid((self.users(user) * self.items(item)).sum(-1) + self.bias(item).squeeze(-1))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.cells(x)[0].mean(1))

    class Flat(nn.Module):
        """A mean of what is normalized, which is next to nothing."""

        def __init__(self):
            super().__init__()
            self.norm = nn.InstanceNorm2d(2, affine=True)

        def forward(self, x):
            return self.norm(x).mean((2, 3))

    yield ClassToken(), {"x": torch.randn(8, 4, 8)}
    yield UNet(), {"image": torch.rand(8, 1, 8, 8)}
    yield Audio(), {"wave": torch.randn(8, 64)}
    yield Policy(), {"observation": torch.randn(8, 6)}
    yield Text(), {"ids": torch.randint(1, 20, (8, 5)), "mask": (torch.rand(8, 5) > 0.3).long().index_fill(1, torch.tensor([0]), 1)}
    yield Recommender(), {"user": torch.randint(0, 10, (8,)), "item": torch.randint(0, 12, (8,))}
    yield Recurrent(), {"x": torch.randn(8, 4, 3)}
    yield Flat(), {"x": torch.rand(8, 2, 6, 6)}


def test_networks_as_engineers_write_them(torch):
    found = []
    for net, data in networks(torch):
        net.eval()
        model = tessera.compile(net, {name: x[:1] for name, x in data.items()}, calibration=data)
        with torch.no_grad():
            expected = net(**data)
        expected = [x for x in (expected.values() if isinstance(expected, dict) else expected if isinstance(expected, tuple) else [expected]) if x is not None]
        results = model.run(data)
        for a, b in zip(results if isinstance(results, tuple) else [results], expected):
            assert a.shape == b.shape and (a - b).abs().max() < 0.05, type(net)
        found.append([port.name for port in model.outputs])
    assert found == [["output"], ["output"], ["output"], ["logits", "value"], ["logits"], ["output"], ["output"], ["output"]]
