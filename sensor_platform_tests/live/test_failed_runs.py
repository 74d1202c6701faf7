"""A failed run of Dagster reaches people: once, whoever of the two processes was down meanwhile."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sensor_platform.alert import failed_runs as runs
from sensor_platform.alert.config import AlertConfig, Channel, Route
from sensor_platform.alert.failed_runs import FailedRun, note_failed_run
from sensor_platform.home import Home
from sensor_platform.live.sending.failed_run_notifications import FailedRunNotifications
from sensor_platform_tests.landing.homes import T0
from sensor_platform_tests.live.receivers import hook
from sensor_platform_tests.sinks.channels import webhook_dispatcher
from sensor_platform_tests.waiting import wait_for

CONFIG = AlertConfig(
    channels={"hook": Channel(mqtt="a"), "mail": Channel(mqtt="b"), "north": Channel(mqtt="c")},
    routes=(
        Route(severity="critical", channels=("hook",)),
        Route(severity="warning", channels=("mail",)),
        Route(tags={"plant": "north"}, channels=("north",)),
    ),
)


def failed(number: int = 1) -> FailedRun:
    return FailedRun(run_id=f"r{number}", job="days", first_day="2026-03-01", last_day="2026-03-02", error="disk full")


def watcher(home: Home) -> FailedRunNotifications:
    return FailedRunNotifications(home, home.live_file, CONFIG, "hall", lambda: T0, lambda: None)


def _note(home: Home, run: FailedRun, age_seconds: float = 60.0) -> None:
    note_failed_run(home, run)
    at = T0 / 1e6 - age_seconds
    os.utime(home.dagster / "failures" / f"{run.run_id}.json", (at, at))


def _outbox(home: Home) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home.live_file)) as connection:
        return connection.execute("select channel, key from outbox order by id").fetchall()


def test_a_failed_run_goes_to_whom_critical_alarms_of_every_device_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    _note(home, failed())
    assert watcher(home).look() == 1
    assert _outbox(home) == [("hook", "run-r1")]
    with hook() as receiver:
        dispatcher = webhook_dispatcher(receiver.url, home.live_file, lambda: T0)
        dispatcher.start()
        wait_for(lambda: receiver.bodies)
        dispatcher.stop()
    assert (receiver.bodies[0]["kind"], receiver.bodies[0]["tags"]) == ("failed", {"run_id": "r1", "job": "days"})
    for words in ("hall", "days", "2026-03-01 to 2026-03-02", "disk full"):
        assert words in receiver.bodies[0]["title"] + receiver.bodies[0]["message"]


def test_it_is_told_once_however_often_it_is_noted_and_looked_at(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(3):
        _note(home, failed())
        watcher(home).look()
    assert watcher(home).look() == 0
    assert _outbox(home) == [("hook", "run-r1")]


def test_a_kill_between_storing_and_taking_the_file_away_tells_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    _note(home, failed())
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            watcher(home).look()
    assert watcher(home).look() == 1
    assert _outbox(home) == [("hook", "run-r1")]


def test_old_failures_wake_nobody_and_a_file_of_another_form_stops_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    _note(home, failed(1), age_seconds=25 * 3600)
    _note(home, failed(2))
    (home.dagster / "failures" / "a.json").write_bytes(b"{")
    watcher(home).look()
    assert _outbox(home) == [("hook", "run-r2")]


def test_a_reason_of_any_length_and_kind_is_a_bounded_message(tmp_path: Path) -> None:
    run = msgspec.structs.replace(failed(), error="<script>\0" * 10_000)
    (out,) = runs.failed_run_notifications(run, CONFIG, "hall", "2026-03-01T00:00:00Z", T0)
    assert len(out.body) < 10_000


def test_files_about_failures_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_KEPT", 3)
    for number in range(5):
        note_failed_run(Home(tmp_path), failed(number))
    assert len(list((tmp_path / "dagster" / "failures").glob("*"))) == 3


def test_a_failure_is_told_whatever_the_clock_says(tmp_path: Path) -> None:
    home = Home(tmp_path)
    looking = watcher(home)
    looking.look()
    _note(home, failed(), age_seconds=3 * 365 * 86_400)
    assert looking.look() == 1
    assert _outbox(home) == [("hook", "run-r1")]
