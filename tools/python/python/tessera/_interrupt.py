"""The end of a process in which work was interrupted."""

from __future__ import annotations

import logging
import os
import signal
import sys

from . import _tessera

#: Seconds that an interrupted process waits for its threads.
PATIENCE = 0.3


def end() -> None:
    """Waits for threads that still compute, which must not outlive the memory that they use.

    A process that Ctrl-C ends does not wait for long: it removes what is half-written and is killed by the signal, as it would be without threads.
    """
    last = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if isinstance(last, KeyboardInterrupt) and not _tessera.wait(PATIENCE):
        _tessera.abandon()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        logging.shutdown()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    _tessera.wait(None)
