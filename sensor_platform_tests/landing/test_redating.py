"""Commits after a clock that was years ahead have times of their own again, in the same order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY, MINUTE, SECOND, utc_from_micros
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import open_ledger, totals
from sensor_platform.landing.manifests import redating
from sensor_platform.landing.manifests.bundle_paths import bundle_keys
from sensor_platform.landing.manifests.redating import redate
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment, tables

AHEAD = {"10 days": 10 * DAY, "3 years": 1095 * DAY}


class Killed(Exception):
    """Stands for the end of the process."""


def land(home: Home, number: int, at: int) -> None:
    """One message that arrives, and is landed, by a clock that says this."""
    seal_segment(home, number, [Message(b'{"id":"a","t":%d}' % number), Message(b"garbage")], received_at=at)
    land_all(home, now=at + SECOND)


def after_a_jump(home: Home, jump: int, *, is_bundled: bool) -> None:
    """Two commits, three by a clock that is ahead, two by the right one again."""
    for number, at in enumerate((0, 1, jump + 2, jump + 3, jump + 4), 1):
        land(home, number, T0 + (at if at < 2 else at - jump) * MINUTE + (jump if at > 1 else 0))
        if is_bundled and number == 4:
            keep_house(home, 10, 7, T0 + jump + 2 * HOUR)
    for number in (6, 7):
        land(home, number, T0 + number * MINUTE)


def commits(home: Home) -> list[tuple[str, int]]:
    """Segments and times of commits, in the order of their positions."""
    with open_ledger(home) as ledger:
        return ledger.execute("select segment, committed_at from segments order by position").fetchall()


def content(home: Home) -> Any:
    with open_ledger(home) as ledger:
        return audit(home), totals(ledger), commits(home), tables(home)["slots"]


@pytest.mark.parametrize("is_bundled", [False, True], ids=["loose", "bundled"])
@pytest.mark.parametrize("jump", AHEAD)
def test_commits_of_a_clock_that_was_ahead_keep_no_later_one_in_their_day(
    home: Home, jump: str, *, is_bundled: bool
) -> None:
    after_a_jump(home, AHEAD[jump], is_bundled=is_bundled)
    before = commits(home)
    assert before[-1][1] > T0 + AHEAD[jump], "each commit is later than the one before it"
    keep_house(home, 10, 7, T0 + 3 * HOUR)
    after = commits(home)
    assert [segment for segment, _ in after] == [segment for segment, _ in before]
    assert [at for _, at in after] == sorted({at for _, at in after})
    assert after[-1][1] < T0 + HOUR
    day = f"{utc_from_micros(T0):%Y-%m-%d}"
    assert {key[:10] for key in bundle_keys(home)} == {day}
    assert list((home.ledger / "segments").glob("*.json")) == [], "a manifest waits in a file of its own"
    land(home, 8, T0 + 4 * HOUR)
    assert commits(home)[-1][1] == T0 + 4 * HOUR + SECOND
    said = content(home)
    assert said[0].is_whole
    rebuild_ledger(home)
    assert content(home)[:3] == said[:3]


@pytest.mark.parametrize("place", ["write_manifest", "transaction", "take_out_of_bundles"])
def test_a_kill_at_any_point_is_made_good_by_the_next_run(tmp_path: Path, place: str) -> None:
    def kill(*_: object, **__: object) -> None:
        raise Killed

    found = []
    for name in ("killed", "whole"):
        home = Home(tmp_path / name)
        after_a_jump(home, AHEAD["3 years"], is_bundled=True)
        with open_ledger(home) as ledger:
            if name == "killed":
                with patch.object(redating, place, kill), pytest.raises(Killed):
                    redate(home, ledger, T0 + HOUR)
            redate(home, ledger, T0 + HOUR)
        keep_house(home, 10, 7, T0 + 3 * HOUR)
        found.append((commits(home), bundle_keys(home)))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "clock",
    [
        pytest.param(lambda newest: newest - 1095 * DAY, id="years behind"),
        pytest.param(lambda newest: newest - DAY, id="a day behind"),
        pytest.param(lambda _: 0, id="1970"),
        pytest.param(lambda newest: newest - 5 * DAY // 2, id="days behind"),
    ],
)
def test_a_clock_that_is_behind_moves_no_commit(home: Home, clock: Callable[[int], int]) -> None:
    for number in range(1, 7):
        land(home, number, T0 + number * DAY)
    land(home, 7, clock(commits(home)[-1][1]))
    before = commits(home)
    with open_ledger(home) as ledger:
        assert redate(home, ledger, clock(before[-2][1])) == 0
    assert commits(home) == before


def test_housekeeping_by_a_clock_that_is_behind_after_a_pause_moves_no_commit(home: Home) -> None:
    land(home, 1, T0)
    land(home, 2, T0 + 10 * DAY)
    before = commits(home)
    with open_ledger(home) as ledger:
        assert redate(home, ledger, T0 + HOUR) == 0
    assert commits(home) == before
