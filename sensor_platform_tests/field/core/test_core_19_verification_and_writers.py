"""While the daily verification reads files, the warehouse can be written."""

import hashlib
import os
import threading
import time

import pytest

from sensor_platform_tests.field.core.homes import HOUR, T0, know_file, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Home, PlatformError
from sensor_platform_tests.field.core.tables import mend_all_files, write_lock


def open_for_writing(pipe: str) -> int:
    """Once somebody reads it."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody yet
            time.sleep(0.02)
    pytest.fail("the verification does not come to the file")


def test_core_19_a_run_does_not_wait_for_a_file_that_is_being_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    send(home, 1, series("d", T0, 1), T0 + HOUR)
    pipe = home.raw / "2026-03-01" / "endless.zst"  # a file as large as one likes
    os.mkfifo(pipe)
    know_file(home, "raw/2026-03-01/endless.zst", 0, hashlib.sha256().hexdigest())
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(home.root))
    thread = threading.Thread(target=mend_all_files)
    thread.start()
    try:
        writer = open_for_writing(str(pipe))
        problem = ""
        try:
            with write_lock(home):
                pass
        except PlatformError as error:
            problem = error.message
        need(thread.is_alive(), "the file is still being read")
        os.close(writer)
    finally:
        thread.join(30)
    assert not problem, problem
