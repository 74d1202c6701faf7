"""An import can be taken back, as if it had never been, and replaced in one commit."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.imports.known_imports import list_imports, mapping_version
from sensor_platform.imports.withdraw import Withdrawn, withdraw
from sensor_platform.kernel.clock import HOUR
from sensor_platform.landing.housekeeping import keep_house
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.ledger import landing_paths, open_ledger, quarantine_files, read_ledger
from sensor_platform.landing.quarantine.reconcile import Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.imports.import_helpers import LIMITS, NOW, SLOT, imported, write_csv
from sensor_platform_tests.landing.homes import Message, land_all, mixed_messages, seal_segment, tables

COLUMNS = ("device_id", "ts", "t")
BERLIN = Contract(name="berlin", topic="#", time=TimeSource(timezone="Europe/Berlin"))
LATER = NOW + 5 * HOUR


def write(folder: Path, name: str, device: str, hours: int = 3, bad: int = 1) -> Path:
    rows: list[tuple[object, ...]] = [
        (device, f"2026-02-0{1 + hour % 9}T{hour:02}:00:00", hour) for hour in range(hours)
    ]
    return write_csv(folder / name, COLUMNS, rows + [(device, "never", 1)] * bad)


def replaced(home: Home, *paths: Path) -> object:
    return import_files(home, paths, ImportPlan(BERLIN, LIMITS, SLOT, None, 1.0), lambda: NOW, is_replacing=True)


def taken_back(home: Home, *names: str | Path, is_real: bool = True) -> Withdrawn:
    return withdraw(home, [str(name) for name in names], SLOT, lambda: NOW, is_real=is_real)


def rows(home: Home, which: Callable[..., list[Path]] = landing_paths) -> list[tuple[object, ...]]:
    with read_ledger(home) as ledger:
        assert ledger is not None
        paths = which(ledger, home)
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in paths]
    names = ["device_id", "event_at", "value"] if which is landing_paths else ["device_id", "reason"]
    return sorted((row for frame in frames for row in frame.select(names).rows()), key=repr)


def is_whole(home: Home) -> bool:
    found = audit(home)
    return found.is_whole and not found.missing


def has_counts_of(home: Home) -> dict[str, object]:
    """What the ledger counts and shows, without the names of files."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        hours = ledger.execute("select * from counts order by hour, device_id").fetchall()
        return {
            "counts": hours,
            "arrivals": ledger.execute("select * from arrivals order by hour").fetchall(),
            "imports": ledger.execute("select source, rows from imports order by source").fetchall(),
            "readings": rows(home),
            "rejects": rows(home, quarantine_files),
            "late": ledger.execute("select * from late_frozen").fetchall(),
            "held": ledger.execute("select * from held_slots").fetchall(),
        }


def test_a_withdrawn_import_leaves_the_home_as_it_was_and_can_be_imported_again(home: Home, tmp_path: Path) -> None:
    seal_segment(home, 1, mixed_messages(1, 20))
    land_all(home, now=NOW - HOUR)
    before = has_counts_of(home)
    file = write(tmp_path, "a.csv", "a")
    imported(home, file)
    after = has_counts_of(home)
    dry = taken_back(home, file, is_real=False)
    assert has_counts_of(home) == after, "a dry run changes nothing"
    done = taken_back(home, file)
    assert done == dry
    assert (done.files, done.rows, done.readings, done.refused, done.slots) == (("a.csv",), 4, 3, 1, 3)
    assert has_counts_of(home) == before
    assert is_whole(home)
    imported(home, file)
    assert has_counts_of(home) == after
    with pytest.raises(WrongUse, match="no import"):
        taken_back(home, "feedbeef")


def test_one_file_of_an_import_goes_and_the_other_stays(home: Home, tmp_path: Path) -> None:
    first, second = write(tmp_path, "a.csv", "a"), write(tmp_path, "b.csv", "b", 5, 2)
    other = Home(tmp_path / "other")
    imported(other, second)
    imported(home, first, second)
    (known, _) = list_imports(home)
    taken_back(home, known.sha256[:12])
    assert has_counts_of(home) == has_counts_of(other)
    assert is_whole(home)
    rebuild_ledger(home)
    assert has_counts_of(home) == has_counts_of(other)
    taken_back(home, list_imports(home)[0].segment)
    assert tables(home)["segments"] == []


def test_rows_that_were_requeued_go_too(home: Home, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", COLUMNS, [("a", "2026-02-01T00:00:00", 1), ("", "2026-02-01T01:00:00", 2)])
    imported(home, file, write(tmp_path, "b.csv", "b"))
    with open_ledger(home) as ledger:
        decoder = Decoder([Contract(name="any", device=ValueSource(constant="z"), topic="#")], LIMITS)
        list(Reconciler(home, ledger, SLOT, lambda: NOW).requeue(RowSelection(), decoder, "v"))
        list(Reconciler(home, ledger, SLOT, lambda: NOW).drop(RowSelection()))
    assert is_whole(home)
    taken_back(home, file)
    assert {row[0] for row in rows(home)} == {"b"}
    assert is_whole(home)
    taken_back(home, tmp_path / "b.csv")
    assert rows(home) == rows(home, quarantine_files) == []
    assert audit(home).hours == ()
    assert is_whole(home)
    rebuild_ledger(home)
    assert audit(home).hours == ()


def test_rows_of_a_compacted_file_go_and_its_other_rows_stay(home: Home, tmp_path: Path) -> None:
    now, second = NOW // 1_000_000 - 3600, write(tmp_path, "a.csv", "a")
    seal_segment(home, 1, [Message(b'{"id": "s", "t": 1, "ts": %d}' % now)], received_at=NOW)
    land_all(home, now=NOW)
    kept = has_counts_of(home)
    imported(home, second)
    assert keep_house(home, 10, 7, LATER).made_files == 1
    taken_back(home, second)
    assert has_counts_of(home) == kept
    rebuild_ledger(home)
    assert has_counts_of(home) == kept
    keep_house(home, 10, 7, LATER + 2 * HOUR)
    names = [path.name for path in home.landing.glob("*/*.parquet")]
    assert len(names) == 1
    assert is_whole(home)


def test_an_old_import_goes_whose_hours_and_days_are_closed(home: Home, tmp_path: Path) -> None:
    first, second = write(tmp_path, "a.csv", "a"), write(tmp_path, "b.csv", "b", 5, 2)
    other = Home(tmp_path / "other")
    imported(other, second)
    imported(home, first)
    imported(home, second)
    for hours in (2, 4, 30):
        keep_house(home, 10, 7, LATER + hours * HOUR)
    taken_back(home, first)
    assert has_counts_of(home) == has_counts_of(other)
    assert is_whole(home)
    rebuild_ledger(home)
    assert has_counts_of(home) == has_counts_of(other)
    replaced(home, second)
    assert len(rows(home)) == 5
    assert is_whole(home)
    rebuild_ledger(home)
    assert len(rows(home)) == 5
    assert is_whole(home)


def test_a_compacted_file_of_which_nothing_is_left(home: Home, tmp_path: Path) -> None:
    imported(home, write(tmp_path, "a.csv", "a"))
    imported(home, write(tmp_path, "b.csv", "b"))
    assert keep_house(home, 10, 7, LATER).made_files == 1
    taken_back(home, tmp_path / "a.csv", tmp_path / "b.csv")
    assert rows(home) == []
    rebuild_ledger(home)
    assert rows(home) == []
    assert is_whole(home)


def test_another_mapping_is_refused_and_replaces_when_asked(home: Home, tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", "a")
    imported(home, file)
    before = has_counts_of(home)
    with pytest.raises(WrongUse, match=r"another mapping.*\n?.*") as refused:
        imported(home, file, write(tmp_path, "b.csv", "b"), contract=BERLIN)
    assert "--replace" in str(refused.value)
    assert has_counts_of(home) == before
    replaced(home, file)
    expected = Home(tmp_path / "expected")
    imported(expected, file, contract=BERLIN)
    assert has_counts_of(home) == has_counts_of(expected)
    assert imported(home, file, contract=BERLIN).segment is None, "the same mapping again adds nothing"
    rebuild_ledger(home)
    assert has_counts_of(home) == has_counts_of(expected)
    assert is_whole(home)


def test_a_mapping_is_told_by_what_differs_from_the_defaults() -> None:
    plain = Contract(name="import", topic="#")
    assert mapping_version(plain) == mapping_version(Contract(name="other", topic="a/#"))
    assert mapping_version(BERLIN) not in {
        mapping_version(plain),
        mapping_version(Contract(name="b", topic="#", time=TimeSource(timezone="UTC"))),
    }


FILES = ("a.csv", "b.csv", "c.csv")
STEP = st.one_of(
    st.tuples(st.just("import"), st.sets(st.sampled_from(FILES), min_size=1)),
    st.tuples(st.just("replace"), st.sets(st.sampled_from(FILES), min_size=1)),
    st.tuples(st.just("withdraw"), st.sampled_from(FILES)),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("rebuild"), st.none()),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=8))
def test_any_order_of_imports_and_withdrawals_leaves_what_is_imported_now(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("steps")
    home, now = Home(folder / "home"), NOW
    for number, name in enumerate(FILES):
        write(folder, name, name[0], 2 + number, number)
    mapping: dict[str, Contract] = {}
    plain = Contract(name="history", topic="#")
    for action, what in steps:
        now += HOUR
        if action in {"import", "replace"}:
            contract = BERLIN if action == "replace" else plain
            names = sorted(what)  # type: ignore[call-overload]
            plan = ImportPlan(contract, LIMITS, SLOT, None, 1.0)
            if action == "import" and any(mapping.get(name, plain) != plain for name in names):
                continue
            import_files(home, [folder / name for name in names], plan, lambda: now, is_replacing=action == "replace")  # noqa: B023
            mapping |= dict.fromkeys(names, contract)
        elif action == "withdraw" and str(what) in mapping:
            withdraw(home, [str(folder / str(what))], SLOT, lambda: now)  # noqa: B023
            del mapping[str(what)]
        elif action == "compact" and mapping:
            keep_house(home, 10, 7, now)
        elif action == "rebuild" and home.ledger_file.exists():
            rebuild_ledger(home)
    if not home.ledger_file.exists():
        return
    expected = Home(folder / "expected")
    for name, contract in mapping.items():
        imported(expected, folder / name, contract=contract)
    with open_ledger(expected):
        pass
    assert rows(home) == rows(expected)
    assert rows(home, quarantine_files) == rows(expected, quarantine_files)
    assert is_whole(home)
