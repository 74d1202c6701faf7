"""The quarantine file of an import."""

import json
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.imports.rejected_rows import RejectedRows
from sensor_platform.imports.row_outcomes import rejects_frame
from sensor_platform.imports.sources import EXTRA

NOON = 1_772_366_400_000_000
FRAME = pl.DataFrame({"id": ["a", "b"], "t": ["1", "x"], EXTRA: [None, "9"]})


def refused(home: Home) -> RejectedRows:
    return RejectedRows(home, home.quarantine / "2026-03-01" / "import-1.parquet", "import-1", NOON)


def test_refused_rows_are_kept_as_json_with_rule_reason_and_hint(tmp_path: Path) -> None:
    rows = rejects_frame({1: ("no_time", "the row has no time", None)}, FRAME["id"])
    with refused(Home(tmp_path)) as file:
        file.add(FRAME, rows.with_columns(scope=pl.lit("message")), "import/h.csv", 10)
        file.add(FRAME, rows.clear().with_columns(scope=pl.lit("message")), "import/h.csv", 12)
        entry = file.close()
    assert entry is not None
    assert (entry.kind, entry.rows, file.rules) == ("quarantine", 1, {"no_time": 1})
    assert file.examples == {"no_time": "the row has no time"}
    (row,) = pl.read_parquet(tmp_path / entry.file).iter_rows(named=True)
    assert json.loads(row["payload"]) == {"id": "b", "t": "x"}
    assert (row["position"], row["device_id"], row["topic"], row["scope"]) == (11, "b", "import/h.csv", "message")
    assert row["hint"]


def test_where_nothing_is_refused_there_is_no_file(tmp_path: Path) -> None:
    with refused(Home(tmp_path)) as file:
        assert file.close() is None
    assert list(tmp_path.rglob("*.parquet")) == []


def test_an_import_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = rejects_frame({0: ("no_time", "so", None)}, FRAME["id"]).with_columns(scope=pl.lit("message"))
    file = refused(Home(tmp_path)).__enter__()
    file.add(FRAME, rows, "import/h.csv", 0)
    error = RuntimeError("the disk is full")
    file.__exit__(RuntimeError, error, None)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
