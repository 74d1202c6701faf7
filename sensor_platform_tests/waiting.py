"""The one way in which tests wait for something that another thread or process does."""

import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_PAUSE = 0.01


def wait_for(condition: Callable[[], _T], seconds: float = 10.0, what: str = "it") -> _T:
    """Poll until the condition is true, and return its value; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(_PAUSE)
    return found
