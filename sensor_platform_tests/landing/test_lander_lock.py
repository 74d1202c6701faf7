"""Locks of a home."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.lander_lock import changes_lock, lander_lock, lander_of, with_changes_lock


def test_there_is_one_lander_and_others_are_told_which(home: Home) -> None:
    assert lander_of(home) is None
    with lander_lock(home):
        assert lander_of(home) == os.getpid()
        with pytest.raises(Unreachable, match=f"another lander .process {os.getpid()}."), lander_lock(home):
            pass
    assert lander_of(home) is None
    with lander_lock(home):
        pass


def test_an_import_and_the_lander_do_not_wait_for_each_other(home: Home) -> None:
    with lander_lock(home), changes_lock(home):
        with pytest.raises(Unreachable, match="another import or requeue"), changes_lock(home):
            pass
        assert lander_of(home) == os.getpid()


def test_a_folder_that_cannot_be_written_is_told(home: Home) -> None:
    home.ledger.write_text("no folder")
    with pytest.raises(Unreachable, match="cannot write"), lander_lock(home):
        pass


def test_what_changes_landed_data_takes_the_lock_once_and_another_thread_does_not_get_it(home: Home) -> None:
    def other() -> None:
        with with_changes_lock(home, "other"):
            pass

    with ThreadPoolExecutor(1) as pool:
        with (
            changes_lock(home, "reland"),
            with_changes_lock(home, "housekeeping"),
            pytest.raises(Unreachable, match=f"process {os.getpid()}, reland"),
        ):
            pool.submit(other).result()
        with with_changes_lock(home, "housekeeping"), pytest.raises(Unreachable, match="housekeeping"):
            pool.submit(other).result()
        pool.submit(other).result()


def test_who_may_wait_gets_the_lock_when_it_is_free(home: Home) -> None:
    is_held, may_end = Event(), Event()

    def hold() -> None:
        with changes_lock(home, "import"):
            is_held.set()
            may_end.wait(20)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        is_held.wait(20)
        with pytest.raises(Unreachable, match="import"), changes_lock(home, wait_seconds=0.1):
            pass
        may_end.set()
        with changes_lock(home, wait_seconds=20):
            assert holding.result() is None
