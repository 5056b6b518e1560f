"""Writes the small ONNX models that the import tests read: one per operator and form.

Run it by hand when a model is added (`pip install onnx numpy`, then `python make_models.py`); the files are kept in
the repository, so tests need neither Python nor the onnx package.

  models/       accepted: the nn interpreter must agree with tract's own run and with expected.npz
  expected.npz  an input and its outputs for each of them, by the evaluator of the onnx package
  refused/      each must give a clear error
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240607)
EXPECTED = {}


class Model:
    """Collects nodes and weights; values are named by what they are."""

    def __init__(self, **inputs):
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []
        for name, shape in inputs.items():
            self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def weight(self, name, *shape, scale=0.5):
        self.constant(name, (rng.standard_normal(shape) * scale).astype(np.float32))
        return name

    def constant(self, name, array):
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, name, values):
        return self.constant(name, np.array(values, dtype=np.int64))

    def op(self, op, inputs, output, name=None, domain="", **attributes):
        outputs = [output] if isinstance(output, str) else output
        node = helper.make_node(op, inputs, outputs, name=name or f"/{output}/{op}", domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def save(self, path, outputs, opset=17, elem=TensorProto.FLOAT, domains=(), check=True):
        self.outputs = [helper.make_tensor_value_info(o, elem, None) for o in outputs]
        graph = helper.make_graph(self.nodes, os.path.basename(path), self.inputs, self.outputs, self.weights)
        opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tessera tests")
        if check:
            model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
            del model.graph.value_info[:]
            onnx.checker.check_model(model)
        onnx.save(model, os.path.join(HERE, path + ".onnx"))
        if check and path.startswith("models/"):
            self.record(path.removeprefix("models/"), model)

    def record(self, name, model):
        """Inputs and outputs by the onnx package's own evaluator, which shares no code with tract."""
        feeds = {}
        for i, value in enumerate(self.inputs):
            shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
            feeds[value.name] = np.round(rng.standard_normal(shape), 3).astype(np.float32)
            EXPECTED[f"{name}.in{i}"] = feeds[value.name]
        for i, y in enumerate(ReferenceEvaluator(model).run(None, feeds)):
            EXPECTED[f"{name}.out{i}"] = y.astype(np.float32)


def conv(name, x, w, bias=True, **attributes):
    m = Model(x=x)
    m.weight("w", *w)
    inputs = ["x", "w"]
    if bias:
        inputs.append(m.weight("b", w[0]))
    m.op("Conv", inputs, "y", **attributes)
    m.save("models/" + name, ["y"])


def unary(name, x, op, weights=(), opset=17, **attributes):
    m = Model(x=x)
    names = [m.constant(f"c{i}", w) for i, w in enumerate(weights)]
    m.op(op, ["x"] + names, "y", **attributes)
    m.save("models/" + name, ["y"], opset=opset)


def binary(name, a, b, op):
    m = Model(a=a, b=b)
    m.op(op, ["a", "b"], "y")
    m.save("models/" + name, ["y"])


def int64(*values):
    return np.array(values, dtype=np.int64)


def accepted():
    image = [1, 4, 9, 8]
    conv("conv", image, [6, 4, 3, 3])
    conv("conv_nobias", image, [6, 4, 3, 3], bias=False)
    conv("conv_stride_pad", image, [6, 4, 3, 2], strides=[2, 3], pads=[1, 0, 2, 1])
    conv("conv_dilation", image, [6, 4, 3, 2], dilations=[2, 3], pads=[2, 2, 2, 2])
    conv("conv_groups", image, [6, 2, 3, 3], group=2, pads=[1, 1, 1, 1])
    conv("conv_depthwise", image, [4, 1, 3, 3], group=4, strides=[2, 2])
    conv("conv_same", image, [6, 4, 4, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    conv("conv_same_lower", image, [6, 4, 4, 3], auto_pad="SAME_LOWER")
    conv("conv_pointwise", image, [6, 4, 1, 1])
    conv("conv_1d", [1, 3, 17], [5, 3, 4], strides=[2], pads=[1, 2], dilations=[2])
    conv("conv_batch", [3, 4, 5, 5], [2, 4, 3, 3])

    m = Model(x=[1, 12])
    m.op("Gemm", ["x", m.weight("w", 7, 12), m.weight("b", 7)], "y", transB=1)
    m.save("models/gemm", ["y"])
    m = Model(x=[12, 3])
    m.op("Gemm", ["x", m.weight("w", 12, 7), m.weight("b", 1, 7)], "y", transA=1, alpha=0.5, beta=2.0)
    m.save("models/gemm_alpha_beta", ["y"])
    m = Model(x=[2, 5, 12])
    m.op("MatMul", ["x", m.weight("w", 12, 7)], "z")
    m.op("Add", [m.weight("b", 7), "z"], "y")
    m.save("models/linear_3d", ["y"])
    m = Model(x=[1, 12])
    m.op("MatMul", ["x", m.weight("w", 12, 7)], "z")
    m.op("BatchNormalization", ["z", m.weight("s", 7), m.weight("b", 7), m.weight("m", 7),
                                m.constant("v", rng.random(7).astype(np.float32) + 0.5)], "y")
    m.save("models/linear_batchnorm", ["y"])
    m = Model(x=[7, 12])
    m.op("MatMul", [m.weight("w", 5, 7), "x"], "y")
    m.save("models/matmul_weights_first", ["y"])
    binary("matmul", [3, 5], [5, 4], "MatMul")
    binary("matmul_batched", [2, 3, 4, 5], [3, 5, 6], "MatMul")
    for name, equation, a, b in [
        ("einsum_scores", "bhqd,bhkd->bhqk", [2, 3, 4, 5], [2, 3, 6, 5]),
        ("einsum_transposed", "ij,kj->ki", [3, 5], [4, 5]),
    ]:
        m = Model(a=a, b=b)
        m.op("Einsum", ["a", "b"], "y", equation=equation)
        m.save("models/" + name, ["y"])
    m = Model(x=[1, 6, 4, 5])
    m.op("Einsum", ["x", m.weight("w", 4, 5, 3)], "y", equation="bihd,hdo->bio")
    m.save("models/einsum_linear", ["y"])

    m = Model(x=image)
    m.op("Conv", ["x", m.weight("w", 6, 4, 3, 3), m.weight("cb", 6)], "z", pads=[1, 1, 1, 1])
    m.op("BatchNormalization", ["z", m.weight("s", 6), m.weight("b", 6), m.weight("m", 6),
                                m.constant("v", rng.random(6).astype(np.float32) + 0.5)], "n")
    m.op("Relu", ["n"], "y")
    m.save("models/conv_batchnorm_relu", ["y"])
    m = Model(x=image)
    m.op("BatchNormalization", ["x", m.weight("s", 4), m.weight("b", 4), m.weight("m", 4),
                                m.constant("v", rng.random(4).astype(np.float32) + 0.5)], "y")
    m.save("models/batchnorm", ["y"])

    unary("relu", [2, 3, 4], "Relu")
    unary("max_pool", image, "MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    unary("max_pool_pad", image, "MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])
    unary("max_pool_ceil", image, "MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)
    unary("max_pool_1d", [1, 3, 11], "MaxPool", kernel_shape=[3], strides=[2])
    unary("avg_pool", image, "AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    unary("avg_pool_pad_excluded", image, "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    unary("avg_pool_pad_included", image, "AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
          count_include_pad=1)
    unary("avg_pool_ceil", image, "AveragePool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)
    unary("global_avg_pool", image, "GlobalAveragePool")
    unary("reduce_mean_image", image, "ReduceMean", axes=[2, 3], keepdims=0)
    unary("reduce_mean_channels", image, "ReduceMean", axes=[1])
    unary("reduce_sum_rows", image, "ReduceSum", [int64(2)], keepdims=0)

    binary("add", image, image, "Add")
    binary("sub", image, image, "Sub")
    binary("mul", image, image, "Mul")
    binary("add_broadcast", image, [4, 1, 1], "Add")
    binary("mul_broadcast", image, [1, 4, 1, 1], "Mul")
    c = rng.standard_normal((4, 1, 1)).astype(np.float32)
    unary("add_constant", image, "Add", [c])
    unary("mul_constant", image, "Mul", [c])
    unary("div_constant", image, "Div", [np.float32(3.0)])
    unary("neg", image, "Neg")
    m = Model(x=image)
    m.op("Sub", [m.weight("c", 1, 4, 1, 1), "x"], "y")
    m.save("models/constant_sub", ["y"])

    unary("reshape", image, "Reshape", [int64(0, 2, -1)])
    unary("flatten", image, "Flatten", axis=1)
    unary("squeeze", [1, 1, 5, 1], "Squeeze", [int64(1, 3)])
    unary("unsqueeze", [3, 5], "Unsqueeze", [int64(0, 2)])
    unary("transpose", image, "Transpose", perm=[0, 2, 3, 1])
    binary_concat = Model(a=image, b=[1, 3, 9, 8])
    binary_concat.op("Concat", ["a", "b"], "y", axis=1)
    binary_concat.save("models/concat", ["y"])
    unary("pad", image, "Pad", [int64(0, 1, 2, 0, 0, 0, 1, 3)])
    unary("pad_value", image, "Pad", [int64(0, 0, 1, 1, 0, 0, 1, 1), np.float32(-1.5)])
    unary("slice", image, "Slice", [int64(1, 2), int64(3, 2**62), int64(1, 2)])
    unary("slice_steps", image, "Slice", [int64(0, 1), int64(9, 8), int64(2, 3), int64(2, 3)])
    m = Model(x=image)
    m.op("Split", ["x", m.ints("s", [1, 3])], ["a", "b"], name="/Split", axis=1)
    m.op("Concat", ["b", "a"], "y", axis=1)
    m.save("models/split_concat", ["y"])

    # Networks.
    m = Model(x=["batch", 3, 8, 8])
    m.op("Conv", ["x", m.weight("w0", 4, 3, 3, 3), m.weight("b0", 4)], "c0", pads=[1, 1, 1, 1])
    m.op("Relu", ["c0"], "r0")
    m.op("Conv", ["r0", m.weight("w1", 4, 4, 3, 3, scale=0.2), m.weight("b1", 4)], "c1", pads=[1, 1, 1, 1])
    m.op("Add", ["c1", "r0"], "s")
    m.op("Relu", ["s"], "r1")
    m.op("GlobalAveragePool", ["r1"], "g")
    m.op("Flatten", ["g"], "f")
    m.op("Gemm", ["f", m.weight("w2", 5, 4), m.weight("b2", 5)], "logits", transB=1)
    m.save("models/resnet_symbolic_batch", ["logits"])
    m = Model(x=[1, 4, 8, 8])
    m.op("Conv", ["x", m.weight("w0", 3, 4, 1, 1), m.weight("b0", 3)], "a")
    m.op("Conv", ["x", m.weight("w1", 3, 4, 3, 3, scale=0.2), m.weight("b1", 3)], "b", pads=[1, 1, 1, 1])
    m.op("MaxPool", ["x"], "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    m.op("Concat", ["a", "b", "c"], "d", axis=1)
    m.op("Relu", ["d"], "e")
    m.op("AveragePool", ["e"], "y", kernel_shape=[2, 2], strides=[2, 2])
    m.save("models/inception", ["y", "a"])
    m = Model(x=["N", 4, 6, 6])
    m.op("Shape", ["x"], "shape")
    m.op("Gather", ["shape", m.constant("zero", np.int64(0))], "n")
    m.op("Unsqueeze", ["n", m.ints("axis", [0])], "n1")
    m.op("Concat", ["n1", m.ints("rest", [-1])], "target", axis=0)
    m.op("Reshape", ["x", "target"], "flat")
    m.op("Gemm", ["flat", m.weight("w", 5, 144), m.weight("b", 5)], "y", transB=1)
    m.save("models/shape_arithmetic", ["y"])


def refused():
    m = Model(x=[7, 1, 4], w=[1, 12, 4])
    m.op("LSTM", ["x", "w", m.weight("r", 1, 12, 3)], ["h", "", ""], name="/lstm/LSTM", hidden_size=3)
    m.op("Squeeze", ["h", m.ints("axes", [1])], "y")
    m.save("refused/lstm", ["y"])
    m = Model(x=[1, 4, 6, 6])
    m.op("Conv", ["x", m.weight("w", 4, 4, 3, 3)], "c", name="/conv")
    m.op("Bernoulli", ["c"], "b", name="/drop")
    m.op("Sin", ["b"], "s", name="/sin")
    m.op("NonZero", ["s"], "n", name="/where")
    m.op("Mystery", ["n"], "q", name="/mystery", domain="com.example")
    m.op("Mystery", ["q"], "r", name="/mystery_2", domain="com.example")
    m.op("Softmax", ["r"], "y", name="/softmax")
    m.save("refused/several", ["y"], domains=["com.example"], check=False)
    m = Model(a=[1, 4, 5, 5], b=[4, 4, 3, 3], k=[1])
    m.op("Conv", ["a", "b"], "c", name="/conv")
    m.op("Pow", ["a", "a"], "p", name="/pow")
    m.op("TopK", ["a", "k"], ["t", "i"], name="/top")
    m.save("refused/forms", ["c", "p", "t"], check=False)
    m = Model(x=[1, 2, 6])
    m.op("Pad", ["x", m.ints("p", [0, 0, 1, 0, 0, 1])], "y", name="/pad", mode="sideways")
    m.save("refused/pad_mode", ["y"], check=False)
    m = Model(x=[1, 2, 6, 6])
    m.op("MaxPool", ["x"], "y", name="/pool", kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 1, 1, 1])
    m.save("refused/dilated_pool", ["y"])
    m = Model(x=[1, 3])
    w = rng.standard_normal((2, 3)).astype(np.float32)
    w[1, 2] = np.nan
    m.op("Gemm", ["x", m.constant("w", w)], "y", name="/gemm", transB=1)
    m.save("refused/nan_weight", ["y"])
    m = Model(x=[1, 3])
    m.weight("w", 2, 3)
    m.op("Gemm", ["x", "w"], "y", name="/gemm", transB=1)
    m.weights[0].dims[0] = 2**40
    m.save("refused/absurd_weight", ["y"], check=False)
    m = Model(x=[1, 2**40, 2**20])
    m.op("Relu", ["x"], "y", name="/relu")
    m.save("refused/absurd_input", ["y"], check=False)
    m = Model(x=[1, 3])
    m.op("Expand", ["c", "s"], "e", name="/expand")
    m.nodes.insert(0, helper.make_node("Constant", [], ["s"], name="/s",
                                       value=numpy_helper.from_array(int64(2**20, 2**20, 3))))
    m.constant("c", np.float32(1.0))
    m.op("Add", ["x", "e"], "y", name="/add")
    m.save("refused/absurd_expand", ["y"], check=False)
    m = Model(x=[1, "width"])
    m.op("Relu", ["x"], "y", name="/relu")
    m.save("refused/symbolic_width", ["y"])
    m = Model(x=[1, 3])
    m.inputs[0].type.tensor_type.elem_type = TensorProto.STRING
    m.op("Relu", ["x"], "y", name="/relu")
    m.save("refused/text_input", ["y"], check=False)
    m = Model(x=[1, 3])
    m.op("Relu", ["nowhere"], "y", name="/relu")
    m.save("refused/dangling", ["y"], check=False)
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["t"])], "then", [],
                             [helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, 3])])
    m = Model(x=[1, 3], flag=[1])
    m.op("If", ["flag"], "y", name="/if", then_branch=body, else_branch=body)
    m.save("refused/control_flow", ["y"], check=False)


if __name__ == "__main__":
    os.makedirs(os.path.join(HERE, "models"), exist_ok=True)
    os.makedirs(os.path.join(HERE, "refused"), exist_ok=True)
    accepted()
    refused()
    np.savez_compressed(os.path.join(HERE, "expected.npz"), **EXPECTED)
    total = sum(os.path.getsize(os.path.join(HERE, d, f)) for d in ("models", "refused") for f in os.listdir(os.path.join(HERE, d)))
    print(f"{total} bytes", file=sys.stderr)
