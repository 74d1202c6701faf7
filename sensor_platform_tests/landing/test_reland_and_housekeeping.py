"""A reland of segments of which only some have an archive, stopped at any step, with housekeeping before it goes on."""

import shutil
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.verify import verify
from sensor_platform_tests.landing.crash_client import HOW, CrashServer, copy
from sensor_platform_tests.landing.homes import HOUR, T0, land_all, mixed_messages, seal_segment
from sensor_platform_tests.landing.readings import rows

NOW = T0 + 6 * HOUR


@pytest.fixture
def half_archived(home: Home) -> Home:
    """One compacted hour of three segments; the raw archive of the second is gone."""
    for seq in (1, 2, 3):
        seal_segment(home, seq, mixed_messages(seq, 30), received_at=T0 + seq)
    land_all(home)
    keep_house(home, 10, 7, T0 + 3 * HOUR)
    keep_house(home, 10, 7, T0 + 5 * HOUR)
    (archive,) = home.raw.glob("*/*00000002.zst")
    archive.unlink()
    verify(home, NOW)
    return home


@pytest.mark.parametrize(("how", "every"), HOW)
def test_stopped_at_any_step_and_kept_house_no_reading_is_lost(
    half_archived: Home, tmp_path: Path, server: CrashServer, how: str, every: int
) -> None:
    before = rows(half_archived)
    whole = copy(half_archived, tmp_path / "whole")
    steps = server.run(whole, "reland", now=NOW)["steps"]
    assert steps > 20
    assert rows(whole) == before
    for number, step in enumerate(range(1, steps + 1, every)):
        broken = copy(half_archived, tmp_path / f"at-{step}")
        server.run(broken, "reland", step, how, NOW)
        where = f"stopped at step {step} of {steps}"
        for hours in (0, 2):  # the second one deletes what was replaced
            keep_house(broken, 10, 7, NOW + hours * HOUR)
            assert rows(broken) == before, where
        if number % 5 == 0:
            assert rebuild_ledger(broken).missing == (), where
        assert server.run(broken, "reland", now=NOW + 3 * HOUR)["error"] is None
        keep_house(broken, 10, 7, NOW + 6 * HOUR)
        assert rows(broken) == before, where
        assert audit(broken).difference == 0
        assert {each.kind for each in verify(broken, NOW).missed} <= {"raw"}, where
        shutil.rmtree(broken.root)
