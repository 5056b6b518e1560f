"""Progress of long work: by tqdm where it is installed and somebody watches, or by a function of the caller's."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Callable, Iterator, Optional, Union

Progress = Union[None, bool, Callable[[str], Any]]


def _watched() -> bool:
    notebook = "ipykernel" in sys.modules
    return notebook or (sys.stderr is not None and sys.stderr.isatty())


class Bar:
    """A bar of tqdm, of a known number of steps or of an unknown one."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __call__(self, step: str) -> None:
        """A step is done."""
        if self._bar.total is None:
            self._bar.set_postfix_str(step, refresh=False)
        self._bar.update(1)

    def waiting(self) -> None:
        """Nothing new but the time."""
        self._bar.update(0)


@contextlib.contextmanager
def progress(wanted: Progress, what: str, total: Optional[int] = None) -> Iterator[Optional[Callable[[str], Any]]]:
    """What the compiled half tells of every step; None where nobody listens."""
    if callable(wanted):
        yield wanted
        return
    if wanted is False or (wanted is None and not _watched()):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        yield None
        return
    form = "{desc}: {n_fmt} steps, {elapsed}{postfix}" if total is None else "{desc}: {bar} {n_fmt}/{total_fmt}, {elapsed}<{remaining}"
    with tqdm(desc=what, total=total, leave=False, miniters=0, mininterval=0.2, bar_format=form) as bar:
        yield Bar(bar)
