"""History as a command."""

import json
from pathlib import Path

import pytest

from sensor_platform.cli.import_files import import_files
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import read_ledger, totals
from sensor_platform_tests.cli.running import run, said


def file_of(folder: Path, text: str) -> str:
    path = folder / "history.csv"
    path.write_text(text)
    return str(path)


def test_a_wide_file_has_a_reading_per_metric_and_is_imported_once(home: Home, tmp_path: Path) -> None:
    file = file_of(tmp_path, "device_id,time,t,h\na,2026-03-01T12:00:00Z,1,2\nb,2026-03-01T12:00:00Z,3,\n,now,1,1\n")
    result = run(import_files, file, "--most-refused", "0.5")
    assert "1 files, 3 rows, 3 readings, 1 rows quarantined" in result.stdout
    assert "imported before, passed over" in said(import_files, file)
    with read_ledger(home) as ledger:
        assert ledger is not None
        assert totals(ledger).readings == 3


def test_column_options_say_what_columns_mean(home: Home, tmp_path: Path) -> None:
    file = file_of(tmp_path, "when;what;how;junk\n2026-03-01 13:00;t;1.5;x\n")
    words = ["--time", "when", "--timezone", "Europe/Berlin", "--metric", "what", "--value", "how"]
    words += ["--device-id", "boiler", "--ignore", "junk", "--separator", ";", "--json"]
    imported = json.loads(said(import_files, file, *words))
    assert (imported["rows"], imported["readings"], imported["refused"]) == (1, 1, 0)
    import polars as pl

    (row,) = pl.read_parquet(list(home.landing.glob("*/*.parquet"))).iter_rows(named=True)
    assert (row["device_id"], row["metric"], row["value"]) == ("boiler", "t", 1.5)
    assert str(row["event_at"]) == "2026-03-01 12:00:00"


@pytest.mark.usefixtures("home")
def test_options_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="do not fit together"):
        said(import_files, file_of(tmp_path, "a\n"), "--time-format", "sundial")
