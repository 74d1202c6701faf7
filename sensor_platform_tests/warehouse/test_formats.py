"""Versions of the warehouse file and the published folder: stored, refused when newer, brought forward when earlier."""

import json
from datetime import datetime

import duckdb
import pytest

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.dirty import dirty_days
from sensor_platform.warehouse.file import file_format
from sensor_platform.warehouse.file.connection import open_warehouse, read_warehouse
from sensor_platform.warehouse.publish import publish
from sensor_platform.warehouse.published import folder_format
from sensor_platform.warehouse.published.views import TEXT, relink
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, reading


@pytest.fixture
def published(home: Home, landing: Landing, site: SiteStub, noon: datetime) -> Home:
    landing.land([reading("d", "m", noon, 1.0)])
    build(home, site)
    publish(home, site)
    return home


def change(home: Home, sql: str) -> None:
    with duckdb.connect(str(home.warehouse_file)) as connection:
        connection.execute(sql)


def stored(home: Home) -> tuple[object, ...] | None:
    with read_warehouse(home) as connection:
        return connection.execute("select format from file_format").fetchone()


def test_a_warehouse_of_a_newer_version_is_refused_and_stays_as_it_is(published: Home, site: SiteStub) -> None:
    assert stored(published) == (file_format.FORMAT,)
    change(published, "update file_format set format = 99, written_by = '9.1'")
    before = published.warehouse_file.read_bytes()
    for use in (lambda: build(published, site), lambda: publish(published, site), lambda: stored(published)):
        with pytest.raises(WrongUse, match=r"has format 99, written by sensor-platform 9\.1") as refused:
            use()
        assert "install sensor-platform 9.1" in refused.value.hint
    assert published.warehouse_file.read_bytes() == before


def test_a_warehouse_of_an_earlier_version_is_stamped_and_its_rows_stay(published: Home, site: SiteStub) -> None:
    change(published, "drop table file_format")
    build(published, site)
    assert stored(published) == (file_format.FORMAT,)
    with duckdb.connect(str(published.warehouse_file), read_only=True) as connection:
        assert connection.execute("select count(*) from readings_clean").fetchone() == (1,)


def test_a_warehouse_of_the_first_releases_is_built_again(published: Home, site: SiteStub) -> None:
    change(published, "drop table file_format; drop table unit_conversions; update readings_clean set value = 111.2")
    assert not dirty_days(published, site, names=["readings_clean"])
    with open_warehouse(published, site.warehouse):
        assert dirty_days(published, site, names=["readings_clean"])
    assert build(published, site, position=1).is_ok
    with read_warehouse(published) as connection:
        assert connection.execute("select value from readings_clean").fetchall() == [(1.0,)]


def test_a_published_folder_of_a_newer_version_is_refused_and_stays_as_it_is(published: Home, site: SiteStub) -> None:
    file = published.published / folder_format.FILE
    assert json.loads(file.read_text())["format"] == folder_format.FORMAT
    file.write_text('{"format": 99, "written_by": "9.1", "something": "else"}')
    before = published.analytics_file.read_bytes()
    for use in (lambda: publish(published, site), lambda: relink(published.published)):
        with pytest.raises(WrongUse, match=r"has format 99, written by sensor-platform 9\.1"):
            use()
    assert published.analytics_file.read_bytes() == before


def test_views_of_an_earlier_version_are_written_again(published: Home, site: SiteStub) -> None:
    file, text = published.published / folder_format.FILE, published.published / TEXT
    file.unlink()
    written = text.stat().st_mtime_ns
    assert publish(published, site).views_changed
    assert text.stat().st_mtime_ns > written
    assert json.loads(file.read_text())["format"] == folder_format.FORMAT
    assert not publish(published, site).views_changed


def test_a_damaged_format_of_the_published_folder_says_what_to_do(published: Home, site: SiteStub) -> None:
    file = published.published / folder_format.FILE
    file.write_text("{")
    with pytest.raises(CheckFailed, match="is damaged") as refused:
        publish(published, site)
    assert "remove it" in refused.value.hint
