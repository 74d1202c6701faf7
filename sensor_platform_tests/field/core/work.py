"""Work counted, not timed: lines of Python and steps of SQLite. The same on every machine."""

import sqlite3
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

_STEPS = 10


def work_of(act: Callable[[], object]) -> int:
    """Lines of Python that `act` runs, and steps of the SQLite connections that it opens."""
    steps = [0]
    connect = sqlite3.connect

    def count(frame: FrameType, event: str, argument: object) -> Any:
        steps[0] += event == "line"
        return count

    def step() -> int:
        steps[0] += _STEPS
        return 0

    def counted(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **named)
        connection.set_progress_handler(step, _STEPS)
        return connection

    before = sys.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", counted)
        sys.settrace(count)
        try:
            act()
        finally:
            sys.settrace(before)
    return steps[0]
