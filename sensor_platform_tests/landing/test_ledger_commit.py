"""What a commit makes visible."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import (
    commit_segment,
    load_memory,
    open_ledger,
    reopen_slots,
)
from sensor_platform.landing.ledger.file_rows import delete_files, replace_files
from sensor_platform.landing.ledger.slot_positions import next_position
from sensor_platform.reading.memory import Memory, NodeState
from sensor_platform_tests.landing.commits import file, manifest


@pytest.fixture
def ledger(home: Home) -> Iterator[sqlite3.Connection]:
    with open_ledger(home) as connection:
        yield connection


def rows(ledger: sqlite3.Connection, sql: str) -> list[tuple[Any, ...]]:
    return ledger.execute(sql).fetchall()


def test_positions_count_commits_and_touch_the_slots_of_their_files(ledger: sqlite3.Connection) -> None:
    assert commit_segment(ledger, manifest("s1", file("f1", 10, 20))) == 1
    assert commit_segment(ledger, manifest("s2", file("f2", 20))) == 2
    assert rows(ledger, "select * from slots order by 1") == [(10, 1), (20, 2)]
    assert rows(ledger, "select received, landed, quarantined from counts") == [(6, 4, 2)]
    assert rows(ledger, "select * from arrivals") == [(0, 6, 4, 2, 0, 0, 0)]
    assert rows(ledger, "select first, last from sequences") == [(1, 3)]
    with pytest.raises(sqlite3.IntegrityError):
        commit_segment(ledger, manifest("s1"))
    assert next_position(ledger) == 3


def test_a_segment_that_is_landed_again_takes_the_place_of_itself(ledger: sqlite3.Connection) -> None:
    old = manifest("s1", file("f1", 10))
    commit_segment(ledger, old)
    new = structs.replace(old, files=(file("f3", 30),), written_at=6)
    assert commit_segment(ledger, new, instead_of=old) == 2
    assert rows(ledger, "select file from files") == [("f3",)]
    assert rows(ledger, "select * from slots order by 1") == [(10, 2), (30, 2)]
    assert rows(ledger, "select received from counts") == [(3,)]


def test_files_are_replaced_or_forgotten(ledger: sqlite3.Connection) -> None:
    commit_segment(ledger, manifest("s1", file("f1", 10), file("f2", 20)))
    with transaction(ledger):
        replace_files(ledger, ["f1"], 7)
        delete_files(ledger, ["f2"])
    assert rows(ledger, "select file, replaced_at from files") == [("f1", 7)]
    assert rows(ledger, "select slot_start from file_slots") == [(10,)]


def test_slots_are_reopened_with_a_position_and_a_note(ledger: sqlite3.Connection) -> None:
    commit_segment(ledger, manifest("s1", file("f1", 10, 20)))
    assert reopen_slots(ledger, [10], {"catalog": "changed"}) == 2
    assert rows(ledger, "select * from slots order by 1") == [(10, 2), (20, 1)]
    assert rows(ledger, "select value from meta where key = 'note.catalog'") == [("changed",)]
    assert reopen_slots(ledger, [], {}) == 2


def test_what_decoding_has_learnt_is_saved_with_its_segment(ledger: sqlite3.Connection) -> None:
    memory = Memory()
    memory.set_node("g/n", NodeState(7))
    commit_segment(ledger, manifest("s1", kinds=(("a", "t", 1),)), memory=memory)
    commit_segment(ledger, manifest("s2", kinds=(("a", "t", 4),)))
    found = load_memory(ledger)
    assert (found.node("g/n"), found.kinds_of("a", "t")) == (NodeState(7), 5)
