"""Pages of the book that are written in Python are true: their code runs, from top to bottom, in a folder with the files of tests/models."""

import re

import pytest
from conftest import DOCS, MODELS

PAGES = ["../README.md", "guide/python.md", "tutorials/ir-from-python.md", *sorted(f"gallery/{page.name}" for page in (DOCS / "gallery").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path, monkeypatch):
    for file in MODELS.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    # lines keep their numbers, for whoever looks for a failure
    code = "\n".join(line if inside else "" for line, inside in lines(text))
    assert "assert " in code
    exec(compile(code, str(DOCS / page), "exec"), {"__name__": "page"})


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
