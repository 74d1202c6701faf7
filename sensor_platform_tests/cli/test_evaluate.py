"""Judging defaults on a file, as a command."""

import json
import math
from datetime import datetime, timedelta

import polars as pl
import pytest

from sensor_platform.cli.evaluate import evaluate
from sensor_platform.errors import WrongUse
from sensor_platform_tests.cli.running import run, said


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two weeks of an hourly rhythm, with an hour at the end that breaks it."""
    hours = range(14 * 24)
    values = [math.sin(hour / 24 * math.tau) + hour % 7 / 50 + (50 if hour == 300 else 0) for hour in hours]
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - as files have it
    times = [start + timedelta(hours=hour) for hour in hours]
    path = tmp_path_factory.mktemp("evaluate") / "rig.csv"
    pl.DataFrame({"t": times, "v": values, "odd": [int(hour == 300) for hour in hours]}).write_csv(path)
    return str(path)


def test_without_a_question_there_is_no_answer(file: str) -> None:
    with pytest.raises(WrongUse, match="neither --horizon nor --labels"):
        said(evaluate, file, "--time", "t", "--target", "v", "--test-from", "2026-01-11")


def test_anomaly_scores_are_judged_by_labels(file: str) -> None:
    asked = (file, "--time", "t", "--target", "v", "--test-from", "2026-01-11", "--labels", "odd")
    found = json.loads(said(evaluate, *asked, "--json"))
    assert (found["file"], found["rows"], found["series"]) == ("rig.csv", 336, 1)
    assert "forecast" not in found
    assert found["anomalies"]["result"]
    shown = run(evaluate, *asked).stdout
    assert shown.startswith("336 rows, 1 series, a step is ")
