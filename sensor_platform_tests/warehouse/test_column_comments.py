"""Every column that analysts see says what it is: `duckdb_columns()` has a comment, as SQL clients show it."""

from datetime import datetime
from pathlib import Path

import pytest

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published import column_comments
from sensor_platform.warehouse.published.snapshot import snapshot
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading
from sensor_platform_tests.warehouse.queries import ask

COMMENTS = (
    "select schema_name, table_name, column_name, comment from duckdb_columns()"
    " where not internal and schema_name in ('main', 'plain') and database_name = current_database()"
)


def comments(file: Path) -> dict[tuple[str, str, str], str | None]:
    return {(schema, table, column): text for schema, table, column, text in ask(file, COMMENTS)}


def test_no_column_of_the_published_file_or_a_snapshot_lacks_a_comment(
    home: Home, landing: Landing, noon: datetime, tmp_path: Path
) -> None:
    landing.land([reading("d", 'it\'s 100 % "m"', noon, 1.0)])
    assert build(home, SiteStub()).is_ok
    publish(home, SiteStub())
    taken = tmp_path / "taken.duckdb"
    snapshot(home, SiteStub(), taken)
    for file in (home.analytics_file, taken):
        found = comments(file)
        assert {schema for schema, *_ in found} == {"main", "plain"}
        assert [key for key, text in found.items() if not text] == []
        mean = found["main", "readings_1m", "mean"]
        assert mean == found["plain", "readings_1d", "mean"] == "sum / n."
        wide = [column for _, table, column in found if table == "readings_1h_wide"]
        assert any("it's" in column for column in wide)


def test_a_changed_description_reaches_a_file_that_is_otherwise_the_same(
    home: Home, site: SiteStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, site)
    read = column_comments.descriptions()
    changed = {**read, "cadence": {**read["cadence"], "is_learned": 'It\'s "said" otherwise; now.'}}
    monkeypatch.setattr(column_comments, "descriptions", lambda: changed)
    publish(home, site)
    assert comments(home.analytics_file)["main", "cadence", "is_learned"] == 'It\'s "said" otherwise; now.'


def test_every_description_is_of_a_column_that_exists(home: Home, site: SiteStub) -> None:
    publish(home, site)
    known = {(table, column) for _, table, column in comments(home.analytics_file)}
    own = column_comments.own_descriptions()
    stale = [(table, name) for table, texts in own.items() for name in texts if (table, name) not in known]
    assert [each for each in stale if each[0] != column_comments.COMMON] == []
    columns = {column for _, column in known}
    assert [name for name in own[column_comments.COMMON] if name not in columns] == []
