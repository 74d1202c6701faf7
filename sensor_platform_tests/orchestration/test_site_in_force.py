"""What Dagster's definitions hold since they were loaded, and how a change of the site's files shows as a check."""

import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from dagster import AssetCheckEvaluation, AssetCheckResult, SensorResult, build_sensor_context

from sensor_platform.orchestration.checks import site_files
from sensor_platform.orchestration.site_in_force import LOADED, RELOAD, has_changed, keys_to_reload
from sensor_platform.site import load_site
from sensor_platform.versions import reports
from sensor_platform.versions.reports import ProcessReport, site_state, write_report
from sensor_platform.versions.site_files import read_site_files
from sensor_platform.warehouse.meta import Freshness
from sensor_platform_tests.orchestration.platforms import Platform


def test_keys_that_the_definitions_hold_are_named_with_what_to_do() -> None:
    loaded = load_site(None)
    runs = msgspec.structs.replace(loaded.runs, train_cron="1 1 * * *", retries=9)
    limits = loaded.freshness | {"landing": Freshness(warn_minutes=1, fail_minutes=2)}
    found = keys_to_reload(loaded, msgspec.structs.replace(loaded, runs=runs, freshness=limits))
    assert [each.key for each in found] == ["runs.train_cron", "freshness.landing"]
    assert all(RELOAD in each.hint for each in found)
    assert keys_to_reload(loaded, loaded) == ()


def test_settings_from_elsewhere_never_change(platform: Platform) -> None:
    assert has_changed(platform.settings)() is False
    assert has_changed(LOADED)() is False


@pytest.fixture
def site(platform: Platform) -> Path:
    folder = platform.home.root / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text("name: a\n")
    platform.settings = msgspec.structs.replace(platform.settings, site_folder=folder)
    return folder


def checked(platform: Platform) -> AssetCheckResult:
    result = site_files.site_files_check(platform.settings)
    assert isinstance(result, AssetCheckResult)
    return result


def test_a_process_with_an_older_version_turns_the_check_red(
    platform: Platform, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PATIENCE_SECONDS", -1.0)
    old = msgspec.structs.replace(read_site_files(site).versions, rules="0" * 8)
    write_report(platform.home, ProcessReport(process="live", pid=1, updated_at=time.time(), versions=old))
    state = site_state(platform.home, site)
    assert "live has an older version in force (rules 00000000)" in site_files.sentence(state)
    assert not checked(platform).passed
    context = build_sensor_context(instance=platform.instance, resources={"settings": platform.settings})
    first = site_files.site_files_sensor(context)
    assert isinstance(first, SensorResult)
    (event,) = first.asset_events
    assert isinstance(event, AssetCheckEvaluation)
    assert not event.passed
    again = build_sensor_context(
        instance=platform.instance, resources={"settings": platform.settings}, cursor=first.cursor
    )
    second = site_files.site_files_sensor(again)
    assert isinstance(second, SensorResult)
    assert not second.asset_events, "the verdict is the same"


def test_processes_with_the_files_of_the_disk_are_green(platform: Platform, site: Path) -> None:
    versions = read_site_files(site).versions
    report = ProcessReport(process="live", pid=1, updated_at=datetime.now(UTC).timestamp(), versions=versions)
    write_report(platform.home, report)
    assert checked(platform).passed
    assert site_files.sentence(site_state(platform.home, site)).startswith("1 running processes")
