"""The ledger database."""

import sqlite3

import pytest

from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import open_ledger, read_ledger
from sensor_platform.landing.ledger.schema import new_generation

GENERATION = "select value from meta where key = 'generation'"


def test_a_ledger_is_made_once_and_keeps_its_generation(home: Home) -> None:
    with read_ledger(home) as ledger:
        assert ledger is None
    with open_ledger(home) as ledger:
        first = ledger.execute(GENERATION).fetchone()
    with open_ledger(home) as ledger:
        assert ledger.execute(GENERATION).fetchone() == first
        new_generation(ledger)
        assert ledger.execute(GENERATION).fetchone() != first


def test_a_transaction_is_all_or_nothing(home: Home) -> None:
    with open_ledger(home) as ledger:
        with transaction(ledger):
            ledger.execute("insert into meta values ('a', '1')")
        with pytest.raises(sqlite3.IntegrityError), transaction(ledger):
            ledger.executemany("insert into meta values (?, ?)", [("b", "2"), ("a", "2")])
        assert ledger.execute("select key from meta where key in ('a', 'b')").fetchall() == [("a",)]


def test_a_reader_sees_one_moment_and_cannot_write(home: Home) -> None:
    with open_ledger(home) as writer, read_ledger(home) as reader:
        assert reader is not None
        assert reader.execute("select count(*) from meta where key = 'a'").fetchone() == (0,)
        writer.execute("insert into meta values ('a', '1')")
        assert reader.execute("select count(*) from meta where key = 'a'").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("insert into meta values ('b', '1')")


def test_a_ledger_of_a_newer_version_or_a_damaged_one_is_refused(home: Home) -> None:
    with open_ledger(home) as ledger:
        ledger.execute("update meta set value = '99' where key = 'schema'")
    with pytest.raises(WrongUse, match="has format 99"), open_ledger(home):
        pass
    for file in home.ledger.glob("ledger.sqlite*"):
        file.unlink()
    home.ledger_file.write_bytes(b"no database" * 100)
    with pytest.raises(Unreachable, match="failed"), open_ledger(home):
        pass
