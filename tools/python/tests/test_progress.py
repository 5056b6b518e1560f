"""Progress of long work: told to a function, or drawn by tqdm where somebody watches."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
import textwrap
import types

import pytest
import tessera
from conftest import MODELS

LENET = MODELS / "fmnist_lenet.onnx"


class Drawn:
    """Stands in for a bar of tqdm, which Debian's machines may not have; what is drawn by the real one is looked at where that is installed."""

    all = []

    def __init__(self, **options):
        self.options, self.total, self.n, self.closed, self.waited = options, options["total"], 0, False, 0
        Drawn.all.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def set_postfix_str(self, text, refresh):
        self.last = text

    def update(self, n):
        self.n += n
        self.waited += n == 0


@pytest.fixture
def bars(monkeypatch):
    for name in ("tqdm", "tqdm.auto"):
        module = types.ModuleType(name)
        module.tqdm = Drawn
        monkeypatch.setitem(sys.modules, name, module)
    Drawn.all = []
    return Drawn.all


def test_every_long_call_tells_its_steps(images, labels):
    steps = []

    def told():
        found = list(steps)
        steps.clear()
        return found

    model = tessera.compile(LENET, calibration=images[:8], scale=1 / 255, progress=steps.append)
    assert "nn-calibrate" in " ".join(told())
    model.setup(progress=steps.append)
    assert told() == ["keys made", "keys read"]
    model.prove(images[0], progress=steps.append)
    assert told() == ["witness", "proof"]
    model.evaluate(images[:11], labels[:11], progress=steps.append)
    assert told() == ["input compared"] * 11
    assert tessera.check(LENET, progress=steps.append) and told()
    # keys that are made on the way are told too
    fresh = tessera.compile(LENET, calibration=images[:8], scale=1 / 255)
    fresh.prove(images[0], progress=steps.append)
    assert told() == ["keys made", "keys read", "witness", "proof"]


def test_bars_are_drawn_and_closed(bars, images):
    model = tessera.compile(LENET, calibration=images[:8], scale=1 / 255, progress=True)
    model.setup(progress=True)
    model.evaluate(images[:200], progress=True)
    model.prove(images[0], progress=True)
    assert [bar.options["desc"] for bar in bars] == [f"{what} fmnist_lenet" for what in ("compiling", "making the keys of", "evaluating", "proving")]
    assert all(bar.closed and bar.n > 0 for bar in bars)
    compiling, setup, evaluating, proving = bars
    # of counted work the whole is known
    assert (evaluating.n, evaluating.total) == (200, 200) and setup.total is proving.total is compiling.total is None
    assert setup.n == 2 and setup.last == "keys read"
    # between steps that are long, time is seen to pass
    tessera.compile(LENET, calibration=images[:8], scale=1 / 255, batch=256, progress=False).setup(progress=True)
    assert bars[-1].waited > 0 and bars[-1].n == 2


def test_a_bar_is_closed_after_an_error(bars, images):
    model = tessera.compile(LENET, calibration=images[:8], scale=1 / 255, progress=False)
    assert bars == []
    with pytest.raises(tessera.UseError):
        model.evaluate(images[:20], [0] * 20, scale="nonsense", progress=True)
    with pytest.raises(tessera.UseError):
        model.setup(security=9000, progress=True)
    assert [bar.closed for bar in bars] == [True, True]


def test_an_error_of_the_listener_ends_setup_and_evaluate(lenet, images):
    def enough(step):
        raise RuntimeError("enough of " + step)

    model = tessera.compile(LENET, calibration=images[:8], scale=1 / 255)
    with pytest.raises(RuntimeError, match="enough of keys made"):
        model.setup(progress=enough)
    with pytest.raises(RuntimeError, match="enough of input compared"):
        model.evaluate(images, progress=enough)
    assert model.verify(model.prove(images[0]))


WATCHED = """
    import sys, numpy as np, tessera
    onnx = sys.argv[1]
    images = np.load(onnx.replace(".onnx", "_test1000.npz"))["images_u8"]
    model = tessera.compile(onnx, calibration=images[:64], scale=1/255)
    model.setup()
    model.evaluate(images[:300])
    model.prove(images[0])
"""


def test_a_terminal_shows_bars_and_a_file_does_not(tmp_path):
    pytest.importorskip("tqdm")
    code = textwrap.dedent(WATCHED)
    mine, theirs = os.openpty()
    # a terminal of no columns is drawn on by nobody
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    with subprocess.Popen([sys.executable, "-c", code, str(LENET)], stderr=theirs, cwd=tmp_path) as child:
        os.close(theirs)
        seen = b""
        while True:
            try:
                more = os.read(mine, 4096)
            except OSError:
                # the terminal's other end is closed
                break
            if not more:
                break
            seen += more
    os.close(mine)
    assert child.returncode == 0, seen
    for what in (b"compiling", b"making the keys of", b"evaluating", b"proving"):
        assert what + b" fmnist_lenet" in seen, seen
    assert b"/300" in seen
    quiet = subprocess.run([sys.executable, "-c", code, str(LENET)], capture_output=True, cwd=tmp_path)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
