"""The cleaning at start looks at what changed since the last one, and still finds everything new."""

import os
import time
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.files.leftovers import clear_leftovers
from sensor_platform.landing.ledger import open_ledger
from sensor_platform_tests.landing.homes import Message, land_all, seal_segment

ORPHAN = "col-1772366400000-00000099.parquet"


def sweep(home: Home) -> list[str]:
    with open_ledger(home) as ledger:
        cleared = clear_leftovers(home, ledger)
    return [path.name for path in (*cleared.set_aside, *cleared.removed)]


def test_days_that_did_not_change_are_not_listed_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_segment(home, 1, [Message(b'{"id": 1, "t": 1}')])
    land_all(home)
    assert sweep(home) == []
    past = time.time() - 3600
    for day in (*home.landing.glob("*"), *home.raw.glob("*")):
        os.utime(day, (past, past))
    listed: list[str] = []
    glob = Path.glob

    def spy(self: Path, pattern: str) -> object:
        listed.append(self.name)
        return glob(self, pattern)

    monkeypatch.setattr(Path, "glob", spy)
    assert sweep(home) == []
    assert "2026-03-01" not in listed
    assert "segments" in listed


def test_what_is_new_in_an_old_day_is_found(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id": 1, "t": 1}')])
    land_all(home)
    sweep(home)
    (day,) = home.landing.glob("*")
    os.utime(day, (1, 1))
    assert sweep(home) == []
    day.joinpath(ORPHAN).write_bytes(b"nobody's")
    assert sweep(home) == [ORPHAN]
    assert home.root.joinpath("aside", ORPHAN).exists()
    home.ledger.joinpath(".swept").write_text("not a time")
    day.joinpath(ORPHAN).write_bytes(b"again")
    os.utime(day, (1, 1))
    assert sweep(home)[0].startswith(ORPHAN)
