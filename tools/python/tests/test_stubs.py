"""The stubs of the compiled half name what it has."""

import ast
from pathlib import Path

import tessera
from tessera import _tessera


def members(body):
    return {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def test_stubs_and_the_extension_have_the_same_names():
    stubs = ast.parse((Path(tessera.__file__).parent / "_tessera.pyi").read_text())
    own = {name for name in vars(_tessera) if not name.startswith("__")}
    assert members(stubs.body) == own
    for node in stubs.body:
        if isinstance(node, ast.ClassDef):
            has = {name for name in vars(getattr(_tessera, node.name)) if not name.startswith("__")}
            assert members(node.body) == has, node.name


def test_every_public_name_is_there_and_described():
    for name in tessera.__all__:
        assert getattr(tessera, name).__doc__, name
    for name in tessera.ir.__all__:
        assert hasattr(tessera.ir, name), name
