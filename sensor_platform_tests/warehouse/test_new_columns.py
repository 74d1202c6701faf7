"""Readers see a whole table while its published files get a new column."""

from datetime import datetime, timedelta

import duckdb
import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse import publish as publishing
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.candidate_columns import CANDIDATE_COLUMNS
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.published import partition_files, views
from sensor_platform.warehouse.published.query import ask
from sensor_platform.warehouse.published.views import MIXED
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading


def test_a_table_with_files_of_two_kinds_is_read_by_name_until_all_are_written(
    home: Home, landing: Landing, site: SiteStub, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing.land([reading("d", "m", noon + timedelta(days=day), 1.0) for day in range(3)])
    assert build(home, site).is_ok
    publishing.publish(home, site)
    with open_warehouse(home, site.warehouse) as connection:
        connection.execute("alter table readings_1d add column p95 double")
    write = partition_files.write_files

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(partition_files, "write_files", killed)
    with pytest.raises(KeyboardInterrupt):
        publishing.publish(home, site)
    monkeypatch.setattr(partition_files, "write_files", write)
    rows = ask(home, "select day, n, p95 from readings_1d order by day").rows
    assert [(n, value) for _, n, value in rows] == [(1, None)] * 3
    assert (home.published / "readings_1d" / MIXED).exists()
    publishing.publish(home, site)
    assert not (home.published / "readings_1d" / MIXED).exists()
    assert "union_by_name" not in (home.published / "analytics.sql").read_text().split('"readings_1d"')[1][:400]
    assert len(ask(home, "select * from readings_1d").rows) == 3


def test_a_folder_from_before_a_forecast_candidate_is_linked_again(home: Home, site: SiteStub) -> None:
    publishing.publish(home, site)
    with duckdb.connect() as connection:
        known = views.read_columns(connection, home.published / "predictions" / views.COLUMNS_FILE)
        earlier = [(name, kind) for name, kind in known if name not in {CANDIDATE_COLUMNS[-1], "revision"}]
        views.write_columns(connection, home.published, "predictions", earlier, whole=False)
    assert "predictions" in views.relink(home.published)
    found = ask(home, f'select "{CANDIDATE_COLUMNS[-1]}", revision from prediction_accuracy')
    assert found.rows == []
