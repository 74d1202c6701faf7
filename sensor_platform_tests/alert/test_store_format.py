"""The version of the live store."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sensor_platform.alert import store
from sensor_platform.errors import WrongUse
from sensor_platform.kernel.store_format import writer


def meta(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("select key, value from meta"))


def test_a_new_store_notes_its_format_and_who_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    store.connect(path).close()
    assert meta(path) == {"schema": str(store.SCHEMA), "written_by": writer()}


def test_a_store_of_a_newer_version_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table meta (key text primary key, value text not null) without rowid")
        connection.execute("insert into meta values ('schema', '99'), ('written_by', '9.1')")
    with pytest.raises(WrongUse, match=r"has format 99, written by sensor-platform 9\.1") as refused:
        store.connect(path)
    assert "install sensor-platform 9.1" in refused.value.hint
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("meta",)]


def test_a_store_of_format_1_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with closing(store.connect(path)) as connection:
        connection.execute("delete from meta where key = 'written_by'")
        connection.execute("update meta set value = '1' where key = 'schema'")
        connection.execute("drop index alerts_by_state")
        connection.execute("insert into inbox values (1, x'00')")
    with closing(store.connect(path)) as connection:
        assert connection.execute("select count(*) from inbox").fetchone() == (1,)
        assert connection.execute("select 1 from sqlite_master where name = 'alerts_by_state'").fetchone() == (1,)
    assert meta(path) == {"schema": str(store.SCHEMA), "written_by": writer()}
