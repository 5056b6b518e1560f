"""Progress of long work: by tqdm where it is installed and somebody watches, or by a function of the caller's."""

from __future__ import annotations

import contextlib
import sys
from typing import Any, Callable, Iterator, Optional, Union

Progress = Union[None, bool, Callable[[str], Any]]


def _watched() -> bool:
    notebook = "ipykernel" in sys.modules
    return notebook or (sys.stderr is not None and sys.stderr.isatty())


@contextlib.contextmanager
def progress(wanted: Progress, what: str) -> Iterator[Optional[Callable[[str], Any]]]:
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
    with tqdm(desc=what, unit=" steps", leave=False, bar_format="{desc}: {n_fmt} steps, {elapsed}{postfix}") as bar:

        def step(name: str) -> None:
            bar.set_postfix_str(name, refresh=False)
            bar.update(1)

        yield step
