"""Backfills as a command, before any run."""

import pytest

from sensor_platform.cli.backfill import backfill
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform_tests.cli.running import said
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment


@pytest.fixture
def landed(home: Home) -> Home:
    """Readings of three days, one an hour later than the first of its day."""
    days = [(0, 0), (0, 1), (1, 0), (3, 0)]
    bodies = [b'{"device_id":"a","ts":%d,"t":1}' % (T0 // 10**6 - day * 86_400 + hour * 3_600) for day, hour in days]
    seal_segment(home, 1, [Message(body) for body in bodies], received_at=T0 + 7_200_000_000)
    land_all(home)
    return home


@pytest.mark.usefixtures("landed")
def test_a_plan_says_how_much_it_is_and_in_which_runs() -> None:
    lines = said(backfill, "plan").splitlines()
    assert lines[0].startswith("3 days, 4 hours, 4 readings, ")
    assert lines[1].endswith("tables: all")
    assert lines[2:] == ["run 2026-02-26..2026-03-01"]


@pytest.mark.usefixtures("landed")
def test_runs_have_at_most_so_many_days_and_the_newest_come_first() -> None:
    words = ("plan", "--from", "2026-02-28", "--days-per-run", "1")
    assert said(backfill, *words).splitlines()[2:] == ["run 2026-03-01..2026-03-01", "run 2026-02-28..2026-02-28"]
    oldest = said(backfill, *words, "--oldest-first", "--select", "readings_1h").splitlines()
    assert oldest[1].endswith("tables: readings_1h")
    assert oldest[2] == "run 2026-02-28..2026-02-28"


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("words", [("--select", "nosuch"), ("--from", "2026-03-02", "--to", "2026-03-01")])
def test_what_cannot_be_planned_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(WrongUse):
        said(backfill, "plan", *words)
