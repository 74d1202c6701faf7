"""Questions to the ledger about segments and positions."""

from sensor_platform.home import Home
from sensor_platform.landing.ledger import open_ledger, queries, read_ledger, reopen_slots
from sensor_platform.landing.ledger.summing import is_committed
from sensor_platform_tests.landing.homes import T0, segment_name


def test_positions_and_notes(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        assert queries.generation(ledger)
        assert (queries.newest_position(ledger), queries.newest_touch(ledger)) == (2, 2)
        assert queries.note(ledger, "catalog") is None
        reopen_slots(ledger, [T0], {"catalog": "changed"})
        assert (queries.newest_position(ledger), queries.newest_touch(ledger)) == (2, 3)
        assert queries.note(ledger, "catalog") == "changed"


def test_totals(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        found = queries.totals(ledger)
        assert (found.segments, found.messages, found.landed, found.quarantined, found.readings) == (2, 4, 3, 1, 3)
        assert found.newest_event_at == queries.newest_event(ledger, 2) == T0 + 660_000_000


def test_the_newest_event_is_that_of_the_newest_segments(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        ledger.execute("update segments set newest_event_at = null where position = 2")
        assert queries.newest_event(ledger, 1) is None
        assert queries.newest_event(ledger, 2) == T0 + 600_000_000


def test_a_commit_is_later_than_every_commit_before_it(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        newest = queries.totals(ledger).newest_committed_at
        assert newest is not None
        assert queries.next_commit_time(ledger, newest - 5) == newest + 1
        assert queries.next_commit_time(ledger, newest + 5) == newest + 5


def test_what_is_committed_or_imported_is_known(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        assert [is_committed(ledger, segment_name(number)) for number in (1, 2, 3)] == [True, True, False]
        ledger.execute("insert into imports values ('aa', 'import-1', 'a.csv', 1, 0, 'm')")
        assert not queries.imported(ledger), "its commit is not there"
        assert not queries.is_free(ledger, segment_name(1))
        assert queries.is_free(ledger, "import-1")
