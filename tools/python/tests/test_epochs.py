"""Further keys of hidden weights, and the certificates that lead to them."""

import numpy as np
import pytest
import tessera
from conftest import MODELS
from test_mistakes import told


@pytest.fixture(scope="module")
def digits():
    return np.load(MODELS / "digits_test.npz")["images_u8"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("mine") / "mine.tess"


@pytest.fixture(scope="module")
def mine(digits, path):
    """With a key in a file."""
    options = {"weights": "committed", "zero_knowledge": True, "uses": 6}
    model = tessera.compile(MODELS / "digits_mlp.onnx", calibration=digits, scale=1 / 16, **options)
    model.setup()
    model.save(path)
    return model


def test_proofs_of_further_keys_are_verified_by_the_first_and_certificates(mine, path, digits, tmp_path):
    key = mine.verifying_key
    before = mine.status()
    one = mine.next_epoch(tmp_path / "one.pk")
    assert {p.name for p in tmp_path.iterdir()} == {"one.pk", "one.cert", "one.uses"}
    after = mine.status()
    assert after.used == before.used + before.certificate and after.left == before.left - before.certificate
    assert one.status() == (before.certificate, before.of, before.certificate)

    proof = one.prove(digits[0])
    assert np.array_equal(proof.output, mine.run(digits[0])) and one.status().used == before.certificate + 1
    said = tessera.verify(key, proof, certificates=tmp_path / "one.cert", key_digest=key.digest)
    assert said.certified == key.digest and said.key == one.verifying_key.digest != key.digest
    assert said.weights == one.verifying_key.weights != key.weights and said.bits < key.bits and key.digest in said._repr_html_()
    # by the further key alone it holds as well, and nothing is known of whose weights these are
    assert one.verify(proof).certified is None
    proof.save(tmp_path / "one.proof")
    assert tessera.verify(key, tmp_path / "one.proof", certificates=[tmp_path / "one.cert"]).certified == key.digest

    # another session, and a key in a row
    again = tessera.CompiledModel.load(path, key=tmp_path / "one.pk")
    assert again.verifying_key == one.verifying_key
    two = again.next_epoch(tmp_path / "two.pk")
    row = [tmp_path / "one.cert", tmp_path / "two.cert"]
    assert tessera.verify(key, two.prove(digits[1]), certificates=row).certified == key.digest
    told(lambda: tessera.verify(key, two.prove(digits[1]), certificates=row[::-1]), "in the order in which their keys were made", kind=tessera.ProofRejected)
    three = two.next_epoch(tmp_path / "three.pk")
    row.append(tmp_path / "three.cert")
    told(lambda: tessera.verify(key, three.prove(digits[1]), certificates=row), "there are too many certificates")


def test_certificates_are_asked_for_and_checked(mine, digits, tmp_path):
    key = mine.verifying_key
    one = mine.next_epoch(tmp_path / "one.pk")
    proof = one.prove(digits[0])
    told(lambda: tessera.verify(key, proof), "this proof was made for another verifying key", kind=tessera.ProofRejected)
    certificate = tmp_path / "one.cert"
    # a digest pins the first key, not the one that certificates lead to
    for digest in ("0" * 64, one.verifying_key.digest):
        told(lambda: tessera.verify(key, proof, certificates=certificate, key_digest=digest), "not the one of the digest")
    told(lambda: tessera.verify(key, proof, certificates=certificate, min_security=100), "worth too little", "min_security=")
    # proofs of the first key are none of the further one
    told(lambda: tessera.verify(key, mine.prove(digits[0]), certificates=certificate), "for another verifying key", kind=tessera.ProofRejected)
    good = certificate.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(good), 12):
        bad = bytearray(good)
        bad[at] ^= 1
        certificate.write_bytes(bad)
        with pytest.raises((tessera.ProofRejected, tessera.UseError)):
            tessera.verify(key, proof, certificates=certificate)
    told(lambda: tessera.verify(key, proof, certificates=tmp_path / "no.cert"), "there is no such file")
    told(lambda: tessera.verify(key, proof, certificates=tmp_path / "one.pk"), "expected a certificate", "found a proving key")


def test_keys_that_make_no_certificates_and_have_no_file(mine, lenet, digits, tmp_path):
    assert lenet.status() is None
    told(lambda: lenet.next_epoch(tmp_path / "one.pk"), "has no certificates", 'weights="committed", zero_knowledge=True')
    told(lambda: mine.next_epoch(tmp_path / "no" / "one.pk"), "its directory does not exist")
    one = mine.next_epoch(tmp_path / "one.pk")
    told(lambda: mine.next_epoch(tmp_path / "one.pk"), "count of another key's proofs", "give the further key another name")
    for file in (one.verifying_key.to_bytes, lambda: one.verifying_key.save(tmp_path / "one.vk")):
        told(file, "was not read from a file", "certificates=[path]")
    fresh = tessera.compile(MODELS / "digits_mlp.onnx", calibration=digits, scale=1 / 16, weights="committed", zero_knowledge=True, uses=2)
    told(lambda: fresh.next_epoch(tmp_path / "two.pk"), "from its file", "model.save")
    told(lambda: tessera.CompiledModel.load(tmp_path / "one.pk"), "expected a compiled model", "found a proving key")
    lenet.save(tmp_path / "lenet.tess")
    told(lambda: tessera.CompiledModel.load(tmp_path / "lenet.tess", key=tmp_path / "one.pk"), "belongs to", "model.setup()")
