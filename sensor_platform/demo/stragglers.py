"""Finds processes by a variable in their environment, so that not even a process that left its group stays behind.

Works where /proc shows environments (Linux); elsewhere process groups have to do.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path


def tagged(variable: str, proc: Path = Path("/proc")) -> Iterator[int]:
    """Ids of other running processes started with `variable` (`NAME=value`; `NAME=` matches any value)."""
    wanted = variable.encode()
    is_prefix = wanted.endswith(b"=")
    for process in proc.glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # another user's, or gone
        is_one = any(entry.startswith(wanted) for entry in environ) if is_prefix else wanted in environ
        if is_one and int(process.name) != os.getpid():
            yield int(process.name)


def stop_tagged(variable: str, patience_seconds: float = 5.0) -> list[int]:
    """Stop every process with `variable` in its environment, first by SIGTERM; returns their ids."""
    found = list(tagged(variable))
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in tagged(variable):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + patience_seconds
        while any(tagged(variable)) and time.monotonic() < end:
            time.sleep(0.05)
    return found
