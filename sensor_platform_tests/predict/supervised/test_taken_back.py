"""A label that is taken back: what rests on it is scored and learnt again, and what was known then can still be asked.

By the real commands and the real clock: a label is known from when it is said.
"""

import json
import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sensor_platform.home import Home
from sensor_platform.predict.supervised.score_tasks import score_tasks
from sensor_platform.predict.supervised.task_registry import task_models
from sensor_platform.predict.supervised.train_tasks import train_tasks
from sensor_platform.predict.supervised.training_needs import needs_task_training
from sensor_platform.warehouse.published import labels_table
from sensor_platform.warehouse.published.joined_views import statements
from sensor_platform_tests.predict.machines import FAILS, HOURS, LEARNT, SITE, fill, machines, scores
from sensor_platform_tests.running import COMMAND

ONLY = replace(SITE, supervised=(FAILS,))
WRONG = LEARNT + 30
"""Hour of a failure that was none,"""
LASTED = 5
"""and the hours that it was said to last."""


def run(home: Home, *words: str) -> str:
    environment = {**os.environ, "SENSOR_PLATFORM_HOME": str(home.root)}
    environment.pop("SENSOR_PLATFORM_SITE", None)
    done = subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Told:
    """A home whose machines ran up to this hour, and their clock."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS)
        self.rows, self.labels = machines()

    def land(self, first: int, last: int, position: int) -> None:
        rows = self.rows.filter(pl.col("hour") >= first, pl.col("hour") < last)
        fill(self.home, rows, position, ONLY, start=self.start)

    def at(self, hour: int) -> datetime:
        return self.start + timedelta(hours=hour)

    def failures(self) -> Path:
        """Those before the training, as a maintenance system exports them."""
        file = self.home.root / "failures.csv"
        hours = [(each.device_id, int(each.label_id.rsplit("-", 1)[1])) for each in self.labels]
        rows = [(device, self.at(hour).isoformat()) for device, hour in hours if hour < LEARNT]
        pl.DataFrame(rows, schema=["machine", "failed_at"], orient="row").write_csv(file)
        return file

    def publish(self) -> None:
        """The tables about the task and the views over them, as `analytics.duckdb` has them."""
        labels_table.publish_tables(self.home)
        own = ("supervised_scores", "supervised_superseded")
        whole = ("supervised_answers", "label_history")
        self.home.analytics_file.unlink(missing_ok=True)
        tables = {name: scores(self.home, name) for name in own}
        tables |= {name: pl.read_parquet(self.home.published / name / "all.parquet") for name in whole}
        with duckdb.connect(str(self.home.analytics_file)) as target:
            for name, rows in tables.items():
                target.register("rows", rows.to_arrow())
                target.execute(f"create table {name} as from rows")
            for statement in statements(tables):
                target.execute(statement)

    def ask(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(run(self.home, *words, "--format", "json"))
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Trained on 44 days; then six more came, and a wrong failure in them."""
    made = Told(tmp_path_factory.mktemp("home"))
    made.land(0, LEARNT, 1)
    run(made.home, "labels", "import", str(made.failures()), "--device", "machine", "--as", "failure")
    time.sleep(1.1)  # a version's name knows seconds
    (done,) = train_tasks(made.home, ONLY, datetime.now(UTC)).tasks
    assert done.promoted
    made.land(LEARNT, HOURS, 2)
    return made


def accuracy(told: Told) -> dict[int, tuple[str, float]]:
    """Answer and cost by hour, of the device with the wrong failure."""
    told.publish()
    rows = told.ask(
        "query", "select window_start, answer, cost from supervised_accuracy where device_id = 'pump 0' order by 1"
    )
    base = told.start.replace(tzinfo=None)
    hours = [(datetime.fromisoformat(row["window_start"]) - base) // timedelta(hours=1) for row in rows]
    return {hour: (row["answer"], row["cost"]) for hour, row in zip(hours, rows, strict=True)}


def test_scores_and_their_accuracy_follow_and_what_was_known_then_can_be_asked(told: Told) -> None:
    times = (told.at(WRONG).isoformat(), told.at(WRONG + LASTED - 1).isoformat())
    name = run(told.home, "labels", "add", "pump 0", "failure", "--start", times[0], "--end", times[1]).strip()
    score_tasks(told.home, ONLY, position=2, now=datetime.now(UTC))
    then = accuracy(told)
    assert {then[hour][0] for hour in range(WRONG - FAILS.horizon_hours, WRONG)} == {"yes"}
    assert not set(range(WRONG, WRONG + LASTED)) & set(then)
    said_then = scores(told.home)
    between = datetime.now(UTC).isoformat()

    assert "counts no more" in run(told.home, "labels", "remove", name)
    assert needs_task_training(told.home, ONLY) == ()  # no model has learnt from it
    score_tasks(told.home, ONLY, position=2, now=datetime.now(UTC))
    now = accuracy(told)
    assert {now[hour][0] for hour in range(WRONG - FAILS.horizon_hours, WRONG + LASTED)} == {"no"}
    assert sum(cost for _, cost in then.values()) > sum(cost for _, cost in now.values())
    changed = scores(told.home).join(said_then, on=said_then.columns, how="anti", nulls_equal=True)
    assert changed.height > 0
    assert set(changed["device_id"]) == {"pump 0"}

    words = ("predictions", "--task", "pump", "--device", "pump 0", "--limit", "1000")
    known = {row["window_start"]: row["value"] for row in told.ask(*words, "--as-of", between)}
    rows = said_then.filter(pl.col("device_id") == "pump 0")
    assert known == {str(at): value for at, value in zip(rows["window_start"], rows["value"], strict=True)}
    listed = run(told.home, "labels", "list", "--json", "--as-of", between).splitlines()
    assert name in {json.loads(line)["label_id"] for line in listed}
    assert name not in run(told.home, "labels", "list")
    told.publish()
    (row,) = told.ask("query", f"select count(*) as n from label_history_as_of(timestamp '{between[:26]}')")
    assert row["n"] == len(listed)


def test_what_was_never_asked_for_is_refused_and_a_table_has_no_sixteen_digits(told: Told) -> None:
    score_tasks(told.home, ONLY, position=2, now=datetime.now(UTC))
    told.publish()
    row = run(told.home, "predictions", "--task", "pump", "--limit", "1").splitlines()[2]
    assert len(row.split()[4]) <= len("0.000123456")
    environment = {**os.environ, "SENSOR_PLATFORM_HOME": str(told.home.root)}
    words = [*COMMAND, "predictions", "--task", "pumb"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no predictions exist for 'pumb'")
    assert "hint: " in done.stderr


def test_a_withdrawn_training_label_requests_a_training_without_it(told: Told) -> None:
    (before,) = task_models.versions(told.home, "pump")
    rows = task_models.card_of(told.home, "pump", before).rows
    oldest = json.loads(run(told.home, "labels", "list", "--json").splitlines()[0])
    run(told.home, "labels", "remove", oldest["label_id"])
    (need,) = needs_task_training(told.home, ONLY)
    assert need.why == "labels that may have been used for training were withdrawn: 1"
    time.sleep(1.1)
    report = train_tasks(told.home, ONLY, datetime.now(UTC))
    assert report.score_days is not None
    assert report.score_days[0] == datetime.fromisoformat(oldest["start_at"]).date()
    newest = task_models.card_of(told.home, "pump", task_models.versions(told.home, "pump")[-1])
    assert newest.version != before
    assert newest.rows != rows
    assert needs_task_training(told.home, ONLY) == ()
