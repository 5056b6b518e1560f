"""Writes the test cases of the onnx package (PyPI `onnx`) as one archive that the Rust side reads: `cases.py OUT.zip`; and
a few of each operator, those that stand in the repository: `cases.py --few ALL.zip results.txt few.zip`.

A case is a folder: model.onnx, in_0.npy…, out_0.npy…, and `about` (kind, operators, tolerances). What an operator must know when a
model is compiled (shapes, axes, indices, weights) is an input in the package's cases: here it becomes an initializer, with the value
of the case's data. Cases with types other than plain numbers and truth values are left out, and counted.
"""

import json
import os
import sys
import warnings
import zipfile
from io import BytesIO

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

warnings.filterwarnings("ignore")

KINDS = ["node", "pytorch-converted", "pytorch-operator", "simple"]

# positions of operands that are known when a model is compiled
KNOWN = {
    "AffineGrid": [1], "ArrayFeatureExtractor": [1], "BatchNormalization": [1, 2, 3, 4], "BitShift": [0, 1],
    "BitwiseAnd": [0, 1], "BitwiseOr": [0, 1], "BitwiseXor": [0, 1], "BitwiseNot": [0], "CenterCropPad": [1], "Clip": [1, 2],
    "BlackmanWindow": [0], "HammingWindow": [0], "HannWindow": [0], "MelWeightMatrix": [0, 1, 2, 3, 4],
    "Col2Im": [1, 2], "Compress": [1], "ConstantOfShape": [0], "Conv": [1, 2], "ConvInteger": [1, 2, 3],
    "ConvTranspose": [1, 2], "CumSum": [1], "DFT": [1, 2], "DeformConv": [1, 2, 3, 4], "DequantizeLinear": [1, 2], "Dropout": [1, 2],
    "Expand": [1], "GRU": [1, 2, 3, 4], "Gather": [1], "GatherElements": [1], "GatherND": [1], "GridSample": [1], "If": [0],
    "LSTM": [1, 2, 3, 4, 7], "Loop": [0, 1], "MatMulInteger": [2, 3], "MaxUnpool": [1, 2], "OneHot": [1, 2], "Pad": [1, 2, 3],
    "Pow": [1], "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8], "QLinearMatMul": [1, 2, 4, 5, 6, 7], "QuantizeLinear": [1, 2],
    "RNN": [1, 2, 3, 4], "Range": [0, 1, 2], "ReduceL1": [1], "ReduceL2": [1], "ReduceLogSum": [1], "ReduceLogSumExp": [1],
    "ReduceMax": [1], "ReduceMean": [1], "ReduceMin": [1], "ReduceProd": [1], "ReduceSum": [1], "ReduceSumSquare": [1],
    "Reshape": [1], "Resize": [1, 2, 3], "ReverseSequence": [1], "RoiAlign": [1, 2], "STFT": [1, 2, 3], "Scatter": [1],
    "ScatterElements": [1], "ScatterND": [1], "SequenceAt": [1], "Slice": [1, 2, 3, 4], "Split": [1], "SplitToSequence": [1],
    "Squeeze": [1], "TensorScatter": [2], "Tile": [1], "TopK": [1], "Trilu": [1], "Unsqueeze": [1], "Upsample": [1],
}
PLAIN = {np.dtype(t) for t in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")}


def known(graph, names):
    """Inputs of a graph that an operator must know; names are those that a case of the same operator gave."""
    found = {i.name for i in graph.input if i.name in names}
    for node in graph.node:
        found |= {node.input[k] for k in KNOWN.get(node.op_type, []) if k < len(node.input) and node.input[k]}
    return found & {i.name for i in graph.input}


def tolerance(rtol, arrays):
    """The package computes halves in halves, which are exact to 2⁻¹¹; several steps of that are more than its own tolerance."""
    return max(rtol, 4e-3) if any(a.dtype == np.float16 for a in arrays) else rtol


def read(case):
    """The model of a case and its first set of data; None where that is not made of arrays."""
    if case.model_dir is None:
        inputs, outputs = case.data_sets[0]
        arrays = all(isinstance(a, (np.ndarray, np.generic)) for a in list(inputs) + list(outputs))
        return case.model, (list(map(np.asarray, inputs)), list(map(np.asarray, outputs))) if arrays else None
    model = onnx.load(os.path.join(case.model_dir, "model.onnx"))
    data = os.path.join(case.model_dir, "test_data_set_0")
    infos = [i for i in model.graph.input if i.name not in {t.name for t in model.graph.initializer}]
    if any(i.type.WhichOneof("value") != "tensor_type" for i in infos + list(model.graph.output)):
        return model, None

    def tensors(prefix, count):
        paths = [os.path.join(data, f"{prefix}_{i}.pb") for i in range(count)]
        return [numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]

    return model, (tensors("input", len(infos)), tensors("output", len(model.graph.output)))


def main(out):
    names, written, left = {}, 0, {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name, data):
            # a date that never changes: the same package gives the same bytes
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)

        for kind in KINDS:
            for case in sorted(load_model_tests(kind=kind), key=lambda c: c.name):
                model, data = read(case)
                if data is None:
                    left["sequences, optionals or maps"] = left.get("sequences, optionals or maps", 0) + 1
                    continue
                inputs, outputs = data
                if any(a.dtype not in PLAIN for a in inputs + outputs):
                    left["other element types"] = left.get("other element types", 0) + 1
                    continue
                base = case.name.split("_expanded")[0]
                graph = model.graph
                frozen = known(graph, names.get(base, set()))
                names.setdefault(base, frozen)
                kept, arrays = [], []
                initialized = {t.name for t in graph.initializer}
                infos = [i for i in graph.input if i.name not in initialized]
                for info, array in zip(infos, inputs):
                    if info.name in frozen:
                        graph.initializer.append(numpy_helper.from_array(array, info.name))
                    else:
                        kept.append(info)
                        arrays.append(array)
                del graph.input[:]
                graph.input.extend(kept)
                ops = sorted({("" if n.domain in ("", "ai.onnx") else n.domain + ".") + n.op_type for n in graph.node})
                about = {
                    "operators": ops, "rtol": tolerance(case.rtol, inputs + outputs), "atol": case.atol,
                    "inputs": len(arrays), "outputs": len(outputs), "names": [i.name for i in kept],
                }
                put(f"{case.name}/about", json.dumps(about))
                put(f"{case.name}/model.onnx", model.SerializeToString(deterministic=True))
                for prefix, list_ in (("in", arrays), ("out", outputs)):
                    for i, array in enumerate(list_):
                        buffer = BytesIO()
                        np.save(buffer, np.ascontiguousarray(array.astype(np.float64)).reshape(array.shape))
                        put(f"{case.name}/{prefix}_{i}.npy", buffer.getvalue())
                written += 1
    print(f"{written} cases of onnx {onnx.__version__}; left out: {left}")


def few(everything, results, out):
    """Of each operator the smallest three cases that pass somewhere."""
    with zipfile.ZipFile(everything) as archive:
        size = {}
        for entry in archive.infolist():
            name = entry.filename.split("/")[0]
            size[name] = size.get(name, 0) + entry.compress_size
        chosen = {}
        for line in open(results):
            name, operators, level = line.split(": ")[0].split()
            if level != "refused" and "+" not in operators and "_expanded" not in name and size[name] < 8192:
                chosen.setdefault(operators, []).append(name)
        kept = {name for names in chosen.values() for name in sorted(names, key=lambda n: (size[n], n))[:3]}
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as small:
            for entry in archive.infolist():
                if entry.filename.split("/")[0] in kept:
                    small.writestr(zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0)), archive.read(entry), zipfile.ZIP_DEFLATED)
    print(f"{len(kept)} cases")


if __name__ == "__main__":
    if sys.argv[1] == "--few":
        few(*sys.argv[2:])
    else:
        main(sys.argv[1])
