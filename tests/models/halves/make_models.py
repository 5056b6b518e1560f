"""The network of ../digits_mlp.onnx, cut in two: what the first half says, the second one reads.

Run from this folder, with onnx.
"""

import onnx
from onnx import utils

CUT = "/3/Relu_output_0"

model = onnx.shape_inference.infer_shapes(onnx.load("../digits_mlp.onnx"))
extractor = utils.Extractor(model)
for name, inputs, outputs in [("features", ["x"], [CUT]), ("scores", [CUT], ["y"])]:
    half = extractor.extract_model(inputs, outputs)
    for port in [*half.graph.input, *half.graph.output]:
        port.name = port.name.replace(CUT, "features")
    for node in half.graph.node:
        node.input[:] = [n.replace(CUT, "features") for n in node.input]
        node.output[:] = [n.replace(CUT, "features") for n in node.output]
    half.graph.name = name
    onnx.checker.check_model(half)
    onnx.save(half, f"{name}.onnx")
