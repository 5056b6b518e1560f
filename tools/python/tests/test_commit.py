"""Inputs that somebody else has, and proofs of which one begins where the other ends."""

import numpy as np
import pytest
import tessera
from conftest import MODELS
from test_mistakes import LENET, told


@pytest.fixture(scope="module")
def digits():
    return np.load(MODELS / "digits_test.npz")["images_u8"]


@pytest.fixture(scope="module")
def features(digits):
    return tessera.compile(
        MODELS / "halves" / "features.onnx", calibration=digits, scale=1 / 16, visibility={"x": "committed", "features": "committed"}
    )


@pytest.fixture(scope="module")
def scores(features, digits):
    key = features.verifying_key
    return tessera.compile(
        MODELS / "halves" / "scores.onnx",
        calibration=features.run(digits),
        visibility={"features": "committed"},
        input_from={"features": (key, "features")},
    )


def test_an_output_of_one_proof_is_the_input_of_the_next(features, scores, digits, tmp_path):
    given = tessera.commit(features.verifying_key, digits[3])
    given.save(tmp_path / "x.opening")
    assert tessera.Opening.load(tmp_path / "x.opening").root == given.root and "1 inference," in repr(given)
    assert tessera.commit(features.verifying_key, digits[3]).root != given.root

    one = features.prove(given)
    assert one.openings["features"].root in one._repr_html_()
    assert list(one.openings) == ["features"] and one.inputs == {"x": None} and one.outputs == {}
    two = scores.prove({"features": one.openings["features"]})
    assert two.openings == {} and np.array_equal(two.output, scores.run(features.run(digits[3])))

    said = scores.verify(two, after=one)
    assert said.linked == {"features": ("features", "features")} and said.committed == {"features": one.openings["features"].root}
    assert tessera.verify(features.verifying_key, one, roots={"x": given}).committed["x"] == given.root
    html = said._repr_html_()
    assert "This proof holds" in html and given.root not in html and said.committed["features"] in html

    # another run of the first model is not what the second began with
    again = features.prove(given)
    told(lambda: scores.verify(two, after=again), "no input of this proof is an output of the one before", kind=tessera.ProofRejected)
    told(lambda: scores.verify(two, after=two), "no input of this proof is an output", kind=tessera.ProofRejected)
    told(
        lambda: features.verify(one, roots={"x": one.openings["features"]}),
        "the proof holds, but it is about another commitment",
        kind=tessera.ProofRejected,
    )
    told(lambda: features.verify(one, roots={"y": given.root}), 'no one commitment to "y"')
    told(lambda: features.verify(one, roots={"x": "12"}), "this is no root", "Opening.root")
    told(lambda: scores.verify(two, after="one.proof"), "no proofs to come after")


def test_data_are_committed_to_by_the_prover_where_nobody_else_did(features, digits):
    proof = features.prove(digits[0])
    assert sorted(proof.openings) == ["features", "x"]
    again = features.prove(proof.openings["x"])
    assert features.verify(again).committed["x"] == proof.openings["x"].root == features.verify(proof).committed["x"]


def test_what_cannot_be_committed_to_is_told(features, scores, lenet, digits, images):
    opening = tessera.commit(features.verifying_key, digits[0])
    told(lambda: tessera.commit(lenet.verifying_key, images[0]), "commits to no input", 'visibility={"NAME": "committed"}')
    told(lambda: tessera.commit(features.verifying_key, digits[0], name="y"), 'commits to no input "y"', "expected x")
    told(lambda: lenet.prove(opening), "commits to no input")
    told(lambda: scores.prove(opening), 'no opening of the input "features"', "tessera.commit(model.verifying_key, data)")
    told(lambda: features.prove({}), "no array")
    told(
        lambda: tessera.compile(LENET, calibration=images[:8], scale=1, visibility={"x": "secret"}), 'visibility of "x"', "public, private or committed"
    )
    told(
        lambda: tessera.compile(LENET, calibration=images[:8], scale=1, input_from={"x": (features.verifying_key, "y")}),
        'features has no output "y"',
    )
