import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from sensor_platform.alert import store
from sensor_platform.cli.labels import labels
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.landing.labels import read_labels

ALERT = {"alert_id": "a1b2c3", "rule": "hot", "device_id": "pump 1", "metric": "temp", "fired_at": 5, "resolved_at": 9}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path))
    monkeypatch.delenv("SENSOR_PLATFORM_SITE", raising=False)
    return Home(tmp_path)


def run(*words: str) -> str:
    done = CliRunner().invoke(labels, list(words), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_the_same_statement_twice_is_one_label(home: Home) -> None:
    for _ in range(2):
        run("add", "pump 1", "failure", "--start", "2026-03-01T10:30", "--note", "seal")
    run("add", "pump 1", "failure", "--start", "2026-03-01T12:30+02:00")
    (label,) = read_labels(home)
    assert (label.device_id, label.label, label.start_at) == ("pump 1", "failure", 1772361000000000)
    (row,) = [json.loads(line) for line in run("list", "--json").splitlines()]
    assert (row["start_at"], row["source"]) == ("2026-03-01T10:30:00Z", "person")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_is_imported_whole_and_again_adds_nothing(home: Home, tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame(
        {
            "machine": ["a", "b", "b"],
            "failed_at": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"],
            "until": ["2026-01-01T06:00:00Z", None, "2026-01-03T01:00:00Z"],
        }
    )
    file = tmp_path / f"failures.{kind}"
    frame.write_csv(file) if kind == "csv" else frame.write_parquet(file)
    assert run("import", str(file), "--as", "failure") == "3 labels of 2 devices, 3 of them new\n"
    assert run("import", str(file), "--as", "failure") == "3 labels of 2 devices, 0 of them new\n"
    found = [(each.device_id, each.end_at - each.start_at) for each in read_labels(home)]
    assert found == [("a", 6 * 3_600_000_000), ("b", 0), ("b", 3_600_000_000)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machine,time\na,2026-01-01\n", "no column is called label"),
        ("who,time,label\na,2026-01-01,x\n", "no column is called device_id"),
        ("device,time,label\na,2026-01-01,x\n,2026-01-02,x\n", "row 2 lacks"),
        ("device,time,label\na,soon,x\n", "holds String, no times"),
        ("device,start,end,label\na,2026-01-02,2026-01-01,x\n", "ends before it starts"),
    ],
)
def test_a_file_with_one_bad_row_is_refused_with_a_hint_and_nothing_is_taken(
    home: Home, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(text)
    with pytest.raises(PlatformError, match=said) as caught:
        run("import", str(file))
    assert caught.value.hint
    assert read_labels(home) == []


def test_a_confirmed_alert_is_a_label_and_rejecting_it_replaces_that(home: Home) -> None:
    connection = store.connect(home.live_file)
    columns = [row[1] for row in connection.execute("pragma table_info(alerts)")]
    values = {name: ALERT.get(name, "") for name in columns}
    marks = ", ".join("?" * len(columns))
    connection.execute(f"insert into alerts ({', '.join(columns)}) values ({marks})", list(values.values()))
    connection.commit()
    connection.close()
    run("confirm", "a1b2", "--by", "kim")
    (label,) = read_labels(home)
    assert (label.label, label.device_id, label.start_at, label.end_at) == ("confirmed", "pump 1", 5, 9)
    run("reject", "a1b2", "--note", "sensor was being cleaned")
    (label,) = read_labels(home)
    assert (label.label, label.note) == ("rejected", "sensor was being cleaned")
