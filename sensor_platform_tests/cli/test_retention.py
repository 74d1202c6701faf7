"""Retention as a command."""

import json
from datetime import date

import click
import pytest

from sensor_platform.cli.retention import retention
from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform.retention import apply as room
from sensor_platform.retention.apply import Retention
from sensor_platform.retention.warehouse_tiers import KeptDay, TierDay
from sensor_platform_tests.cli.running import Recorder, run

DAY = date(2026, 3, 1)


@pytest.mark.usefixtures("home")
def test_the_dry_run_is_the_default_and_in_an_empty_home_nothing_goes() -> None:
    assert run(retention).stdout == "would delete 0 rows, 0 files, 0 bytes in all\n"
    found = json.loads(run(retention, "--dry-run", "--json").stdout)
    assert (found["days"], found["applied"]) == ([], False)


def test_dry_and_applied_exclude_each_other() -> None:
    with pytest.raises(click.UsageError, match="exclude each other"):
        run(retention, "--dry-run", "--apply")


def test_what_is_deleted_is_said_and_what_does_not_agree_fails(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    days = (TierDay("readings_10s", DAY, windows=3, rows=5, files=(), bytes=0),)
    kept = (KeptDay("readings_1m", DAY, "readings_1h does not hold the same"),)
    applied = Recorder(Retention(days=days, floor=DAY, kept=kept))
    monkeypatch.setattr(room, "apply", applied)
    result = run(retention, "--apply")
    assert applied.calls[0][0] == home
    assert "days before 2026-03-01 can no longer be built again" in result.stdout
    assert "kept readings_1m 2026-03-01: readings_1h does not hold the same" in result.stdout
    assert result.stdout.endswith("deleted 5 rows, 0 files, 0 bytes in all\n")
    assert result.stderr.startswith("error: a coarser tier does not hold")
    assert result.return_value == ExitCode.CHECK_FAILED
