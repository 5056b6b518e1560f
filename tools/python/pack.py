"""Packs a Python package and the extension that cargo built for it into a wheel, and what the extension links into it as well.

    python3 pack.py FOLDER EXTENSION OUT     (needs auditwheel and patchelf on the path)

FOLDER has pyproject.toml and, in python/, one package. The extension keeps to the stable interface of Python 3.9, so one wheel serves every
Python since. auditwheel copies what it links, such as LLVM and MLIR, beside it and makes it look for them there.
"""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def version():
    """The workspace's version, which every crate has."""
    return re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M).group(1)


def metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {version()}", f"Summary: {project['description']}"]
    lines += [f"License: {project['license']['text']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {d}" for d in project.get("dependencies", [])]
    for extra, needs in project.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}"] + [f"Requires-Dist: {d}; extra == '{extra}'" for d in needs]
    return "\n".join(lines) + "\n"


def contents(folder, extension, project):
    """Name in the wheel and bytes, in one order."""
    (package,) = (path for path in (folder / "python").iterdir() if path.is_dir())
    for path in sorted(package.iterdir()):
        if path.suffix in (".py", ".pyi", ".typed"):
            yield f"{package.name}/{path.name}", path.read_bytes()
    yield f"{package.name}/_{package.name}.abi3.so", extension
    info = f"{project['name'].replace('-', '_')}-{version()}.dist-info"
    yield f"{info}/METADATA", metadata(project).encode()
    yield f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: tessera\nRoot-Is-Purelib: false\nTag: cp39-abi3-linux_x86_64\n"
    if "scripts" in project:
        scripts = "".join(f"{name} = {function}\n" for name, function in project["scripts"].items())
        yield f"{info}/entry_points.txt", f"[console_scripts]\n{scripts}".encode()
    for licence in ("LICENSE-APACHE", "LICENSE-MIT"):
        yield f"{info}/{licence}", (ROOT / licence).read_bytes()


def write(wheel, files, info):
    record = ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files:
            # no clock: the same build gives the same bytes
            about = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            about.external_attr, about.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(about, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(data)}\n"
        about = zipfile.ZipInfo(f"{info}/RECORD", (2020, 1, 1, 0, 0, 0))
        about.external_attr = 0o644 << 16
        archive.writestr(about, record + f"{info}/RECORD,,\n")


def main():
    folder, extension, out = map(Path, sys.argv[1:])
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name = f"{project['name'].replace('-', '_')}-{version()}"
    with tempfile.TemporaryDirectory() as room:
        stripped = Path(room) / "extension.so"
        shutil.copy(extension, stripped)
        subprocess.run(["strip", "--strip-debug", stripped], check=True)
        bare = Path(room) / f"{name}-cp39-abi3-linux_x86_64.whl"
        write(bare, contents(folder, stripped.read_bytes(), project), f"{name}.dist-info")
        repaired = Path(room) / "repaired"
        command = ["auditwheel", "repair", "--plat", "auto", "-w", repaired, bare]
        subprocess.run(command, check=True)
        out.mkdir(parents=True, exist_ok=True)
        for wheel in repaired.iterdir():
            shutil.move(wheel, out / wheel.name)
            print(f"pip install {out / wheel.name}")
            if "torch" in project.get("optional-dependencies", {}):
                print(f"pip install '{out / wheel.name}[torch]'     # and PyTorch, where that is not installed")


if __name__ == "__main__":
    main()
