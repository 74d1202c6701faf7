"""Ledgers of earlier versions are brought forward; those of newer ones are refused."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.cli.main import COMMANDS, cli
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import connect, transaction
from sensor_platform.landing.ledger import open_ledger, read_ledger
from sensor_platform.landing.ledger.migrations import is_current, migrate
from sensor_platform.landing.ledger.tables import SCHEMA, STATEMENTS
from sensor_platform.settings import load_settings

_VERSION_1 = """
create table meta (key text primary key, value text not null) without rowid;
create table segments (
    segment text primary key, position integer not null unique, committed_at integer not null,
    contract_version text not null, messages integer not null, landed integer not null, quarantined integer not null,
    duplicate integer not null, readings integer not null, rejected_readings integer not null, newest_event_at integer
) without rowid;
create table files (
    file text primary key, segment text not null, kind text not null, rows integer not null, bytes integer not null,
    sha256 text not null, first_event_at integer, last_event_at integer, replaced_at integer
) without rowid;
create table counts (
    hour integer not null, device_id text not null, received integer not null, landed integer not null,
    quarantined integer not null, duplicate integer not null, rejected_readings integer not null,
    primary key (hour, device_id)
) without rowid;
insert into meta values ('schema', '1'), ('generation', 'g');
insert into segments values ('s', 1, 5, 'v', 3, 2, 1, 0, 2, 0, 9);
insert into files values ('f', 's', 'landing', 2, 9, 'x', 0, 9, null);
insert into counts values (0, 'a', 3, 2, 1, 0, 0);
"""
_QUESTIONS = (
    "select key, value from meta where key in ('schema', 'generation') order by key",
    "select segment, landed, forgotten from segments",
    "select file, replaced_at, deleting_at from files",
    "select device_id, received, forgotten from counts",
)
_ANSWERS = [[("generation", "g"), ("schema", str(SCHEMA))], [("s", 2, 0)], [("f", None, None)], [("a", 3, 0)]]


def _of_version_1(home: Home) -> None:
    home.ledger.mkdir(parents=True)
    with closing(sqlite3.connect(home.ledger_file)) as ledger:
        ledger.executescript(_VERSION_1)


def _answers(ledger: sqlite3.Connection) -> list[list[object]]:
    return [ledger.execute(question).fetchall() for question in _QUESTIONS]


@pytest.fixture
def old(home: Home) -> Home:
    _of_version_1(home)
    return home


def test_a_ledger_of_version_1_is_brought_forward_by_writing_and_by_reading(old: Home) -> None:
    with read_ledger(old) as reader:
        assert reader is not None
        assert _answers(reader) == _ANSWERS
    with open_ledger(old) as ledger:
        assert _answers(ledger) == _ANSWERS


def test_steps_can_be_repeated(old: Home) -> None:
    with open_ledger(old) as ledger:
        for _ in range(2):
            with transaction(ledger):
                migrate(ledger)
        assert _answers(ledger) == _ANSWERS


@given(kill_at=st.integers(0, 60))
def test_a_process_killed_at_any_statement_leaves_the_old_version_or_the_new_one(
    kill_at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = Home(tmp_path_factory.mktemp("killed"))
    _of_version_1(home)
    if (child := os.fork()) == 0:
        connection = connect(home.ledger_file, busy_seconds=1, synchronous="full")
        left = [kill_at]

        def count(_: str) -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(count)
        with transaction(connection):
            migrate(connection)
        os._exit(0)
    os.waitpid(child, 0)
    with closing(sqlite3.connect(home.ledger_file)) as ledger:
        (schema,) = ledger.execute("select value from meta where key = 'schema'").fetchone()
        assert is_current(ledger) == (schema == str(SCHEMA))
    with open_ledger(home) as ledger:
        assert _answers(ledger) == _ANSWERS


def test_a_new_ledger_is_the_same_as_a_migrated_one(old: Home, tmp_path: Path) -> None:
    def columns(home: Home) -> dict[str, set[str]]:
        with open_ledger(home) as ledger:
            tables = [name for (name,) in ledger.execute("select name from sqlite_master where type = 'table'")]
            return {name: {row[1] for row in ledger.execute(f"pragma table_info({name})")} for name in tables}

    assert columns(old) == columns(Home(tmp_path / "new"))


def test_statements_are_complete(home: Home) -> None:
    with closing(sqlite3.connect(":memory:")) as ledger:
        ledger.executescript(STATEMENTS)
        assert not is_current(ledger)  # it has no version yet
    with open_ledger(home) as ledger:
        assert is_current(ledger)


@pytest.fixture
def newer(home: Home) -> Home:
    with open_ledger(home) as ledger:
        ledger.execute("update meta set value = '99' where key = 'schema'")
        ledger.execute("update meta set value = '7.1' where key = 'written_by'")
    return home


def test_a_newer_home_is_refused_and_its_version_is_named(newer: Home) -> None:
    words = r"has format 99, written by sensor-platform 7\.1.*\nhint: install sensor-platform 7\.1 or later"
    with pytest.raises(WrongUse, match=words), open_ledger(newer):
        pass
    with pytest.raises(WrongUse, match=words), read_ledger(newer):
        pass
    with pytest.raises(WrongUse, match=words):
        load_settings({"SENSOR_PLATFORM_HOME": str(newer.root)})


_ASKED = {
    "audit": [],
    "status": [],
    "collect": [],
    "land": [],
    "query": ["select 1"],
    "publish": [],
    "rebuild": [],
    "reland": [],
    "retention": [],
    "live": [],
}


@pytest.mark.parametrize("name", _ASKED)
def test_commands_refuse_a_newer_home_alike(name: str, newer: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert name in COMMANDS
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(newer.root))
    found = CliRunner().invoke(cli, [name, *_ASKED[name]])
    assert isinstance(found.exception, WrongUse)
    assert "has format 99" in found.exception.message


def test_doctor_names_it_in_its_list(newer: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(newer.root))
    found = CliRunner().invoke(cli, ["doctor"])
    assert found.output.startswith("fail")
    assert "has format 99" in found.output
