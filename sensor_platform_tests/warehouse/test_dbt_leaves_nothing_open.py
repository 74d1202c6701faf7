"""A database that dbt had open is closed after each invocation, also while something refers to dbt's environment."""

from datetime import datetime

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading

NOON = datetime(2026, 1, 2, 12, 0)  # noqa: DTZ001 - plain UTC


def test_the_database_is_closed_although_its_environment_is_kept(
    home: Home, landing: Landing, site: SiteStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, drop = [], DuckDBConnectionManager.close_all_connections

    def keep_and_drop() -> None:
        kept.append(DuckDBConnectionManager._ENV)
        drop()

    monkeypatch.setattr(DuckDBConnectionManager, "close_all_connections", keep_and_drop)
    landing.land([reading("d1", "m", NOON, 1.0)])
    assert build(home, site).is_ok
    opened = [environment for environment in kept if environment is not None]
    assert opened
    assert all(environment.conn is None for environment in opened)
