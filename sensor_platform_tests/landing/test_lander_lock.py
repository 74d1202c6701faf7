"""Locks of a home."""

import os

import pytest

from sensor_platform.errors import Unreachable
from sensor_platform.home import Home
from sensor_platform.landing.lander_lock import changes_lock, lander_lock, lander_of


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
