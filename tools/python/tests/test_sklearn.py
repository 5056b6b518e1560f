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


def test_an_estimator_is_exported_for_one_row_of_float32(estimator, monkeypatch):
    asked = []

    def to_onnx(model, example, options):
        asked.append((model, example.shape, example.dtype, options))
        return types.SimpleNamespace(SerializeToString=(MODELS / "digits_mlp.onnx").read_bytes)

    monkeypatch.setitem(sys.modules, "skl2onnx", types.SimpleNamespace(to_onnx=to_onnx))
    digits = np.load(MODELS / "digits_test.npz")["images_u8"].astype(np.float32) / 16
    model = tessera.compile(estimator, calibration=digits[:32])
    assert asked == [(estimator, (1, 64), np.float32, {id(estimator): {"zipmap": False}})]
    assert model.name == "Classifier" and model.verify(model.prove(digits[:1]))
