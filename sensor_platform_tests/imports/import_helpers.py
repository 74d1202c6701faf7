"""Imports into a home with small runs and pieces, and what a message of the same fields would have become."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.imports import external_sort
from sensor_platform.imports.import_files import Imported, ImportPlan, import_files
from sensor_platform.landing.ledger import landing_files, read_ledger, slots_between
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract

NOW = 1_772_366_400_000_000
SLOT = 600_000_000
LIMITS = TimeLimits(start=1_262_304_000_000_000, max_future=3_600_000_000)
DEFAULT = Contract(name="history", topic="#")


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and pieces of a few readings, so that few rows spill and make several files."""
    monkeypatch.setattr(external_sort, "RUN_ROWS", 50)
    monkeypatch.setattr(external_sort, "PIECE_ROWS", 20)


def imported(home: Home, *paths: Path, contract: Contract = DEFAULT, most_refused: float = 1.0) -> Imported:
    """Import with a clock that stands still."""
    return import_files(home, paths, ImportPlan(contract, LIMITS, SLOT, None, most_refused), lambda: NOW)


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """A CSV file with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def landed(home: Home) -> pl.DataFrame:
    """All visible readings, file after file, each in its own order."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        files = landing_files(ledger, home, slots_between(ledger, -(1 << 62), 1 << 62))
    return pl.concat([pl.read_parquet(file.path, hive_partitioning=False) for file in files])


def quarantined(home: Home) -> list[Mapping[str, Any]]:
    """All visible quarantine rows, with the payload as an object."""
    with read_ledger(home) as ledger:
        assert ledger is not None
        names = [name for (name,) in ledger.execute("select file from files where kind = 'quarantine'")]
    if not names:
        return []
    rows = pl.read_parquet([home.root / name for name in names], hive_partitioning=False)
    return [{**row, "payload": json.loads(row["payload"])} for row in rows.iter_rows(named=True)]
