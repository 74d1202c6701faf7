"""Killed at any step, or refused the disk at any step, forgetting ends as if undisturbed, also by a rebuilt ledger."""

from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform_tests.landing.crash_client import HOW, NOW, CrashServer, Stops, says
from sensor_platform_tests.landing.forgets import readings
from sensor_platform_tests.landing.homes import HOUR, files, land_all, mixed_messages, seal_segment

LATER = NOW + HOUR


@pytest.fixture
def filled(home: Home, server: CrashServer) -> Home:
    for number in range(1, 4):
        seal_segment(home, number, mixed_messages(number, 25))
        land_all(home, now=NOW - HOUR)
    assert server.run(home, "upkeep")["error"] is None
    seal_segment(home, 4, mixed_messages(4, 25))
    land_all(home, now=NOW)
    return home


@pytest.mark.parametrize(("how", "every"), HOW)
def test_stopped_at_any_step_it_ends_as_if_undisturbed(
    filled: Home, tmp_path: Path, server: CrashServer, how: str, every: int
) -> None:
    stops = Stops(server, filled, tmp_path, "forget", how, every, LATER)
    whole, steps = stops.undisturbed()
    assert steps > 50
    expected = says(whole)
    assert "d1" not in set(readings(whole)["device_id"])
    for number, (step, broken, _) in enumerate(stops.each(steps)):
        if number % 5 == 4:  # a ledger that is rebuilt in between takes in what is there
            rebuild_ledger(broken)
            assert audit(broken).difference == 0
            stops.again(broken)
            assert "d1" not in set(readings(broken)["device_id"])
            assert sums(broken) == sums(whole)
        else:
            stops.again(broken)
            assert set(files(broken)) == set(files(whole)), f"stopped at step {step} of {steps}"
            assert says(broken) == expected, f"stopped at step {step} of {steps}"


def sums(home: Home) -> list[tuple[int, ...]]:
    return [
        (hour.hour, hour.received, hour.landed, hour.quarantined, hour.duplicate, hour.forgotten)
        for hour in audit(home).hours
    ]
