"""Finality and revision: what readers are told about a window, and that they are told when it changes after all."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.lineage import tiers
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published.snapshot import snapshot
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading
from sensor_platform_tests.warehouse.queries import ask

LATENESS = timedelta(hours=2)


@pytest.fixture
def site(tmp_path: Path) -> SiteStub:
    told = WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, allowed_lateness_hours=2)
    folder = tmp_path / "catalog"
    folder.mkdir()
    return SiteStub(warehouse=told, catalog=folder)


def minutely(start: datetime, hours: float, device: str = "d") -> list[dict[str, Any]]:
    return [reading(device, "m", start + timedelta(minutes=n), float(n)) for n in range(round(hours * 60))]


def revisions(home: Home, table: str = "readings_1h") -> dict[datetime, int]:
    rows = ask(home.warehouse_file, f"select window_start, revision from {table} where device_id = 'd'")
    return dict(rows)


def late(at: datetime, received_at: datetime, value: float = 99.0) -> dict[str, Any]:
    return reading("d", "m", at, value, received_at=received_at)


def test_an_open_window_changes_without_a_revision_and_a_final_one_raises_it_by_one(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    for step in (0, 3):
        position = landing.land(minutely(noon + timedelta(hours=step), 1))
        assert build(home, site, position=position).is_ok
        more = reading("d", "m", noon + timedelta(hours=step, minutes=1, seconds=1), 3.0)
        assert build(home, site, position=landing.land([more])).is_ok
    assert set(revisions(home).values()) == {0}
    assert set(revisions(home, "readings_10s").values()) == {0}
    now = noon + timedelta(hours=4)
    position = landing.land([late(noon + timedelta(seconds=30), now)])
    report = build(home, site, position=position)
    assert report.is_ok
    assert report.models["readings_1h"].revised_rows == 1
    assert {at: number for at, number in revisions(home).items() if number} == {noon: 1}
    assert {at: number for at, number in revisions(home, "readings_1m").items() if number} == {noon: 1}
    assert set(revisions(home, "readings_10s").values()) == {0}, "the ten seconds were not there before"
    assert set(revisions(home, "readings_1d").values()) == {0}, "the day is not over"
    position = landing.land([late(noon + timedelta(seconds=30), now + timedelta(seconds=1), 98.0)])
    assert build(home, site, position=position).is_ok
    assert revisions(home)[noon] == 2
    assert {at: n for at, n in revisions(home, "readings_10s").items() if n} == {noon + timedelta(seconds=30): 1}


def test_building_again_raises_nothing(home: Home, landing: Landing, site: SiteStub, noon: datetime) -> None:
    landing.land(minutely(noon, 30))
    assert build(home, site).is_ok
    assert build(home, site, position=landing.land([late(noon, noon + timedelta(hours=30))])).is_ok
    before = {table: ask(home.warehouse_file, f"select * from {table} order by all") for table in tiers()}
    assert build(home, site).is_ok
    assert {table: ask(home.warehouse_file, f"select * from {table} order by all") for table in tiers()} == before
    assert revisions(home)[noon] == 1


def test_a_changed_calibration_raises_the_revision_of_final_windows_it_is_about(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    landing.land(minutely(noon, 5))
    assert build(home, site).is_ok
    assert site.catalog is not None
    row = f"d,m,2,,{noon.isoformat()},{(noon + timedelta(hours=1)).isoformat()}"
    (site.catalog / "calibration.csv").write_text(f"device_id,metric,gain,offset,valid_from,valid_to\n{row}\n")
    assert build(home, site, position=1).is_ok
    assert {at: number for at, number in revisions(home).items() if number} == {noon: 1}


def test_a_new_warehouse_takes_over_the_revisions_that_were_published(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    landing.land(minutely(noon, 30))
    assert build(home, site).is_ok
    for number in range(3):
        row = late(noon + timedelta(minutes=number), noon + timedelta(hours=30, seconds=number))
        assert build(home, site, position=landing.land([row])).is_ok
    publish(home, site)
    before = {table: ask(home.warehouse_file, f"select * from {table} order by all") for table in tiers()}
    contents = fingerprints(home)
    shutil.rmtree(home.warehouse)
    assert build(home, site).is_ok
    assert {table: ask(home.warehouse_file, f"select * from {table} order by all") for table in tiers()} == before
    assert revisions(home)[noon] == 3
    shutil.rmtree(home.warehouse)
    shutil.rmtree(home.published)
    assert build(home, site).is_ok
    assert set(revisions(home).values()) == {0}
    assert fingerprints(home) == contents


def finals(home: Home, table: str = "readings_1h") -> dict[datetime, bool]:
    return dict(ask(home.analytics_file, f"select window_start, is_final from {table} where device_id = 'd'"))


def test_a_window_is_final_when_something_was_received_after_its_lateness_without_being_written_again(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    position = landing.land(minutely(noon, 3))
    assert build(home, site, position=position).is_ok
    publish(home, site)
    assert set(finals(home).values()) == {False}
    piece = home.published / "readings_1h" / "day=2026-01-02" / "0000.parquet"
    inode = piece.stat().st_ino
    tomorrow = noon + timedelta(hours=13)
    position = landing.land([reading("e", "m", tomorrow, 1.0, received_at=noon + timedelta(hours=1) + LATENESS)])
    assert build(home, site, position=position).is_ok
    publish(home, site)
    assert piece.stat().st_ino == inode
    assert {at for at, is_final in finals(home).items() if is_final} == {noon}
    assert all(finals(home, "readings_10s")[noon + timedelta(minutes=n)] for n in range(60))


def test_completeness_follows_the_catalogs_cadence_or_the_one_that_was_learned(
    home: Home, landing: Landing, site: SiteStub, noon: datetime
) -> None:
    assert site.catalog is not None
    (site.catalog / "devices.csv").write_text("device_id,area,cadence_s\ntold,hall 1,30\nmissing,,60\n")
    rows = [row for row in minutely(noon, 2) if row["event_at"].minute % 10 < 8]
    rows += [*minutely(noon, 2, "told"), reading("once", "m", noon, 1.0)]
    rows += [reading("fast", "m", noon + timedelta(seconds=n / 2), 1.0) for n in range(7200) if n % 4]
    landing.land(rows)
    assert build(home, site).is_ok
    publish(home, site)
    found = ask(
        home.analytics_file,
        f"select device_id, expected_n, completeness from readings_1h where window_start = '{noon}' order by all",
    )
    assert found == [("d", 60.0, 0.8), ("fast", 7200.0, 0.75), ("once", None, None), ("told", 120.0, 0.5)]
    cadence = ask(home.analytics_file, "select device_id, cadence_s, is_learned from cadence order by 1")
    assert cadence == [("d", 60.0, True), ("fast", 0.5, True), ("once", None, True), ("told", 30.0, False)]
    tens = ask(home.analytics_file, "select distinct expected_n from readings_10s where device_id = 'd'")
    assert tens == [(None,)], "ten seconds cannot be expected to hold a reading a minute"


def test_the_states_of_devices_are_of_the_moment_of_asking(home: Home, landing: Landing, site: SiteStub) -> None:
    plain = datetime.now(UTC).replace(tzinfo=None)
    assert site.catalog is not None
    (site.catalog / "devices.csv").write_text("device_id,area,cadence_s\nnever,hall 1,30\n")
    ages = {"online": 0, "late": 200, "silent": 20_000}
    landing.land(
        [reading(name, "m", plain - timedelta(seconds=age + 20 * n), 1.0) for name, age in ages.items() for n in (0, 1)]
    )
    assert build(home, site).is_ok
    publish(home, site)
    before = fingerprints(home)
    found = ask(home.analytics_file, "select device_id, state, area, lag_s >= 0 from device_status order by 1")
    assert found == [
        ("late", "late", None, True),
        ("never", "never seen", "hall 1", None),
        ("online", "online", None, True),
        ("silent", "silent", None, True),
    ]
    assert fingerprints(home) == before


def test_a_snapshot_has_the_columns_of_the_views(
    home: Home, landing: Landing, site: SiteStub, noon: datetime, tmp_path: Path
) -> None:
    landing.land(minutely(noon, 4))
    assert build(home, site).is_ok
    publish(home, site)
    snapshot(home, site, tmp_path / "taken.duckdb")
    for table in (*tiers(), "device_status"):
        columns = [name for name, *_ in ask(home.analytics_file, f"describe {table}") if name != "day"]
        assert [name for name, *_ in ask(tmp_path / "taken.duckdb", f"describe {table}")] == columns
    assert ask(tmp_path / "taken.duckdb", "select count(*) from readings_1h where is_final") == [(1,)]
