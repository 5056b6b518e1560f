"""The stubs of the compiled halves name what these have, and what is annotated is known to a type checker."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tessera
import tessera_verify
from tessera import _tessera
from tessera_verify import _tessera_verify

#: As somebody writes one who has mypy look at it.
SCRIPT = """
import numpy as np
import tessera
import tessera_verify


def main(images: np.ndarray, labels: np.ndarray) -> float:
    model = tessera.compile("lenet.onnx", calibration=images, scale=1 / 255, weights="committed", zero_knowledge=True)
    model.save("lenet.tess")
    status = model.status()
    if status is not None and status.left < 2:
        model = model.next_epoch("further.pk")
    proof = model.prove(images[0])
    proof.save("boot.proof")
    said = tessera.verify(model.verifying_key, proof, certificates=["further.cert"])
    key: tessera.VerifyingKey = model.verifying_key
    assert model.verify(proof, key_digest=key.digest).bits == said.bits
    shares = [costs["seconds"] for costs in model.explain().layers]
    ops = [op.name for op in tessera.ir.load(model, level="qnn").run("canonicalize").ops]
    print(proof.labels, shares, ops, model.evaluate(images, labels).worst_layer)
    return tessera_verify.verify("lenet.vk", "boot.proof").bits
"""


def members(body):
    return {node.name: node for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def parameters(node):
    return [a.arg for a in node.args.args]


@pytest.mark.parametrize("package, extension", [(tessera, _tessera), (tessera_verify, _tessera_verify)])
def test_stubs_and_the_extension_have_the_same_names(package, extension):
    stubs = members(ast.parse((Path(package.__file__).parent / f"{extension.__name__.split('.')[-1]}.pyi").read_text()).body)
    own = {name for name in vars(extension) if not name.startswith("__")}
    assert stubs.keys() == own
    for name, node in stubs.items():
        if isinstance(node, ast.ClassDef):
            has = {member for member in vars(getattr(extension, name)) if not member.startswith("__")}
            assert members(node.body).keys() == has, name
            for member, function in members(node.body).items():
                assert parameters(function) == list(inspect.signature(getattr(getattr(extension, name), member)).parameters), (name, member)
        else:
            assert parameters(node) == list(inspect.signature(getattr(extension, name)).parameters), name


def test_every_public_name_is_there_and_described():
    for package in (tessera, tessera_verify):
        for name in package.__all__:
            assert getattr(package, name).__doc__, name
    for name in tessera.ir.__all__:
        assert hasattr(tessera.ir, name), name


def mypy(code, tmp_path):
    (tmp_path / "user.py").write_text(code)
    room = Path(tessera.__file__).parents[1]
    command = [sys.executable, "-m", "mypy", "--config-file", room / "pyproject.toml", "-p", "tessera", "-p", "tessera_verify", "-m", "user"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(room)})
    return done.stdout + done.stderr


def test_nothing_is_unknown_to_mypy(tmp_path):
    pytest.importorskip("mypy")
    assert mypy(SCRIPT, tmp_path).startswith("Success")
    for right, wrong in (("key_digest=key.digest", "key_digset=key.digest"), ("status.left", "status.rest"), ("scale=1 / 255", "scale=[]")):
        said = mypy(SCRIPT.replace(right, wrong), tmp_path)
        assert "user.py" in said and "Found 1 error" in said, said
