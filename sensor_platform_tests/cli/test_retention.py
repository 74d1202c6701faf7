"""Retention as a command."""

import json
from contextlib import closing
from datetime import UTC, date, datetime

import click
import pytest

from sensor_platform.alert import store
from sensor_platform.cli.retention import retention
from sensor_platform.errors import ExitCode
from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY as MICROS_OF_DAY
from sensor_platform.kernel.clock import to_micros
from sensor_platform.landing import ledger as ledger_room
from sensor_platform.landing.ledger import RetentionClock, open_ledger
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


def test_drift_and_alerts_that_go_are_listed_before_they_go(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    today = to_micros(datetime(2026, 3, 1, tzinfo=UTC))
    for module in (room, ledger_room):
        monkeypatch.setattr(module, "retention_clock", lambda *_, **__: RetentionClock(today, today, 1))
    home.live_file.parent.mkdir(parents=True)
    with open_ledger(home) as ledger:
        for at in (today - 500 * MICROS_OF_DAY, today):
            ledger.execute("insert into drift values (?, 1, ?, 'd', 'm', 'type', 'float', 'text')", [str(at), at])
    with closing(store.connect(home.live_file)) as live:
        for name, at in (("old", today - 500 * MICROS_OF_DAY), ("new", today)):
            row = (name, "rule", "d", "", "resolved", 0, 1, 1, 1, at, 1.0, "", "{}", "", "", "")
            live.execute(f"insert into alerts values ({', '.join('?' * 16)})", row)
    for _ in range(2):
        listed = run(retention, "--dry-run").stdout
        assert "would delete drift: 2024-10-17..2024-10-17, 1 days, 0 windows, 1 rows" in listed
        assert "would delete live: 1 resolved alerts with their events, 0 messages\n" in listed
    found = json.loads(run(retention, "--apply", "--json").stdout)
    assert ([each["table"] for each in found["days"]], found["live"]) == (["drift"], {"alerts": 1, "messages": 0})
    found = json.loads(run(retention, "--json").stdout)
    assert (found["days"], found["live"]) == ([], {"alerts": 0, "messages": 0})
