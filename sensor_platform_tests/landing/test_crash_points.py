"""Killed at any step, or refused the disk at any step, landing ends where an undisturbed run ends."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform_tests.landing.contents import contents
from sensor_platform_tests.landing.crash_client import HOW, CrashServer, Stops, says, write_history
from sensor_platform_tests.landing.homes import (
    HOUR,
    T0,
    Message,
    files,
    land_all,
    mixed_messages,
    seal_segment,
)

LATER = T0 + 4 * HOUR


@pytest.mark.parametrize(("how", "every"), HOW)
def test_landing_stopped_at_any_step_ends_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str, every: int
) -> None:
    seal_segment(home, 1, mixed_messages(1, 30))
    seal_segment(home, 2, mixed_messages(2, 30))
    stops = Stops(server, home, tmp_path, "land", how, every)
    whole, steps = stops.undisturbed()
    assert steps > 30
    expected = says(whole)
    for step, broken, stopped in stops.each(steps):
        # None where only the status file could not be written, which is no reason to stop
        assert stopped["error"] is None or "full" in stopped["error"] or "space" in stopped["error"]
        stops.again(broken)
        assert says(broken) == expected, f"stopped at step {step} of {steps}"


@pytest.mark.parametrize(("how", "every"), HOW)
@pytest.mark.parametrize("action", ["requeue", "import"])
def test_requeue_and_import_stopped_at_any_step_end_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str, every: int, action: str
) -> None:
    if action == "requeue":
        seal_segment(home, 1, [Message(b'{"device_id": {}, "ts": %d}' % n) for n in range(3)] + mixed_messages(3, 20))
        land_all(home, [Contract(name="strict", topic="#", device=ValueSource(field=("nowhere",)))])
    write_history(tmp_path)
    Stops(server, home, tmp_path, action, how, every).end_as_undisturbed(least=10)


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("action", ["requeue", "reland", "forget"])
def test_rows_that_leave_a_compacted_quarantine_file_are_all_there_wherever_it_is_stopped(
    home: Home, tmp_path: Path, server: CrashServer, action: str, every: int
) -> None:
    for seq in (1, 2):
        future = Message(b'{"device_id": "d1", "ts": "2100-01-01", "t": 1}')
        seal_segment(home, seq, [*mixed_messages(seq + 2, 8), future], received_at=T0 + seq)
    land_all(home)
    keep_house(home, 10, 7, LATER)
    keep_house(home, 10, 7, LATER + 2 * HOUR)
    assert len(list(home.quarantine.glob("*/*.parquet"))) == 1
    stops = Stops(server, home, tmp_path, action, every=every, now=LATER + 4 * HOUR)
    whole, steps = stops.undisturbed()
    assert steps > 10
    expected = contents(whole)
    for step, broken, _ in stops.each(steps):
        stops.again(broken)
        assert contents(broken) == expected, f"stopped at step {step} of {steps}"


@pytest.mark.parametrize(("how", "every"), HOW)
@pytest.mark.parametrize("phase", ["compact", "delete"])
def test_upkeep_stopped_at_any_step_ends_as_if_undisturbed(
    home: Home, tmp_path: Path, server: CrashServer, how: str, every: int, phase: str
) -> None:
    for seq in range(1, 4):
        seal_segment(home, seq, mixed_messages(seq, 20), received_at=T0 + seq)
    land_all(home)
    now = LATER
    if phase == "delete":
        assert server.run(home, "upkeep", now=LATER)["error"] is None
        now = LATER + 2 * HOUR
    whole = Stops(server, home, tmp_path, "upkeep", how, every, now).end_as_undisturbed(least=5)
    for tier in ("landing", "quarantine"):
        assert any(name.startswith(tier) and "compact-" in name for name in files(whole))
    assert any("-0000000" in name and name.startswith("landing/") for name in files(whole)) == (phase == "compact")
