"""The verifier alone, as a package of its own: it says what `tessera.verify` says."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tessera
import tessera_verify
from conftest import MODELS


@pytest.fixture(scope="module")
def files(lenet, proof, tmp_path_factory):
    """Paths of a key and of a proof."""
    room = tmp_path_factory.mktemp("verifier")
    lenet.verifying_key.save(room / "lenet.vk")
    proof.save(room / "boot.proof")
    return room / "lenet.vk", room / "boot.proof"


def test_it_says_what_the_whole_package_says(lenet, proof, files):
    known = lenet.verify(proof)
    for key, given in (files, tuple(path.read_bytes() for path in files), tuple(map(str, files))):
        said = tessera_verify.verify(key, given, key_digest=known.key)
        assert said and (said.bits, said.regime, said.key) == (known.bits, known.regime, known.key)
        assert said.model == "fmnist_lenet" and tessera_verify.__version__ == tessera.__version__ and np.allclose(said.outputs["y"], proof.output)
        assert str(said) == str(known) and "class 9" in str(said) and said.report["program"] == known.program


@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_does_not_hold_or_cannot_be_used_is_an_exception(files, as_bytes, tmp_path):
    key, proof = files

    def told(kind, *parts, proof=proof, **options):
        given = [path.read_bytes() if as_bytes else path for path in (key, proof)]
        with pytest.raises(kind) as e:
            tessera_verify.verify(*given, **options)
        assert all(part in str(e.value) for part in parts) and e.value.problems[0]["message"] in str(e.value), str(e.value)

    told(tessera_verify.UseError, "not the one of the digest", key_digest="0" * 64)
    told(tessera_verify.UseError, "worth too little", min_security=200)
    told(tessera_verify.UseError, "this is no digest", key_digest="12")
    told(tessera_verify.UseError, "this is no root", roots={"x": "12"})
    told(tessera_verify.UseError, 'no one commitment to "x"', roots={"x": "0" * 64})
    told(tessera_verify.UseError, "expected a certificate", certificates=[key])
    told(tessera_verify.UseError, "expected a proof", proof=key)
    good = proof.read_bytes()
    for at in np.random.default_rng(1).integers(0, len(good), 20):
        changed = bytearray(good)
        changed[at] ^= 1
        (tmp_path / "changed.proof").write_bytes(changed)
        with pytest.raises((tessera_verify.ProofRejected, tessera_verify.UseError)):
            tessera_verify.verify(key, bytes(changed) if as_bytes else tmp_path / "changed.proof")


def test_certificates_chains_and_roots(tmp_path):
    digits = np.load(MODELS / "digits_test.npz")["images_u8"]
    options = {"calibration": digits, "scale": 1 / 16}
    mine = tessera.compile(MODELS / "digits_mlp.onnx", weights="committed", zero_knowledge=True, uses=2, **options)
    key = mine.setup()
    mine.save(tmp_path / "mine.tess")
    proof = mine.next_epoch(tmp_path / "one.pk").prove(digits[0])
    for certificate in (tmp_path / "one.cert", (tmp_path / "one.cert").read_bytes()):
        said = tessera_verify.verify(key.to_bytes(), proof.to_bytes(), certificates=[certificate], key_digest=key.digest)
        assert said.report["certified"] == [key.digest, 1]
    with pytest.raises(tessera_verify.ProofRejected, match="made for another verifying key"):
        tessera_verify.verify(key.to_bytes(), proof.to_bytes())

    features = tessera.compile(MODELS / "halves" / "features.onnx", visibility={"features": "committed"}, **options)
    scores = tessera.compile(
        MODELS / "halves" / "scores.onnx",
        calibration=features.run(digits),
        visibility={"features": "committed"},
        input_from={"features": (features.verifying_key, "features")},
    )
    one = features.prove(digits[0])
    two = scores.prove(one.openings["features"])
    first, last = ((m.verifying_key.to_bytes(), p.to_bytes()) for m, p in ((features, one), (scores, two)))
    root = one.openings["features"].root
    said = tessera_verify.verify(*last, after=[first], roots={"features": root})
    assert said.report["links"][0]["model"] == "features" and said.outputs.keys() == {p.name for p in scores.outputs}
    assert tessera_verify.verify(*first).outputs == {"features": []}
    with pytest.raises(tessera_verify.ProofRejected, match="no input of this proof is an output"):
        tessera_verify.verify(*first, after=[last])
    with pytest.raises(tessera_verify.ProofRejected, match="another commitment"):
        tessera_verify.verify(*last, roots={"features": "0" * 64})


def test_the_command(files):
    def command(*arguments):
        done = subprocess.run([sys.executable, "-m", "tessera_verify", *map(str, arguments)], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, out, err = command(*files)
    assert code == 0 and out.startswith(f"verified {files[1]}\n") and err == ""
    code, out, err = command(*files, "--json", "--key-digest", "0" * 64)
    assert code == 2 and json.loads(out)["exit_code"] == 2 and err.startswith("error: ")
    assert command()[0] == 2 and command("--version")[1] == f"tessera-verify {tessera_verify.__version__}\n"


def test_it_needs_nothing_but_python(files):
    code = """
        import sys
        import tessera_verify
        assert tessera_verify.verify(*sys.argv[1:])
        assert not any(m in sys.modules for m in ("tessera", "numpy", "torch")), sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), *map(str, files)], check=True)

