"""The IR in Python: modules, passes of both kinds, values, and what goes wrong."""

import numpy as np
import pytest
import tessera
from conftest import MODELS

SOURCE = """
func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf32> {nn.name = "y"}) {
  %r = nn.relu %x : tensor<1x4xf32> loc("first")
  %s = nn.relu %r : tensor<1x4xf32> loc("second")
  return %s : tensor<1x4xf32>
}
"""


@pytest.fixture(scope="module")
def module():
    return tessera.ir.parse(SOURCE)


@pytest.fixture(scope="module")
def digits():
    return np.load(MODELS / "digits_test.npz")["images_u8"]


@pytest.fixture(scope="module")
def start(digits):
    return tessera.ir.load(MODELS / "digits_mlp.onnx", calibration=digits[:32], scale=1 / 16)


def test_operations_and_where_operands_come_from(module):
    first, second = module.ops
    assert (first.name, first.place, second.place) == ("nn.relu", "first", "second")
    assert first.operands == [(None, 0, "tensor<1x4xf32>")] and second.operands == [(0, 0, "tensor<1x4xf32>")]
    assert first.type == "tensor<1x4xf32>" and first.text.startswith("%0 = nn.relu %arg0")
    assert tessera.ir.parse(module.text).text == module.text
    assert "second" in module._repr_html_()


def test_passes_of_both_kinds_stand_in_one_list(module):
    seen = []

    def look(m):
        seen.append(len(m.ops))
        return m

    names = [name for name, _ in module.steps([look, "canonicalize,cse", look])]
    assert names == ["look", "canonicalize", "cse", "look"] and seen[0] == 2
    assert module.run([]) is module

    def wrong(m):
        return str(m)

    with pytest.raises(tessera.UseError, match="a pass returned no module"):
        module.run(wrong)


def test_a_pattern_replaces_what_it_wants(module):
    @tessera.ir.rewrite("nn.relu")
    def second_only(op):
        """Doubles."""
        return f"%result = nn.add %operand0, %operand0 : ({op.type}, {op.type}) -> {op.type}" if op.place == "second" else None

    changed = module.run(second_only)
    assert [op.name for op in changed.ops] == ["nn.relu", "nn.add"] and changed.ops[1].place == "second"
    assert second_only.__name__ == "second-only" and second_only.__doc__ == "Doubles."
    x = np.array([[-1, 2, 0.5, -3]], np.float32)
    relu, add = changed.values(x)
    assert relu.array.tolist() == [[0, 2, 0.5, 0]] and (add.array == 2 * relu.array).all()
    # the module itself is a value
    assert [op.name for op in module.ops] == ["nn.relu", "nn.relu"]
    with pytest.raises(tessera.UseError, match="a pattern returned no text"):
        module.run(tessera.ir.rewrite("nn.relu")(lambda op: 3))


@pytest.mark.parametrize(
    "text, words",
    [
        ("%result = nn.relu %operand0 : tensor<1x5xf32>", "5"),
        ("%result = nn.relu %operand1 : tensor<1x4xf32>", "its operand is %operand0"),
        ("%other = nn.relu %operand0 : tensor<1x4xf32>", "%result"),
        ("%result = nn.nothing %operand0 : tensor<1x4xf32>", "nn.nothing"),
        ("", "%result"),
        ("}", "replaces"),
    ],
)
def test_replacements_that_do_not_fit_are_refused(module, text, words):
    with pytest.raises(tessera.UseError, match=words):
        module.replace({0: text})


def test_what_is_no_module_is_refused(module, tmp_path):
    with pytest.raises(tessera.UseError, match="the text:1"):
        tessera.ir.parse("func.func @main(")
    with pytest.raises(tessera.UseError, match="there is no operation 7"):
        module.replace({7: "return"})
    with pytest.raises(tessera.UseError, match="cannot read"):
        tessera.ir.read(tmp_path / "no.mlir")
    with pytest.raises(tessera.UseError, match="no IR of the level"):
        tessera.ir.load(tessera.compile(MODELS / "digits_mlp.onnx", calibration=MODELS / "digits_test.npz", scale="1/16"), level="llvm")


def test_parameters_are_written_beside_the_module_and_nowhere_else(start, tmp_path):
    (tmp_path / "in").mkdir()
    start.save(tmp_path / "in" / "m.mlir")
    assert tessera.ir.read(tmp_path / "in" / "m.mlir").text == start.text
    (params,) = (p for p in (tmp_path / "in").glob("*.safetensors") if ".samples" not in p.name)
    params.rename(tmp_path / "evil.safetensors")
    text = (tmp_path / "in" / "m.mlir").read_text().replace(params.name, "../evil.safetensors")
    (tmp_path / "in" / "m.mlir").write_text(text)
    module = tessera.ir.read(tmp_path / "in" / "m.mlir")
    (tmp_path / "out").mkdir()
    with pytest.raises(tessera.UseError, match="names its parameters by a path"):
        module.save(tmp_path / "out" / "m.mlir")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_module_is_compiled_as_its_network_is(start, digits, tmp_path):
    whole = tessera.compile(MODELS / "digits_mlp.onnx", calibration=digits[:32], scale=1 / 16)
    same = tessera.compile(start, scale=1 / 16)
    assert (same.run(digits[:20]) == whole.run(digits[:20])).all()
    assert same.summary["program"] == whole.summary["program"]
    # from any level, in memory and from files
    start.run(tessera.ir.default_pipeline(), dump_ir=tmp_path)
    for name in ("02-cse.mlir", "06-cse.mlir", "14-circuit-intervals.mlir"):
        later = tessera.compile(tessera.ir.read(tmp_path / name), scale=1 / 16)
        assert later.summary["program"] == whole.summary["program"], name
    circuit = tessera.ir.load(whole, level="circuit")
    assert circuit.level == "circuit" and "contract" in str(circuit)
    with pytest.raises(tessera.UseError, match="is quantized already"):
        tessera.compile(circuit, calibration=digits[:4], scale=1 / 16)


def test_values_of_all_levels_are_those_that_are_proven(start, digits):
    model = tessera.compile(start, scale=1 / 16)
    expected = model.run(digits[:1])
    for level in ("nn", "qnn", "circuit"):
        values = tessera.ir.load(model, level=level).values(digits[:1], scale=1 / 16)
        if level == "nn":
            assert np.abs(values[-1].array - expected).max() < 0.5
        elif level == "qnn":
            assert np.allclose(values[-1].real, expected)
        else:
            integers = (expected / model.outputs[0].scale).round().astype(int)
            assert any(v.array.size == 10 and (v.array.reshape(-1) == integers.reshape(-1)).all() for v in values)
    with pytest.raises(tessera.UseError, match="the values of one inference"):
        start.values(digits[:2], scale=1 / 16)
