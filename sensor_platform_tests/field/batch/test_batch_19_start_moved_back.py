"""`start` of a site is moved back for older history: each refusal names the key and what has to be loaded again."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterInstance, SkipReason, build_sensor_context

from sensor_platform.collect.config import Broker
from sensor_platform.home import Home
from sensor_platform.orchestration.partitions import DAYS, RANGE_START_TAG
from sensor_platform.orchestration.sensors.ledger_sensor import ledger_sensor
from sensor_platform.settings import Settings
from sensor_platform.site import load_site
from sensor_platform_tests.field.batch.rig import Place, documentation, make_place, write_csv
from sensor_platform_tests.orchestration.platforms import Platform

LOADED_START = date(2010, 1, 1)
"""Of the definitions of this process, which were loaded without a site."""


def history(folder: Path, first: date) -> Path:
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    rows = [("room-0", begin + timedelta(hours=hour), 50 + hour) for hour in range(30)]
    return write_csv(folder / "early.csv", ("device_id", "ts", "humidity"), rows)


def test_batch_19_history_before_the_start_is_refused_with_the_key_to_change(tmp_path: Path) -> None:
    place = make_place(tmp_path, {"site.yaml": "name: history\nstart: 2025-01-01\n"})
    said = place.run("import", history(tmp_path, date(2024, 12, 20)))
    if said.code == 0:
        pytest.fail(f"set-up: rows before the start were imported: {said.text}")
    hint = said.text.partition("hint: ")[2]
    assert "start" in hint.replace("restart", ""), f"the hint leads astray: {hint}"
    assert "2024-12-20" in hint, f"the hint does not name the day: {hint}"


@pytest.fixture
def moved(tmp_path: Path) -> Place:
    """The site's start was moved back after Dagster had loaded its definitions, and older history was imported."""
    if DAYS.start.date() != LOADED_START:
        pytest.fail(f"set-up: the partitions of this process begin at {DAYS.start}")
    place = make_place(tmp_path, {"site.yaml": "name: history\nstart: 2009-12-01\n"})
    place.must("import", history(tmp_path, date(2009, 12, 20)))
    return place


@pytest.fixture
def running(moved: Place, tmp_path: Path) -> Iterator[Platform]:
    """The code location with the settings that it was started with."""
    settings = Settings(home=Home(moved.home), site=load_site(None), site_folder=moved.site, broker=Broker())
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with DagsterInstance.ephemeral(tempdir=str(tmp_path / "instance")) as instance:
        yield Platform(settings, instance)


def test_batch_19_a_running_dagster_waits_for_a_reload(running: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor_platform.orchestration.sensors.ledger_sensor._PATIENCE_SECONDS", 0.3)
    context = build_sensor_context(instance=running.instance, resources={"settings": running.settings})
    asked = ledger_sensor(context)
    if isinstance(asked, SkipReason):
        words = str(asked.skip_message)
        assert "reload" in words or "restart" in words, f"the sensor waits without saying for what: {words}"
        return
    if not isinstance(asked, list):
        pytest.fail(f"set-up: the sensor returned {asked!r}")
    for ask in asked:
        done = running.execute(str(ask.job_name), dict(ask.tags))
        assert done.success, f"a run from {ask.tags[RANGE_START_TAG]} was asked for, and failed"


def test_batch_19_the_settings_page_mentions_the_reload() -> None:
    lines = [line for line in documentation("settings.md").splitlines() if "`start`" in line]
    if not lines:
        pytest.fail("set-up: docs/settings.md does not describe `start`")
    assert any("reload" in line or "restart" in line for line in lines), f"not at `start`: {lines}"
