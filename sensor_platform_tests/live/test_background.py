"""Background work: called again and again, at once or after a pause, and not after the stop."""

import threading

import pytest

from sensor_platform.live.background import BackgroundWork


def test_work_is_repeated_until_it_is_stopped() -> None:
    calls: list[str] = []
    is_enough = threading.Event()

    def work() -> None:
        calls.append(threading.current_thread().name)
        if len(calls) == 3:
            is_enough.set()

    background = BackgroundWork("tidy", 0.001, work)
    background.start()
    assert is_enough.wait(10)
    background.stop()
    assert set(calls) == {"tidy"}
    seen = len(calls)
    assert "tidy" not in {thread.name for thread in threading.enumerate()}
    assert len(calls) == seen


@pytest.mark.parametrize(("is_first_at_once", "expected"), [(True, True), (False, False)])
def test_the_first_call_is_made_at_once_only_if_wanted(is_first_at_once: bool, expected: bool) -> None:
    called = threading.Event()
    background = BackgroundWork("tidy", 3600.0, called.set, is_first_at_once=is_first_at_once)
    background.start()
    if expected:
        assert called.wait(10)
    background.stop()
    assert called.is_set() == expected
