import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from sensor_platform.cli.evaluate import evaluate
from sensor_platform.errors import WrongUse
from sensor_platform.predict.anomaly.score_quality import best_f1, detection_quality

START = datetime(2024, 1, 1)  # noqa: DTZ001 - naive on purpose, as files come


def times(count: int, step: timedelta = timedelta(hours=1)) -> list[datetime]:
    return [START + number * step for number in range(count)]


def run(folder: Path, frame: pl.DataFrame, *options: str) -> Result:
    file = folder / "given.parquet"
    frame.write_parquet(file)
    return CliRunner().invoke(evaluate, [str(file), "--time", "t", "--json", *options], catch_exceptions=False)


def answer(folder: Path, frame: pl.DataFrame, *options: str) -> dict[str, list[dict[str, object]]]:
    done = run(folder, frame, *options)
    assert done.exit_code == 0
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found


def test_a_daily_wave_with_noise_is_served_at_its_noise_floor_with_honest_intervals(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    wave = 10 * np.sin(2 * np.pi * np.arange(60 * 24) / 24)
    frame = pl.concat(
        pl.DataFrame({"t": times(60 * 24), "s": name, "y": wave + rng.normal(0, 1, 60 * 24)}) for name in "ab"
    )
    found = answer(tmp_path, frame, "--series", "s", "--target", "y", "--horizon", "6", "--test-from", "2024-02-15")
    whole = found["forecast"][0]["rows"][-1]  # type: ignore[index]
    assert whole["mae_served"] < 1.1 * np.sqrt(2 / np.pi)
    assert 0.86 < whole["coverage"] < 0.94
    assert sum(whole["served"].values()) == pytest.approx(1)
    assert whole["mae_served"] <= 1.01 * min(whole["mae"][name] for name in ("persistence", "seasonal_naive"))


@pytest.mark.parametrize("rows", [30, 45])
def test_a_short_series_is_served_by_a_baseline(tmp_path: Path, rows: int) -> None:
    frame = pl.DataFrame({"t": times(rows), "y": np.random.default_rng(0).normal(0, 1, rows)})
    found = answer(tmp_path, frame, "--target", "y", "--horizon", "3", "--test-from", "2024-01-01T20")
    assert found["forecast"][0]["status"] == "forecast"
    assert found["forecast"][0]["interval_rests_on"] == "short history"


def test_gaps_duplicates_constants_and_empty_columns_are_handled_and_noted(tmp_path: Path) -> None:
    frame = pl.DataFrame({"t": times(400), "y": np.full(400, 3.0), "z": [None] * 400})
    spoilt = pl.concat([frame[:150], frame[200:], frame[:20]])
    found = answer(tmp_path, spoilt, "--target", "y,z", "--horizon", "2", "--test-from", "2024-01-14")
    assert found["forecast"][0]["rows"][-1]["mae_served"] == 0  # type: ignore[index]
    said = " ".join(str(note) for note in found["notes"])
    assert "z holds no number" in said
    assert "20 rows fell into a step" in said


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--target", "q", "--horizon", "2", "--test-from", "2024-01-03"), "no column 'q'"),
        (("--target", "y", "--horizon", "2", "--test-from", "2034-01-03"), "no row lies from"),
        (("--target", "y", "--horizon", "2", "--test-from", "2014-01-03"), "no row lies before"),
        (("--target", "y", "--horizon", "2", "--test-from", "soon"), "is not a time"),
        (("--target", "z", "--horizon", "2", "--test-from", "2024-01-03"), "no target holds a number"),
        (("--target", "word", "--horizon", "2", "--test-from", "2024-01-03"), "not numeric"),
        (("--target", "y", "--test-from", "2024-01-03"), "neither --horizon nor --labels"),
        (("--target", "y", "--labels", "word", "--test-from", "2024-01-03"), "--labels"),
    ],
)
def test_a_request_that_cannot_be_evaluated_is_refused_with_a_clear_message(
    tmp_path: Path, options: tuple[str, ...], word: str
) -> None:
    frame = pl.DataFrame({"t": times(100), "y": np.arange(100.0), "z": [None] * 100, "word": ["x"] * 100})
    with pytest.raises(WrongUse, match=word) as caught:
        run(tmp_path, frame, *options)
    assert caught.value.hint


def test_injected_faults_are_found_at_a_stated_false_alarm_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = 6_000
    values = rng.normal(0, 1, (rows, 3))
    label = np.zeros(rows, dtype=int)
    for number, start in enumerate(range(3_000, 6_000, 600)):
        at = slice(start, start + 120)
        label[at] = 1
        if number == 0:
            values[start : start + 120 : 20, 0] += 15
        elif number == 1:
            values[at, 1] += 3
        elif number == 2:
            values[at, 2] += np.linspace(0, 6, 120)
        elif number == 3:
            values[at, 0] = values[start, 0]
        else:
            values[at, 1] *= 4
    frame = pl.DataFrame({"t": times(rows, timedelta(seconds=1)), **{f"s{i}": values[:, i] for i in range(3)}})
    frame = frame.with_columns(pl.Series("label", label))
    found = answer(tmp_path, frame, "--target", "s0,s1,s2", "--labels", "label", "--test-from", "2024-01-01T00:45")[
        "anomalies"
    ]
    result = found["result"]  # type: ignore[call-overload]
    assert result["events"] == result["events_found"] == 5
    assert result["false_alarm_rate"] < 0.15


def test_a_file_that_no_threshold_can_be_made_of_says_so_in_json_that_any_reader_takes(tmp_path: Path) -> None:
    frame = pl.DataFrame({"t": times(8 * 3), "s": list("abc") * 8, "y": np.arange(24.0), "label": [0, 1] * 12})
    asked = ("--series", "s", "--target", "y", "--labels", "label", "--test-from", "2024-01-01T12")
    done = run(tmp_path, frame, *asked)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(done.stdout, parse_constant=refuse)["anomalies"]
    assert {point["threshold"] for score in found["scores"] for point in score["points"]} == {None}
    words = CliRunner().invoke(evaluate, [str(tmp_path / "given.parquet"), "--time", "t", *asked])
    assert "no threshold could be made" in words.stdout


def test_judging_counts_alarms_events_and_delays() -> None:
    labels = np.array([0, 1, 1, 1, 0, 0, 1, 1, 0], dtype=bool)
    flagged = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = detection_quality(flagged, labels, np.zeros(9, np.int64))
    assert (found.events, found.events_found, found.delay_steps) == (2, 1, 1.0)
    assert found.false_alarm_rate == 0.25
    assert found.missed_alarm_rate == pytest.approx(0.6)
    assert found.f1 == pytest.approx(0.5)
    best = best_f1(np.array([5.0, 1, 9, 8, 0, 0, 7, 6, 0]), labels, 0.15)
    assert best is not None
    assert best[1] == 6.0
    assert best[0] == pytest.approx(2 * 4 / 9)
