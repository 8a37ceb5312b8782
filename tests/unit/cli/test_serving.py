"""A signal ends the wait, at whatever moment it comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

# raises a signal at the Nth line of Python that the waiting runs, wherever that is
AT_LINE = """
import signal, sys, threading
from hubtool.cli.serving import StopSignals

wanted, lines = int(sys.argv[1]), 0

def trace(frame, event, argument):
    global lines
    if event == "line" and frame.f_code.co_name != "_let_the_next_one_end_us":
        lines += 1
        if lines == wanted:
            signal.raise_signal(signal.SIGTERM)
    return trace

stop = StopSignals()
# from another thread, if there is no such line
threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
sys.settrace(trace)
stop.wait()
sys.settrace(None)
print("ended")
"""


@pytest.mark.parametrize("line", [1, 2])
def test_a_signal_ends_the_wait_at_any_moment(line: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_LINE, str(line)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == "ended\n", done.stderr


def test_a_second_signal_ends_the_process() -> None:
    code = (
        "import signal\n"
        "from hubtool.cli.serving import StopSignals\n"
        "stop = StopSignals()\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "stop.wait()\n"
        "signal.raise_signal(signal.SIGTERM)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == -15
