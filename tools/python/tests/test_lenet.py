"""From an ONNX file to proofs: what is proven is what the quantized model computes, and nothing else is accepted."""

import pickle

import numpy as np
import pytest
import tessera


def test_a_proof_is_of_what_the_quantized_model_computes(lenet, images, proof):
    x = images[:1]
    circuit, qnn, program = (lenet.run(x, level=level) for level in ("circuit", "qnn", "program"))
    assert (circuit == program).all() and (qnn == program).all() and (proof.output == program).all()
    assert proof.output.dtype == np.float32 and proof.output.shape == (1, 10) and len(proof) == 1
    (port,) = lenet.outputs
    assert np.allclose(proof.integers[port.name] * port.scale, proof.output)
    floats = lenet.run(x, level="nn")
    assert 0 < np.abs(floats - program).max() < 2
    assert proof.labels == [str(floats.argmax())]


def test_a_proof_is_verified_by_the_key_alone(lenet, proof, images, tmp_path):
    lenet.verifying_key.save(tmp_path / "m.vk")
    proof.save(tmp_path / "m.proof")
    said = tessera.verify(tmp_path / "m.vk", tmp_path / "m.proof", input=images[0], scale=1 / 255)
    assert said and said.bits >= 100 and said.regime == "proven" and said.key == lenet.verifying_key.digest
    assert "run on exactly the given input" in str(said) and "class 9" in str(said)
    html = said._repr_html_()
    assert all(part in html for part in ("statement</th>", "exactly the given input", "<br>class 9", said.key, f"{said.bits:.1f} bits"))
    key = pickle.loads(pickle.dumps(lenet.verifying_key))
    assert key == lenet.verifying_key and key.verify(proof, key_digest=key.digest)


def test_every_changed_byte_is_noticed(lenet, proof):
    good = proof.to_bytes()
    random = np.random.default_rng(0)
    for at in random.integers(0, len(good), 40):
        bad = bytearray(good)
        bad[at] ^= 1 << int(random.integers(8))
        with pytest.raises((tessera.ProofRejected, tessera.UseError)):
            tessera.verify(lenet.verifying_key, bytes(bad))
    with pytest.raises(tessera.UseError):
        tessera.verify(lenet.verifying_key, good[:-1])


def test_a_proof_about_another_input_says_so(lenet, proof, images):
    with pytest.raises(tessera.ProofRejected, match="it is about another input"):
        tessera.verify(lenet.verifying_key, proof, input=images[1])


def test_a_key_is_pinned_and_has_to_be_worth_enough(lenet, proof):
    with pytest.raises(tessera.UseError, match="not the one of the digest"):
        tessera.verify(lenet.verifying_key, proof, key_digest="0" * 64)
    with pytest.raises(tessera.UseError, match="this is no digest"):
        tessera.verify(lenet.verifying_key, proof, key_digest="12")
    with pytest.raises(tessera.UseError, match="worth too little"):
        tessera.verify(lenet.verifying_key, proof, min_security=200)


def test_models_and_keys_are_saved_and_loaded(lenet, images, proof, tmp_path):
    lenet.save(tmp_path / "m.tess")
    assert {p.name for p in tmp_path.iterdir()} == {"m.tess", "m.pk", "m.vk"}
    again = tessera.CompiledModel.load(tmp_path / "m.tess")
    assert again.verifying_key == lenet.verifying_key and again.verify(again.prove(images[0]))
    assert again.metadata == lenet.metadata
    # what was loaded may be saved in its own place, again and again
    again.save(tmp_path / "m.tess")
    again.save(tmp_path / "m.tess")
    again.verifying_key.audit(tmp_path / "m.tess")


def test_a_batch_has_one_proof(images, labels):
    from conftest import MODELS

    model = tessera.compile(MODELS / "fmnist_lenet.onnx", calibration=images[:16], scale="1/255", batch=4, labels=list("abcdefghij"))
    proof = model.prove(images[:3])
    assert len(proof) == 3 and proof.output.shape == (3, 10) and model.verify(proof, input=images[:3])
    assert (proof.output == model.run(images[:3])).all()
    assert len(proof.labels) == 3 and set(proof.labels) <= set("abcdefghij")
    with pytest.raises(tessera.UseError, match="more inputs than one proof"):
        model.prove(images[:5])


def test_hidden_inputs_are_not_in_the_proof(images):
    from conftest import MODELS

    options = {"calibration": MODELS / "digits_test.npz", "scale": 1 / 16, "zero_knowledge": True}
    model = tessera.compile(MODELS / "digits_mlp.onnx", **options)
    digits = np.load(MODELS / "digits_test.npz")["images_u8"]
    proof = model.prove(digits[0])
    assert model.verify(proof).hiding > 60
    assert list(proof.inputs.values()) == [None]
    assert "hidden" in proof._repr_html_()
    assert proof.to_bytes() != model.prove(digits[0]).to_bytes()


def test_calibration_data_come_in_many_forms(images):
    from conftest import MODELS

    def compiled(calibration, **more):
        return tessera.compile(MODELS / "fmnist_lenet.onnx", calibration=calibration, **more)

    some = (images[:8] / np.float32(255)).astype(np.float32)
    forms = [
        some,
        {"image": some},
        [some[:4], some[4:]],
        [(some[:4], [1, 2, 3, 4]), (some[4:], [5, 6, 7, 8])],
        list(some),
        (x for x in some),
    ]
    keys = {compiled(form).inputs[0].scale for form in forms}
    assert len(keys) == 1


def test_evaluating(lenet, images, labels):
    result = lenet.evaluate(images[:60], labels[:60])
    assert result.samples == 60 and result.agreement > 0.9 and result.float_accuracy > 0.8
    assert result.worst_layer is not None and "accuracy" in result._repr_html_()
    loader = [(images[i : i + 20], labels[i : i + 20]) for i in range(0, 100, 20)]
    assert lenet.evaluate(loader, samples=60) == result


def test_what_a_notebook_shows_is_escaped(lenet, proof):
    for shown in (lenet, proof, lenet.verifying_key):
        html = shown._repr_html_()
        assert html.startswith("<div") and "<script" not in html and "fmnist_lenet" in html
    lenet.verifying_key._about["model"]["name"] = "<script>x"
    try:
        assert "<script" not in lenet.verifying_key._repr_html_()
    finally:
        lenet.verifying_key._about["model"]["name"] = "fmnist_lenet"
