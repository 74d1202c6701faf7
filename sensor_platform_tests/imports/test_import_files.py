"""Importing files: all or none, and each once."""

from pathlib import Path

import polars as pl
import pytest

from sensor_platform.errors import CheckFailed, WrongUse
from sensor_platform.home import Home
from sensor_platform.imports.import_files import Imported, ImportPlan, import_files
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract

NOON = 1_772_366_400_000_000
PLAN = ImportPlan(Contract(name="c", topic="#"), TimeLimits(1_262_304_000_000_000, 3_600_000_000), 600_000_000)


def imported(home: Home, *paths: Path) -> Imported:
    return import_files(home, paths, PLAN, lambda: NOON)


def csv(folder: Path, name: str, *rows: str) -> Path:
    path = folder / name
    path.write_text("\n".join(["id,time,t", *rows, ""]))
    return path


def test_files_are_imported_once_by_their_bytes(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = csv(tmp_path, "one.csv", "a,2026-03-01T12:00:00Z,1", "a,2026-03-01T12:30:00Z,2")
    done = imported(home, first)
    assert (done.files, done.rows, done.readings, done.refused, done.landing_files) == (1, 2, 2, 0, 1)
    assert (done.first_event_at, done.last_event_at) == (NOON, NOON + 1_800_000_000)
    again = imported(home, first.rename(tmp_path / "other.csv"), csv(tmp_path, "two.csv", "b,2026-03-01T12:00:00Z,3"))
    assert (again.known, again.readings) == ((str(tmp_path / "other.csv"),), 1)
    assert imported(home, tmp_path / "two.csv").segment is None
    frames = [pl.read_parquet(path) for path in home.landing.glob("*/*.parquet")]
    assert sorted(pl.concat(frames)["value"]) == [1.0, 2.0, 3.0]


def test_too_many_refused_rows_import_nothing_and_name_the_rule(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with pytest.raises(CheckFailed, match="2 of 3 rows are refused, most for 'bad_time'"):
        imported(home, csv(tmp_path, "h.csv", "a,soon,1", "a,later,1", "a,2026-03-01T12:00:00Z,1"))
    assert list(home.root.rglob("*.parquet")) == []


def test_one_file_that_does_not_fit_stops_them_all(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(WrongUse, match="no column names the device"):
        imported(home, csv(tmp_path, "h.csv", "a,2026-03-01T12:00:00Z,1"), wrong)
    with pytest.raises(WrongUse, match="no rows"):
        imported(home, csv(tmp_path, "empty.csv"))
    assert list(home.root.rglob("*.parquet")) == []
