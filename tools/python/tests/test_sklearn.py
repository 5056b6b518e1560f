"""Estimators of scikit-learn: known without importing it, exported by skl2onnx, which is asked for what a proof needs."""

import sys
import types

import numpy as np
import pytest
import tessera
from conftest import MODELS


@pytest.fixture
def estimator():
    base = type("BaseEstimator", (), {"__module__": "sklearn.base"})

    class Classifier(base):
        def predict_proba(self, x):
            raise NotImplementedError

    return Classifier()


def test_without_skl2onnx_it_is_said_what_to_install(estimator, monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(tessera.UseError, match="pip install skl2onnx"):
        tessera.compile(estimator, calibration=np.zeros((4, 3)))


@pytest.fixture
def skl2onnx(monkeypatch):
    """A stand-in, which gives the digits network for whatever it is asked."""
    asked = []

    def to_onnx(model, initial_types, options):
        asked.append((model, initial_types, options))
        return types.SimpleNamespace(SerializeToString=(MODELS / "digits_mlp.onnx").read_bytes)

    kinds = types.SimpleNamespace(FloatTensorType=lambda shape: ("float", shape), StringTensorType=lambda shape: ("text", shape))
    monkeypatch.setitem(sys.modules, "skl2onnx", types.SimpleNamespace(to_onnx=to_onnx))
    monkeypatch.setitem(sys.modules, "skl2onnx.common", types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "skl2onnx.common.data_types", kinds)
    return asked


class Table:
    """As much of a DataFrame as is asked of one."""

    def __init__(self, **columns):
        self.data = {name: np.asarray(column) for name, column in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name):
        return types.SimpleNamespace(to_numpy=lambda: self.data[name])

    def to_numpy(self):
        return np.stack(list(self.data.values()), axis=1)


def test_an_estimator_is_exported_for_rows_of_float32(estimator, skl2onnx):
    digits = np.load(MODELS / "digits_test.npz")["images_u8"].astype(np.float32) / 16
    model = tessera.compile(estimator, calibration=digits[:32])
    assert skl2onnx == [(estimator, [("X", ("float", [None, 64]))], {id(estimator): {"zipmap": False}})]
    assert model.name == "Classifier" and model.verify(model.prove(digits[:1]))
    # whole numbers of a table are what they are
    assert (model.run((digits[:1] * 16).astype(int)) == model.run(digits[:1] * 16)).all()


def test_a_table_is_exported_with_an_input_for_each_column(estimator, skl2onnx):
    from tessera import _export

    table = Table(age=np.array([20, 30]), port=np.array(["Genoa", "Oslo"], dtype=object))
    _export.export_estimator(estimator, table)
    assert skl2onnx[0][1] == [("age", ("float", [None, 1])), ("port", ("text", [None, 1]))]
    with pytest.raises(tessera.UseError, match="rows of features"):
        _export.export_estimator(estimator, np.zeros(3))


def test_what_skl2onnx_cannot_export_is_told(estimator, skl2onnx, monkeypatch):
    def to_onnx(model, initial_types, options):
        raise RuntimeError("no converter for Classifier\nin full")

    monkeypatch.setattr(sys.modules["skl2onnx"], "to_onnx", to_onnx)
    with pytest.raises(tessera.UseError, match="no converter for Classifier") as e:
        tessera.compile(estimator, calibration=np.zeros((4, 3)))
    assert "fit it first" in str(e.value)


def test_a_table_with_texts_is_proven_and_its_answers_are_texts():
    data = np.load(MODELS / "table" / "table.npz")
    inputs = {name: data[name] for name in ("age", "fare", "sex", "port")}
    model = tessera.compile(MODELS / "table" / "table.onnx", calibration=inputs)
    label, probabilities = model.run(inputs)
    expected = data["expected"]
    assert label.dtype.kind == "U" and (label == expected).mean() > 0.95 and probabilities.shape == (len(expected), 2)
    # a DataFrame's columns are inputs by name, in whatever order, and others are left out
    columns = {name: a.reshape(-1).astype(object) if a.dtype.kind == "U" else a.reshape(-1) for name, a in inputs.items()}
    table = Table(other=np.zeros(len(label)), **dict(reversed(columns.items())))
    assert (model.run(table)[0] == label).all()
    first = {name: a[:1] for name, a in inputs.items()}
    proof = model.prove(first)
    assert model.verify(proof, input=first)
    assert proof.output[0].tolist() == proof.labels == [label[0]]
    assert proof.inputs["sex"].tolist() == [[data["sex"][0, 0]]]
    assert model.evaluate(inputs, expected).quantized_accuracy == (label == expected).mean()
    with pytest.raises(tessera.UseError, match="holds texts, and the model eats numbers"):
        model.run({**first, "age": np.array([["old"]])})
