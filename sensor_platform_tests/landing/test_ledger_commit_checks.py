"""A commit that replaces something fails where another one has replaced it meanwhile."""

import sqlite3
from collections.abc import Iterator

import pytest
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.landing.ledger import DeviceCounts, commit_segment, open_ledger
from sensor_platform.landing.ledger.commit import replace_segment
from sensor_platform.landing.ledger.commit_checks import ChangedMeanwhile
from sensor_platform_tests.landing.commits import file, manifest
from sensor_platform_tests.landing.homes import tables


@pytest.fixture
def ledger(home: Home) -> Iterator[sqlite3.Connection]:
    with open_ledger(home) as connection:
        commit_segment(connection, manifest("s1", file("a", 600, 1200)))
        yield connection


def test_a_file_is_replaced_once(home: Home, ledger: sqlite3.Connection) -> None:
    commit_segment(ledger, structs.replace(manifest("r1", file("b", 600)), replaces=("a",)))
    before = tables(home)
    with pytest.raises(ChangedMeanwhile, match=r"^a was changed") as raised:
        commit_segment(ledger, structs.replace(manifest("r2", file("c", 600)), replaces=("a",)))
    assert raised.value.hint == "run it again"
    assert tables(home) == before, "all or nothing"


def test_a_result_takes_the_place_of_the_one_that_is_committed_and_of_no_other(
    home: Home, ledger: sqlite3.Connection
) -> None:
    old = manifest("s1", file("a", 600, 1200))
    other = (
        DeviceCounts(hour=0, device_id="b", received=3, landed=3, quarantined=0, duplicate=0, rejected_readings=0),
    )
    new = structs.replace(
        manifest("s1", file("a", 600, 1200), file("b", 600)), written_at=9, landed=3, quarantined=0, counts=other
    )
    with transaction(ledger):
        assert replace_segment(ledger, old, new, slots=[600], late={600: 1}) == 2
    state = tables(home)
    assert sorted(state["slots"]) == [(600, 2), (1200, 1)], "only the slots that change are touched"
    assert [row[:2] for row in state["files"]] == [("a", "s1"), ("b", "s1")]
    with transaction(ledger), pytest.raises(ChangedMeanwhile, match="segment s1"):
        replace_segment(ledger, old, structs.replace(new, written_at=11))
    with transaction(ledger):
        replace_segment(ledger, new, structs.replace(new, files=(file("b", 600),), written_at=12))
    replaced = ledger.execute("select file, replaced_at from files order by 1").fetchall()
    assert replaced == [("a", 12), ("b", None)]
