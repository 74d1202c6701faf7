"""The lander as a process."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.lander_status import LanderStatus, read_status
from sensor_platform.landing.service import LanderService
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, contract_version
from sensor_platform.versions.reports import Reloading
from sensor_platform_tests.landing.homes import Message, lander_of, seal_segment

GOOD, BAD = Message(b'{"id":"a","t":1,"h":2}'), Message(b"\x00")


class Running:
    """A service, and what it said."""

    def __init__(self, home: Home, lander: Any) -> None:
        self.home = home
        self.said: list[str] = []
        self.service = LanderService(lander, 7, self.said.append)

    @property
    def status(self) -> LanderStatus:
        found = read_status(self.home)
        assert found is not None
        return found


@pytest.fixture
def running(home: Home) -> Iterator[Running]:
    with lander_of(home) as lander:
        yield Running(home, lander)


def test_the_status_says_what_was_landed(running: Running) -> None:
    running.service.start()
    sealed = seal_segment(running.home, 1, [GOOD, BAD])
    assert running.service.land_all() == 1
    status = running.status
    assert (status.pid, status.state, status.last_segment) == (7, "idle", sealed.stem)
    assert (status.segments, status.messages, status.quarantined, status.readings) == (1, 2, 1, 2)
    running.service.stop()
    assert running.status.state == "stopped"


def test_it_follows_until_it_is_told_to_stop_and_then_lands_once_more(running: Running) -> None:
    def wait(_seconds: float) -> bool:
        seal_segment(running.home, running.service.status.segments + 1, [GOOD])
        return running.service.status.segments == 2

    running.service.follow(wait, 0.0)
    assert running.status.segments == 3


def test_an_error_that_may_pass_is_told_once_and_tried_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    land = type(running.service.lander).land_sealed
    failures = iter([OSError("disk full"), OSError("disk full"), sqlite3.OperationalError("locked")])

    def fail(lander: Any) -> Any:
        if error := next(failures, None):
            raise error
        return land(lander)

    monkeypatch.setattr(type(running.service.lander), "land_sealed", fail)
    seal_segment(running.home, 1, [GOOD])
    states = []

    def wait(_seconds: float) -> bool:
        states.append(running.status.state)
        return running.service.status.segments == 1

    running.service.follow(wait, 0.0)
    assert states == ["waiting"] * 3 + ["idle"]
    assert len(running.said) == 2
    assert (running.status.error, running.status.segments) == (None, 1)


def test_files_that_nobody_accounts_for_are_set_aside_at_the_start(running: Running) -> None:
    orphan = running.home.landing / "2026-03-01" / "col-1772366400000-00000009.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.touch()
    running.service.start()
    assert not orphan.exists()
    assert len(running.said) == 1


def test_a_segment_is_decoded_by_the_contracts_of_one_moment_and_the_next_by_others(running: Running) -> None:
    limits = TimeLimits(start=0, max_future=1 << 60)
    renamed = Contract(name="other", topic="#", rename={"h": "humidity"})
    done: list[str] = []

    def changed() -> tuple[Sequence[Contract], TimeLimits] | None:
        landed = running.service.lander.ledger.execute("select count(*) from segments").fetchone()
        return ((renamed,), limits) if landed == (1,) and not done else None

    running.service.reloading = Reloading(
        changed, lambda: done.append("applied"), lambda error: done.append(str(error))
    )
    for number in (1, 2):
        seal_segment(running.home, number, [GOOD])
    running.service.land_all()
    assert done == ["applied"]
    metrics = [pl.read_parquet(path)["metric"].to_list() for path in sorted(running.home.landing.glob("*/*.parquet"))]
    assert metrics == [["h", "t"], ["humidity", "t"]]
    versions = running.service.lander.ledger.execute("select contract_version from segments order by position")
    assert [version for (version,) in versions][1] == contract_version((renamed,))


def test_contracts_that_cannot_be_used_change_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[Exception] = []

    def refuse(*_: object) -> None:
        raise WrongUse("no such encoding", "name another")

    monkeypatch.setattr(type(running.service.lander), "decode_with", refuse)
    running.service.reloading = Reloading(lambda: ((), TimeLimits(0, 0)), lambda: None, refused.append)
    seal_segment(running.home, 1, [GOOD])
    assert running.service.land_all() == 1
    assert refused
