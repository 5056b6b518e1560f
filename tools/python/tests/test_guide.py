"""The page docs/guide/python.md is true: its code runs, from top to bottom."""

import re

from conftest import GUIDE, MODELS


def test_the_guide_runs(torch, tmp_path, monkeypatch):
    text = GUIDE.read_text()
    # lines keep their numbers, for whoever looks for a failure
    blank = [line if inside else "" for line, inside in lines(text)]
    for name in ("fmnist_lenet_test1000.npz", "gpt2_tiny.onnx", "gpt2_tiny_ids.npy"):
        (tmp_path / name).symlink_to(MODELS / name)
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blank)
    assert code.count("assert ") > 5
    exec(compile(code, str(GUIDE), "exec"), {"__name__": "guide"})


def lines(text):
    inside = False
    for line in text.split("\n"):
        if re.match("```", line):
            inside = line == "```python"
            yield line, False
        else:
            yield line, inside


def test_code_is_found():
    assert list(lines("a\n```python\nb\n```\nc")) == [("a", False), ("```python", False), ("b", True), ("```", False), ("c", False)]
