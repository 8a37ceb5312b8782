"""Serving until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import select
import signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """SIGINT and SIGTERM from now on: the first one ends :meth:`wait`, a second one the process.

    A handler of Python's runs in the main thread between any two steps, also while that thread
    holds the lock of a ``threading.Event``: to set one from a handler may wait for itself for
    ever. Here the interpreter itself writes a byte into a pipe, in whichever thread the signal
    arrives, and no lock is taken.
    """

    def __init__(self) -> None:
        self._read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end)
        for number in _SIGNALS:
            signal.signal(number, _let_the_next_one_end_us)

    def wait(self) -> None:
        """Return once a signal has come, also one that came before this call."""
        select.select([self._read_end], [], [])


def _let_the_next_one_end_us(*_: object) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
