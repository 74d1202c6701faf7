"""Drivers of BI tools are older than the platform: `analytics.duckdb` and snapshots are of a format that they open.

`make old-readers` reads both files with real old versions of DuckDB.
"""

from datetime import datetime
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published.snapshot import snapshot
from sensor_platform.warehouse.published.views import relink
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

OF_DUCKDB_1_0 = 64


def storage_version(file: Path) -> int:
    head = file.read_bytes()[:20]
    assert head[8:12] == b"DUCK"
    return int.from_bytes(head[12:20], "little")


def test_published_file_and_snapshot_have_the_storage_version_of_duckdb_1_0(
    home: Home, landing: Landing, noon: datetime, tmp_path: Path
) -> None:
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, SiteStub()).is_ok
    publish(home, SiteStub())
    taken = tmp_path / "taken.duckdb"
    snapshot(home, SiteStub(), taken)
    assert [storage_version(file) for file in (home.analytics_file, taken)] == [OF_DUCKDB_1_0, OF_DUCKDB_1_0]
    moved = home.published.rename(tmp_path / "moved")
    relink(moved)
    assert storage_version(moved / "analytics.duckdb") == OF_DUCKDB_1_0
