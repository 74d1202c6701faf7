import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from sensor_platform.alert import store
from sensor_platform.cli.labels import labels
from sensor_platform.errors import CheckFailed, PlatformError, Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.labels.label_store import Label, add_label, as_of, read_history, read_labels

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
        ("device,time,label\na,soon,x\n", "holds String, not times"),
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
    assert verdicts(home) == ["rejected"]
    run("remove", "alert:a1b2")
    assert read_labels(home) == []
    assert verdicts(home) == [""]


def verdicts(home: Home) -> list[str]:
    with closing(store.connect(home.live_file)) as connection:
        return [verdict for (verdict,) in connection.execute("select verdict from alerts")]


def test_a_label_that_is_taken_back_counts_no_more_and_what_counted_then_can_be_asked(home: Home) -> None:
    gone = run("add", "pump 1", "failure", "--start", "2026-03-01T10:30").strip()
    kept = run("add", "pump 2", "failure", "--start", "2026-03-01T10:30").strip()
    before = datetime.now(UTC).isoformat()
    assert "failure of pump 1 at 2026-03-01T10:30:00Z counts no more" in run("remove", gone[:14])
    assert [each.label_id for each in read_labels(home)] == [kept]
    then = [json.loads(line)["label_id"] for line in run("list", "--json", "--as-of", before).splitlines()]
    assert sorted(then) == sorted([gone, kept])
    run("add", "pump 1", "failure", "--start", "2026-03-01T10:30")
    assert len(read_labels(home)) == 2
    assert len(read_history(home)) == 3


def test_an_answer_that_is_changed_leaves_the_one_before_in_the_history(home: Home) -> None:
    first = Label("alert:1", "a", "t", 5, 9, "confirmed", "alert:hot", "", 10)
    add_label(home, first)
    add_label(home, replace(first, created_at=20))
    assert read_labels(home) == [first]
    add_label(home, replace(first, label="rejected", created_at=30))
    said = [(each.label.label, each.superseded_at) for each in read_history(home)]
    assert said == [("confirmed", 30), ("rejected", None)]
    assert [each.label for each in as_of(read_history(home), 29)] == ["confirmed"]
    assert [each.label for each in as_of(read_history(home), 30)] == ["rejected"]


@pytest.mark.parametrize(("name", "said"), [("", "no label"), ("other", "no label"), ("said:", "several labels")])
def test_only_one_label_is_removed_and_an_unknown_one_is_refused(home: Home, name: str, said: str) -> None:
    for device in ("a", "b"):
        run("add", device, "failure", "--start", "2026-03-01")
    with pytest.raises(PlatformError, match=said) as caught:
        run("remove", name)
    assert "labels list" in caught.value.hint
    assert len(read_labels(home)) == 2


def test_the_list_is_a_table_with_the_ids_that_remove_takes(home: Home) -> None:
    name = run("add", "pump 1", "failure", "--start", "2026-03-01", "--note", "seal").strip()
    head, _, row, count = run("list").splitlines()
    assert head.split() == ["start_at", "end_at", "device_id", "metric", "label", "source", "note", "label_id"]
    assert row.startswith("2026-03-01T00:00:00Z")
    assert row.endswith(name)
    assert count == "(1 row)"


@pytest.mark.parametrize("start", ["2300-01-01", "0001-01-01", "999999999w", "soon"])
def test_a_time_that_no_table_could_hold_is_refused(home: Home, start: str) -> None:
    with pytest.raises(WrongUse) as caught:
        run("add", "a", "failure", "--start", start)
    assert caught.value.hint
    assert read_labels(home) == []


@pytest.mark.parametrize(
    ("number", "said"), [("1772361000000", "1970 to 2199"), ("nan", "not times"), ("1e300", "1970")]
)
def test_a_number_that_is_no_second_is_refused(home: Home, tmp_path: Path, number: str, said: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"device,time,label\na,{number},x\nb,1.5,y\n")
    with pytest.raises(WrongUse, match=said):
        run("import", str(file))


@pytest.mark.parametrize(("content", "error"), [(b"no database", CheckFailed), (None, Unreachable)])
def test_labels_that_cannot_be_used_are_said_in_one_line(
    home: Home, content: bytes | None, error: type[PlatformError]
) -> None:
    if content is None:
        home.labels_file.parent.write_text("a file where the folder should be")
    else:
        home.labels_file.parent.mkdir()
        home.labels_file.write_bytes(content * 100)
    with pytest.raises(error) as caught:
        run("add", "a", "failure", "--start", "2026-03-01")
    assert caught.value.hint
