import random
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.clock import from_micros
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.config import WarehouseConfig
from sensor_platform.warehouse.lineage import CATALOG_TABLES, dbt_tables, models
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published import partition_files
from sensor_platform.warehouse.published.alert_tables import ALERT_TABLES
from sensor_platform.warehouse.published.snapshot import snapshot
from sensor_platform.warehouse.published.task_tables import TASK_TABLES
from sensor_platform.warehouse.published.views import relink
from sensor_platform.warehouse.staleness import state
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.warehouse.landings import SLOT, TABLES, Landing, SiteStub, reading
from sensor_platform_tests.warehouse.published_content import DERIVED, content
from sensor_platform_tests.warehouse.queries import ask
from sensor_platform_tests.warehouse.withdrawn import withdraw

SAID = {"predictions", "predictions_superseded", "supervised_scores", "supervised_superseded", "anomalies"}
KEPT = {"quarantine", "labels", "label_history", "drift", "late_frozen", *ALERT_TABLES, *TASK_TABLES}
PUBLISHED = {*TABLES, *CATALOG_TABLES, *SAID, *KEPT}
JOINED = {"prediction_accuracy", "prediction_history", "supervised_history", "supervised_accuracy", "anomaly_events"}
VIEWS = PUBLISHED | JOINED | {"cadence", "readings_1m_filled", "readings_1h_filled"}
DERIVED |= {"site", "area", "type", "cadence_s", "lag_s", "completeness_today", "state"}


def warehouse_content(home: Home) -> dict[str, list[str]]:
    return content_of_tables(home.warehouse_file)


def content_of_tables(file: Path) -> dict[str, list[str]]:
    return {name: rows for name, rows in content(file).items() if name in {*TABLES, *SAID}}


def hours(noon: datetime, count: int, every: int = 60) -> list[dict[str, Any]]:
    rng = random.Random(1)
    return [reading(f"d{n % 2}", "m", noon + timedelta(seconds=n), rng.random()) for n in range(0, count * 3600, every)]


def test_with_no_data_every_view_exists_typed_and_empty(home: Home, site: SiteStub) -> None:
    publish(home, site)
    tables = {name for (name,) in ask(home.analytics_file, "show tables")}
    assert tables == VIEWS
    for table in tables - {"catalog_site"}:
        assert ask(home.analytics_file, f"select count(*) from {table}") == [(0,)]
    kinds = {name: kind for name, kind, *_ in ask(home.analytics_file, "describe predictions")}
    assert kinds["issued_at"] == "TIMESTAMP"
    assert kinds["day"] == "DATE"


def test_what_is_published_is_what_the_warehouse_holds(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land(hours(noon, 15))
    assert build(home, site).is_ok
    report = publish(home, site)
    assert report.tables["readings_clean"].files == 15
    assert report.tables["readings_1h"].files == 2
    found = content(home.analytics_file)
    for view in {*VIEWS} - {*TABLES, *SAID}:
        del found[view]
    assert found == warehouse_content(home)
    assert ask(home.analytics_file, "select distinct day = cast(window_start as date) from readings_1m") == [(True,)]


def test_a_second_publish_writes_nothing(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    landing.land(hours(noon, 2))
    assert build(home, site).is_ok
    publish(home, site)
    before = {path: path.stat().st_ino for path in home.published.rglob("*.*")}
    report = publish(home, site)
    assert report.tables == {}
    assert not report.views_changed
    assert {path: path.stat().st_ino for path in home.published.rglob("*.*")} == before


def test_only_pieces_that_changed_are_written(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    landing.land(hours(noon, 5))
    assert build(home, site).is_ok
    publish(home, site)
    before = {path: path.stat().st_ino for path in home.published.rglob("*.parquet")}
    position = landing.land([reading("d0", "m", noon + timedelta(hours=2, minutes=30), 1.0)])
    assert build(home, site, position=position).is_ok
    publish(home, site)
    changed = {path.relative_to(home.published) for path, inode in before.items() if path.stat().st_ino != inode}
    days = "day=2026-01-02/0000"
    piece = {"slot": "day=2026-01-02/1400", "hour": days, "day": days, "whole": "all"}
    assert {str(path) for path in changed} == {
        f"{name}/{piece[table.grain]}.parquet" for name, table in dbt_tables().items()
    }


def test_a_window_whose_evidence_is_older_than_the_last_publish_is_published(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    older = landing.land([reading("d", "m", noon, 1.0)])
    landing.land([reading("d", "m", noon + timedelta(days=1), 2.0)])
    tomorrow = (noon + timedelta(days=1)).date()
    assert build(home, site, days=(tomorrow, tomorrow)).is_ok
    publish(home, site)
    assert build(home, site, days=(noon.date(), noon.date()), position=older).is_ok
    publish(home, site)
    assert ask(home.analytics_file, "select value from readings_clean order by 1") == [(1.0,), (2.0,)]


def test_publish_looks_at_what_was_recorded_since_and_not_at_the_history(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land(hours(noon, 30))
    assert build(home, site).is_ok
    publish(home, site)
    position = landing.land([reading("d0", "m", noon + timedelta(hours=2), 1.0)])
    assert build(home, site, position=position).is_ok
    copy = models()["published.readings_clean"]
    with duckdb.connect(str(home.warehouse_file)) as connection:
        hour = timedelta(hours=1)
        behind_our_back = "update state set position = 99 where model = 'readings_clean' and window_start > ?"
        connection.execute(behind_our_back, [noon + 2 * hour])
        assert [from_micros(start) for start in partition_files.behind(connection, copy, SLOT)] == [noon + 2 * hour]
        state.forget(connection, copy.name)
        assert len(partition_files.behind(connection, copy, SLOT)) == 30


def test_pieces_that_are_asked_for_again_are_written_again(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land(hours(noon, 3))
    assert build(home, site).is_ok
    publish(home, site)
    with writer(home, site, "test") as warehouse:
        warehouse.publish_again("readings_1m", [(noon + timedelta(minutes=70)).replace(tzinfo=UTC)])
    assert {name: done.files for name, done in publish(home, site).tables.items()} == {"readings_1m": 1}
    assert publish(home, site).tables == {}


def test_an_emptied_window_is_an_empty_piece(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    landing.land(hours(noon, 1))
    landing.land(hours(noon + timedelta(hours=3), 1))
    assert build(home, site).is_ok
    publish(home, site)
    assert build(home, site, position=withdraw(landing, 1)).is_ok
    publish(home, site)
    piece = home.published / "readings_clean" / "day=2026-01-02" / "1200.parquet"
    assert ask(home.analytics_file, "select min(event_at) from readings_clean") == [(noon + timedelta(hours=3),)]
    with duckdb.connect() as connection:
        assert connection.execute(f"select count(*) from '{piece}'").fetchall() == [(0,)]


def test_a_new_metric_is_a_new_column_and_older_pieces_read_as_null(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site).is_ok
    publish(home, site)
    position = landing.land([reading("d", 'n"ew', noon + timedelta(days=1), 2.0)])
    assert build(home, site, position=position).is_ok
    assert publish(home, site).views_changed
    found = ask(home.analytics_file, 'select m, "n""ew" from readings_1h_wide order by window_start')
    assert found == [(1.0, None), (None, 2.0)]


@pytest.mark.parametrize("piece", ["slot", "hour", "day"])
def test_pieces_have_the_size_that_the_site_says(landing: Landing, home: Home, noon: datetime, piece: Any) -> None:
    site = SiteStub(warehouse=WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, large_piece=piece))
    landing.land(hours(noon, 2))
    assert build(home, site).is_ok
    expected = {"slot": 12, "hour": 2, "day": 1}[piece]
    assert publish(home, site).tables["readings_1m"].files == expected
    assert ask(home.analytics_file, "select count(*) from readings_clean") == [(120,)]


def test_another_size_beside_what_is_published_is_refused_until_that_is_removed(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land(hours(noon, 2))
    assert build(home, site).is_ok
    publish(home, site)
    days = SiteStub(warehouse=WarehouseConfig(memory_limit="2GB", lock_wait_seconds=5, large_piece="day"))
    with pytest.raises(WrongUse, match="holds partition files of span 'hour'"):
        publish(home, days)
    assert ask(home.analytics_file, "select count(*) from readings_clean") == [(120,)]
    shutil.rmtree(home.published)
    publish(home, days)
    assert ask(home.analytics_file, "select count(*) from readings_clean") == [(120,)]


def test_a_removed_published_folder_is_written_again(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land(hours(noon, 2))
    assert build(home, site).is_ok
    publish(home, site)
    before = content(home.analytics_file)
    shutil.rmtree(home.published)
    publish(home, site)
    assert content(home.analytics_file) == before


def test_the_views_work_from_any_directory_and_a_copied_folder_after_relink(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, tmp_path: Path
) -> None:
    landing.land(hours(noon, 1))
    assert build(home, site).is_ok
    publish(home, site)
    expected = content(home.analytics_file)
    copied = tmp_path / "co'pied"
    shutil.copytree(home.published, copied)
    shutil.rmtree(home.published)
    assert set(relink(copied)) == PUBLISHED
    assert content(copied / "analytics.duckdb") == expected
    code = (
        f"import duckdb; print(duckdb.connect({str(copied / 'analytics.duckdb')!r}).sql('from readings_1h').fetchall())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, check=True)
    assert b"datetime" in done.stdout


def test_relink_refuses_a_folder_that_holds_nothing_published(tmp_path: Path) -> None:
    with pytest.raises(WrongUse):
        relink(tmp_path)


def test_quarantine_files_are_a_table_as_the_ledger_names_them(home: Home, site: SiteStub) -> None:
    file = quarantine_file(home, "s1")
    publish(home, site)
    assert ask(home.analytics_file, "select rule, segment, day::varchar from quarantine") == [
        ("no_device", "s1", "2026-01-02")
    ]
    with open_ledger(home) as ledger:
        ledger.execute("update files set replaced_at = 1 where file = ?", (file,))
    publish(home, site)
    assert ask(home.analytics_file, "select count(*) from quarantine") == [(0,)]


def quarantine_file(home: Home, segment: str) -> str:
    path = home.quarantine / "2026-01-02" / f"{segment}.parquet"
    path.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            "create table q as select timestamp '2026-01-02' as received_at, 't' as topic, 'x'::blob as payload,"
            " 'no_device' as rule, 'r' as reason, 'h' as hint, null::varchar as device_id, null::varchar as metric,"
            " ? as segment, 0::bigint as position, 1::bigint as qos, false as retain, 'message' as scope",
            [segment],
        )
        connection.execute(f"copy q to '{path}' (format parquet)")
    name = str(path.relative_to(home.root))
    with open_ledger(home) as ledger:
        ledger.execute(
            "insert into files (file, segment, kind, rows, bytes, sha256) values (?, ?, 'quarantine', 1, 1, ?)",
            (name, segment, sha256(path)),
        )
    return name


def test_a_snapshot_is_one_file_with_real_tables_equal_to_the_warehouse(
    landing: Landing, home: Home, site: SiteStub, noon: datetime, tmp_path: Path
) -> None:
    landing.land(hours(noon, 2))
    assert build(home, site).is_ok
    publish(home, site)
    file = tmp_path / "take'n.duckdb"
    rows = snapshot(home, site, file)
    expected = warehouse_content(home)
    shutil.rmtree(home.root)
    assert content_of_tables(file) == expected
    assert set(rows) == PUBLISHED
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_snapshot_never_overwrites(home: Home, site: SiteStub, tmp_path: Path) -> None:
    (tmp_path / "taken.duckdb").write_text("mine")
    with pytest.raises(WrongUse):
        snapshot(home, site, tmp_path / "taken.duckdb")
    assert (tmp_path / "taken.duckdb").read_text() == "mine"


def test_drift_and_what_came_too_late_are_tables_as_the_ledger_names_them(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    at, day = int(noon.replace(tzinfo=UTC).timestamp() * 1e6), 86_400_000_000
    with open_ledger(home) as ledger:
        for offset in (0, day):
            event = ("test-0-000001", 1, at + offset, "d", "m", "type", "integer", "text")
            ledger.execute("insert into drift values (?, ?, ?, ?, ?, ?, ?, ?)", event)
            ledger.execute("insert into late_frozen values ('test-0-000001', ?, 3, null)", (at + offset,))
    publish(home, site)
    drift = (noon, "d", "m", "type", "integer", "text", "test-0-000001")
    tomorrow = noon + timedelta(days=1)
    assert ask(home.analytics_file, "select * exclude (day) from drift order by 1") == [drift, (tomorrow, *drift[1:])]
    assert ask(home.analytics_file, "select slot_start, rows, day from late_frozen order by 1") == [
        (noon, 3, noon.date()),
        (tomorrow, 3, tomorrow.date()),
    ]
    pieces_of = {path: path.stat().st_ino for path in home.published.glob("[dl]*/day=2026*/*.parquet")}
    with open_ledger(home) as ledger:
        ledger.execute("delete from late_frozen where slot_start = ?", (at,))
        ledger.execute("update late_frozen set rows = 5")
    publish(home, site)
    assert ask(home.analytics_file, "select slot_start, rows from late_frozen") == [(tomorrow, 5)]
    changed = {path for path, inode in pieces_of.items() if not path.exists() or path.stat().st_ino != inode}
    assert {path.parent.parent.name for path in changed} == {"late_frozen"}, "drift has nothing new"
