"""Quantizes networks of this folder's parent with ONNX Runtime, and writes what its quantized networks give.

Run it by hand when a model is added (`pip install onnx onnxruntime`, then `python make_models.py`).

  *.onnx        `quantize_static` in the formats QDQ and of operators, calibrated with the first 64 images
  expected.npz  outputs of each for the 200 images after these, [200, 10]
"""

import os

import numpy as np
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.dirname(HERE)


class Reader(CalibrationDataReader):
    def __init__(self, name, images):
        self.samples = ({name: images[i : i + 1]} for i in range(len(images)))

    def get_next(self):
        return next(self.samples, None)


def images(name):
    file, shape, factor = {
        "fmnist_lenet": ("fmnist_lenet_test1000.npz", (1, 28, 28), 255),
        "digits_mlp": ("digits_test.npz", (64,), 16),
    }[name]
    data = np.load(os.path.join(MODELS, file))["images_u8"]
    return data.reshape(-1, *shape).astype(np.float32) / np.float32(factor)


expected = {}
for name, model, form, per_channel, activations in [
    ("lenet_qdq", "fmnist_lenet", QuantFormat.QDQ, True, QuantType.QInt8),
    ("lenet_operators", "fmnist_lenet", QuantFormat.QOperator, True, QuantType.QUInt8),
    ("digits_qdq", "digits_mlp", QuantFormat.QDQ, False, QuantType.QUInt8),
    ("digits_operators", "digits_mlp", QuantFormat.QOperator, False, QuantType.QInt8),
]:
    data = images(model)
    prepared, path = os.path.join(HERE, "prepared.onnx"), os.path.join(HERE, name + ".onnx")
    quant_pre_process(os.path.join(MODELS, model + ".onnx"), prepared, skip_symbolic_shape=True)
    source = onnxruntime.InferenceSession(prepared).get_inputs()[0].name
    quantize_static(
        prepared, path, Reader(source, data[:64]), quant_format=form, per_channel=per_channel, activation_type=activations
    )
    os.remove(prepared)
    session = onnxruntime.InferenceSession(path)
    rows = [session.run(None, {source: data[i : i + 1]})[0] for i in range(64, 264)]
    expected[name] = np.concatenate(rows)
np.savez_compressed(os.path.join(HERE, "expected.npz"), **expected)
