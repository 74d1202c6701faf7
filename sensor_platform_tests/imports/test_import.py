"""Importing history: what lands, what is refused, what a second import adds (nothing), and what the ledger says."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from sensor_platform.errors import CheckFailed, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.reading.contract import Contract, TimeSource, ValueSource
from sensor_platform_tests.imports.import_helpers import NOW, imported, landed, make_small, quarantined, write_csv
from sensor_platform_tests.landing.homes import tables

LONG = ("device_id", "metric", "timestamp", "value")
DAY = datetime(2025, 6, 1, tzinfo=UTC)


def _at(text: str) -> datetime:
    """A plain time, as in files."""
    return datetime.fromisoformat(text)


def rows_of(count: int, seed: int = 1) -> list[tuple[object, ...]]:
    rng = random.Random(seed)
    return [
        (
            f"d{rng.randrange(4)}",
            rng.choice("tp"),
            (DAY + timedelta(seconds=rng.randrange(20_000))).isoformat(),
            i / 4,
        )
        for i in range(count)
    ]


def expected(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return sorted((row[0], row[1], datetime.fromisoformat(str(row[2])).replace(tzinfo=None), row[3]) for row in rows)


def found(home: Home) -> list[tuple[object, ...]]:
    return sorted(landed(home).select("device_id", "metric", "event_at", "value").iter_rows())


def test_rows_in_any_order_are_spilled_and_land_once_in_order_of_slots(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small(monkeypatch)
    monkeypatch.setattr("sensor_platform.imports.sources.BATCH_ROWS", 30)
    rows = rows_of(400)
    report = imported(home, write_csv(tmp_path / "a.csv", LONG, rows))
    assert (report.rows, report.readings, report.refused) == (400, 400, 0)
    assert report.landing_files > 3
    assert found(home) == expected(rows)
    slots: set[int] = set()
    for path in sorted((home.root / "landing").glob("*/*.parquet")):
        frame = pl.read_parquet(path, hive_partitioning=False)
        assert frame.equals(
            frame.sort(pl.col("event_at").dt.truncate("10m"), "device_id", "metric", "event_at", "position")
        )
        mine = set(frame["event_at"].dt.truncate("10m").cast(pl.Int64).to_list())
        assert not mine & slots, "a slot is in two files"
        slots |= mine
    assert set(dict(tables(home)["slots"])) == slots
    assert not list(home.root.glob(".import-*"))


def test_the_same_bytes_are_imported_once_under_any_name(home: Home, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "a.csv", LONG, rows_of(50))
    copy = tmp_path / "copy.csv"
    copy.write_bytes(first.read_bytes())
    other = write_csv(tmp_path / "b.csv", LONG, rows_of(20, seed=2))
    imported(home, first)
    before = tables(home)
    again = imported(home, copy)
    assert (again.segment, again.known) == (None, (str(copy),))
    assert tables(home) == before
    both = imported(home, first, other)
    assert (both.files, both.rows) == (1, 20)
    assert len(landed(home)) == 70


def test_files_of_one_call_are_one_commit_and_twins_among_them_count_once(home: Home, tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"{n}.csv", LONG, rows_of(10, seed=n % 2)) for n in range(3)]
    report = imported(home, *paths)
    assert (report.files, report.rows) == (2, 20)
    assert len(tables(home)["segments"]) == 1
    assert sorted(row[2:5] for row in tables(home)["imports"]) == [("1.csv", 10, 10), ("2.csv", 10, 0)]
    assert sorted(landed(home)["position"].to_list()) == list(range(20))


def test_bad_rows_are_quarantined_with_rule_hint_and_the_row(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(
        b"device_id,timestamp,t,state\n"
        b"a,2025-01-01T00:00:00Z,1.5,on\n"
        b",2025-01-01T00:00:00Z,2,\n"
        b"a,,3,\n"
        b"a,yesterday,4,\n"
        b"a,2001-01-01T00:00:00Z,5,\n"
        b"a,2999-01-01T00:00:00Z,6,\n"
        b"a,2025-01-01T00:00:00Z,7,on,8\n"
        b"a,2025-01-01T00:00:00Z,,\n"
        b"a,2025-01-01T00:01:00Z,nan,off\n"
        b"\n"
        b"\xff\xfe,2025-01-01T00:00:00Z,9,\n"
    )
    report = imported(home, path)
    rules = [(row["rule"], row["scope"], row["position"]) for row in quarantined(home)]
    assert rules == [
        ("no_device", "message", 1),
        ("no_time", "message", 2),
        ("bad_time", "message", 3),
        ("before_start", "message", 4),
        ("in_the_future", "message", 5),
        ("undecodable", "message", 6),
        ("no_readings", "message", 7),
        ("not_a_number", "reading", 8),
    ]
    assert all(row["hint"] and row["reason"] for row in quarantined(home))
    assert quarantined(home)[0]["payload"] == {
        "device_id": None,
        "timestamp": "2025-01-01T00:00:00Z",
        "t": "2",
        "state": None,
    }
    assert (report.rows, report.refused) == (10, 7)
    assert landed(home).filter(pl.col("metric") == "state")["text"].to_list() == ["on", "off"]
    assert audit(home).difference == 0
    (hour,) = audit(home).hours
    assert (hour.received, hour.landed, hour.quarantined, hour.rejected_readings) == (10, 3, 7, 1)


def test_a_mapping_that_does_not_fit_imports_nothing(home: Home, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", LONG, [("d", "t", "not a time", 1)] * 9 + [("d", "t", "2025-01-01", 1)])
    with pytest.raises(CheckFailed, match="9 of 10 rows are refused, most for 'bad_time'"):
        imported(home, path, most_refused=0.5)
    assert not list(home.root.rglob("*.parquet"))
    assert not tables(home)["segments"]
    with pytest.raises(WrongUse, match="no column names the device"):
        imported(home, write_csv(tmp_path / "b.csv", ("who", "ts", "t"), [(1, 2, 3)]))
    with pytest.raises(WrongUse, match="no column holds the time"):
        imported(home, write_csv(tmp_path / "c.csv", ("id", "when", "t"), [(1, 2, 3)]))
    with pytest.raises(WrongUse, match="no rows"):
        imported(home, write_csv(tmp_path / "d.csv", LONG, []))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("quote.csv", b'device_id,ts,t\na,1,2\n"b,1,2\n', "cannot be read"),
        ("empty.csv", b"", "cannot be read"),
        ("broken.parquet", b"PAR1 no", "cannot be read"),
        ("twice.csv", b"id,ts,t,t\n1,2,3,4\n", "two columns 't'"),
        ("notes.md", b"#", "neither CSV nor Parquet"),
    ],
)
def test_what_is_no_table_is_said_so(home: Home, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(WrongUse, match=said):
        imported(home, path)
    assert not list(home.root.rglob("*.parquet"))


def test_a_wide_parquet_file_of_typed_columns_lands_as_a_message_would(home: Home, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "sensorId": [7, 8],
            "when": [_at("2025-01-01T12:00:00"), _at("2025-07-01T12:00:00")],
            "ok": [True, False],
            "t": [1, None],
            "unit": ["C", None],
            "hall": ["A", "B"],
            "junk": [[1], [2]],
        }
    )
    frame.write_parquet(tmp_path / "w.parquet")
    contract = Contract(
        name="w",
        topic="#",
        time=TimeSource(field=("when",), timezone="Europe/Berlin"),
        tags={"hall": ValueSource(field=("hall",))},
        rename={"t": "temperature"},
        ignore=("junk",),
    )
    imported(home, tmp_path / "w.parquet", contract=contract)
    rows = (
        landed(home).select("device_id", "metric", "event_at", "value", "unit", "tags", "topic", "received_at").rows()
    )
    now = datetime.fromtimestamp(NOW / 1e6, UTC).replace(tzinfo=None)
    assert rows == [
        ("7", "ok", _at("2025-01-01T11:00:00"), 1.0, "C", {"hall": "A"}, "import/w.parquet", now),
        ("7", "temperature", _at("2025-01-01T11:00:00"), 1.0, "C", {"hall": "A"}, "import/w.parquet", now),
        ("8", "ok", _at("2025-07-01T10:00:00"), 0.0, None, {"hall": "B"}, "import/w.parquet", now),
    ]


def test_the_ledger_is_rebuilt_with_imports_and_still_knows_the_files(home: Home, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", LONG, rows_of(50))
    imported(home, path)
    before = tables(home)
    rebuild_ledger(home)
    assert tables(home) == before
    assert imported(home, path).segment is None


def test_two_imports_do_not_run_at_once(home: Home, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", LONG, rows_of(5))
    with changes_lock(home), pytest.raises(Unreachable, match="another import"):
        imported(home, path)
