"""Questions to the ledger about the files that it makes visible."""

from sensor_platform.home import Home
from sensor_platform.kernel.clock import DAY
from sensor_platform.landing.ledger import open_ledger, read_ledger, slots_between, visible_files
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment

SLOT = 600_000_000
EVER = (-(1 << 60), 1 << 60)


def test_landing_files_of_slots(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        both = visible_files.landing_files(ledger, landed, slots_between(ledger, *EVER))
        assert [file.rows for file in both] == [2, 1]
        assert [file.path.stat().st_size for file in both] == [file.bytes for file in both]
        assert visible_files.landing_files(ledger, landed, [T0]) == both[:1]
        assert visible_files.landing_paths(ledger, landed) == [file.path for file in both]
        assert visible_files.landing_bytes(ledger, T0 + SLOT, T0 + 2 * SLOT) == sum(file.bytes for file in both)
        assert visible_files.landing_bytes(ledger, T0, T0 + SLOT) == both[0].bytes


def test_files_of_the_other_kinds(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        (quarantine,) = visible_files.quarantine_files(ledger, landed)
        assert quarantine.is_file()
        raw = visible_files.raw_files_since(ledger, landed, 0)
        assert len(raw) == 2
        assert raw == sorted(raw), "in the order of their commits"
        assert visible_files.raw_files_since(ledger, landed, 1 << 60) == []


def test_the_days_and_slots_of_a_file(landed: Home) -> None:
    with read_ledger(landed) as ledger:
        assert ledger is not None
        first, last = (str(path.relative_to(landed.root)) for path in visible_files.landing_paths(ledger, landed))
        assert sorted(visible_files.first_slots(ledger, *EVER)) == [(first, T0), (last, T0 + SLOT)]
        assert visible_files.last_file_of_days(ledger) == {T0 // DAY * DAY: last}
        found = visible_files.files_wholly_before(ledger, T0 + SLOT)
        assert [file.kind for file in found] == ["quarantine"]
        found = visible_files.files_wholly_before(ledger, T0 + 2 * SLOT)
        assert [file.kind for file in found] == ["landing", "landing", "quarantine"]


def test_a_replaced_file_is_known_and_not_visible(landed: Home) -> None:
    with open_ledger(landed) as ledger:
        file = str(visible_files.landing_paths(ledger, landed)[0].relative_to(landed.root))
        assert visible_files.is_known(ledger, file)
        assert visible_files.is_visible(ledger, file)
        ledger.execute("update files set replaced_at = 1 where file = ?", (file,))
        assert visible_files.is_known(ledger, file)
        assert not visible_files.is_visible(ledger, file)
        assert not visible_files.is_known(ledger, "landing/other")
        assert len(visible_files.landing_paths(ledger, landed)) == 1


def test_the_newest_rejects_are_bounded_by_files_and_by_rows(home: Home) -> None:
    for seq in range(1, 5):
        seal_segment(home, seq, [Message(b"garbage")] * 3, received_at=T0 + seq * DAY)
        land_all(home, now=T0 + seq * DAY)
    with read_ledger(home) as ledger:
        assert ledger is not None
        newest = visible_files.quarantine_files(ledger, home)[::-1]
        assert visible_files.newest_rejects(ledger, home, 9, 99) == newest
        assert visible_files.newest_rejects(ledger, home, 3, 99) == newest[:3]
        assert visible_files.newest_rejects(ledger, home, 9, 6) == newest[:2]
        assert visible_files.newest_rejects(ledger, home, 9, 1) == newest[:1], "one is always counted"
