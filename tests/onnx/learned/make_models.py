"""Writes small models of classical machine learning (`ai.onnx.ml`) that have no case in the onnx package.

Run it by hand when a model is added (`pip install onnx numpy`, then `python make_models.py`).

  *.onnx        models
  expected.npz  an input and the outputs for each of them, by the evaluator of the onnx package
"""

import os

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.aionnxml import op_svm_classifier

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(11)
EXPECTED = {}
F, I = TensorProto.FLOAT, TensorProto.INT64
# of two classes, what the evaluator comes near to by iteration is known: the probability of the one pair
op_svm_classifier.multiclass_probability = lambda k, pairs: np.array([pairs[0, 1], pairs[1, 0]][:k])


def save(name, op, x, outputs, **attributes):
    names = [f"y{i}" for i in range(len(outputs))]
    node = helper.make_node(op, ["x"], names, name=f"/{op}", domain="ai.onnx.ml", **attributes)
    source = helper.make_tensor_value_info("x", F if x.dtype == np.float32 else I, list(x.shape))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]

    def model(shapes):
        results = [helper.make_tensor_value_info(*result) for result in zip(names, outputs, shapes)]
        graph = helper.make_graph([node], name, [source], results)
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tessera tests")

    values = ReferenceEvaluator(model([None] * len(outputs))).run(None, {"x": x})
    written = model([list(np.shape(y)) for y in values])
    onnx.checker.check_model(written)
    onnx.save(written, os.path.join(HERE, name + ".onnx"))
    EXPECTED[f"{name}.in0"] = x.astype(np.float32)
    for i, y in enumerate(values):
        EXPECTED[f"{name}.out{i}"] = np.asarray(y, dtype=np.float32)


def rows(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def machine(name, sizes, kernel, features=3, parameters=(0.5, 0.25, 3.0), **more):
    classes, supports = len(sizes), sum(sizes)
    save(
        name, "SVMClassifier", rows(12, features), [I, F],
        classlabels_ints=[3 * c + 1 for c in range(classes)],
        coefficients=rng.standard_normal((classes - 1) * supports).tolist(),
        kernel_params=list(parameters), kernel_type=kernel, post_transform=more.pop("post_transform", "NONE"),
        rho=rng.standard_normal(classes * (classes - 1) // 2).tolist(),
        support_vectors=rng.standard_normal(supports * features).tolist(), vectors_per_class=list(sizes), **more,
    )


machine("svm_rbf", [3, 2, 4, 1], "RBF")
machine("svm_poly", [2, 3, 2], "POLY", post_transform="SOFTMAX")
machine("svm_sigmoid", [2, 2, 3], "SIGMOID", post_transform="LOGISTIC")
machine("svm_two", [4, 3], "RBF")
machine("svm_two_logistic", [4, 3], "LINEAR", post_transform="LOGISTIC")
machine("svm_two_probabilities", [4, 3], "RBF", prob_a=[-1.5], prob_b=[0.25])
save(
    "svm_bare", "SVMClassifier", rows(12, 4), [I, F], classlabels_ints=[0, 1, 2],
    coefficients=rng.standard_normal(12).tolist(), kernel_type="LINEAR", post_transform="SOFTMAX", rho=[0.5, 0.0, 0.0],
)

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def trees(kind, depths, results, features=4):
    """Complete trees, one depth each, with thresholds among the values that features have."""
    lists = {key: [] for key in ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids"]}
    leaves = {key: [] for key in ["treeids", "nodeids", "ids", "weights"]}
    for tree, depth in enumerate(depths):
        for node in range(2 ** (depth + 1) - 1):
            leaf = node >= 2**depth - 1
            lists["treeids"].append(tree)
            lists["nodeids"].append(node)
            lists["featureids"].append(0 if leaf else int(rng.integers(features)))
            lists["values"].append(0.0 if leaf else float(rng.integers(-2, 3)) / 2)
            lists["modes"].append("LEAF" if leaf else MODES[int(rng.integers(len(MODES)))])
            lists["truenodeids"].append(0 if leaf else 2 * node + 1)
            lists["falsenodeids"].append(0 if leaf else 2 * node + 2)
            for result in range(results if leaf else 0):
                leaves["treeids"].append(tree)
                leaves["nodeids"].append(node)
                leaves["ids"].append(result)
                leaves["weights"].append(float(rng.uniform(0.1, 1)))
    prefix = "class" if kind == "TreeEnsembleClassifier" else "target"
    attributes = {f"nodes_{key}": value for key, value in lists.items()}
    return attributes | {f"{prefix}_{key}": value for key, value in leaves.items()}


HALVES = (rng.integers(-3, 4, (24, 4)) / 2).astype(np.float32)
save(
    "trees_classes", "TreeEnsembleClassifier", HALVES, [I, F], classlabels_int64s=[5, 2, 9], post_transform="NONE",
    **trees("TreeEnsembleClassifier", [3, 1, 4, 2], 3),
)
save("trees_values", "TreeEnsembleRegressor", HALVES, [F], n_targets=2, **trees("TreeEnsembleRegressor", [2, 0, 5], 2))
save(
    "imputer", "Imputer", HALVES, [F], imputed_value_floats=[0.25, 3.0, -1.0, 7.0], replaced_value_float=0.5,
)
save("imputer_one", "Imputer", HALVES, [F], imputed_value_floats=[2.0], replaced_value_float=float("nan"))
CODES = rng.integers(0, 6, (7, 2))
save("one_hot", "OneHotEncoder", CODES, [F], cats_int64s=[4, 0, 2], zeros=1)
save("labels", "LabelEncoder", CODES, [F], keys_int64s=[4, 0, 2], values_floats=[0.5, -2.0, 8.0], default_float=3.0)

# labels as skl2onnx writes them: texts of a tensor, at the places of the greatest scores
x, classes = rows(12, 4), ["oslo", "bern", "rome", "bern"]
nodes = [
    helper.make_node("ArgMax", ["x"], ["at"], axis=1, name="/at"),
    helper.make_node("ArrayFeatureExtractor", ["classes", "at"], ["picked"], domain="ai.onnx.ml", name="/pick"),
    helper.make_node("Reshape", ["picked", "shape"], ["y0"], name="/label"),
]
graph = helper.make_graph(
    nodes, "texts", [helper.make_tensor_value_info("x", F, [12, 4])], [helper.make_tensor_value_info("y0", TensorProto.STRING, [12])],
    [helper.make_tensor("classes", TensorProto.STRING, [4], classes), helper.make_tensor("shape", I, [1], [-1])],
)
opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="tessera tests")
onnx.checker.check_model(model)
onnx.save(model, os.path.join(HERE, "texts.onnx"))
EXPECTED["texts.in0"] = x
# a text is its place among all that the file names
EXPECTED["texts.out0"] = np.array([sorted(set(classes)).index(classes[i]) for i in x.argmax(axis=1)], dtype=np.float32)

np.savez(os.path.join(HERE, "expected.npz"), **EXPECTED)
print(len([k for k in EXPECTED if k.endswith("in0")]), "models")
