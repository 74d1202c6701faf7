"""What a test takes for granted. It fails as something else than an AssertionError where that does not hold.

So a broken set-up is not taken for the fault that the test shows.
"""

import contextlib
from collections.abc import Iterator

import pytest


def need(holds: bool, what: str) -> None:
    """Fail as a set-up error, which no expected failure accepts."""
    if not holds:
        pytest.fail(f"precondition does not hold: {what}")


@contextlib.contextmanager
def precondition(what: str) -> Iterator[None]:
    """The same for functions that assert."""
    try:
        yield
    except AssertionError as error:
        pytest.fail(f"precondition does not hold: {what}: {error}")
