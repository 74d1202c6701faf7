import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sensor_platform
from sensor_platform.home import Home
from sensor_platform.predict.forecast import predict
from sensor_platform.predict.forecast.candidates import candidate_table
from sensor_platform.predict.forecast.candidates.candidate_table import CANDIDATES, simpler
from sensor_platform.warehouse.candidate_columns import CANDIDATE_COLUMNS
from sensor_platform.warehouse.prediction_tables import ensure_predictions
from sensor_platform.warehouse.tables import writer
from sensor_platform_tests.predict.stage import SiteOfTest, Stage

PACKAGE = Path(sensor_platform.__file__).parent
MODULE = """
from dataclasses import dataclass

import msgspec
import numpy as np

from sensor_platform.predict.forecast.candidates.candidate import Candidate, CandidateForecast


@dataclass(frozen=True)
class Pattern:
    base: float
    has_interval: bool = False

    def forecast(self, rows, layout, earlier):
        return CandidateForecast(self.base + rows.target * 7919 % 13)

    def files(self):
        return {"pattern.json": msgspec.json.encode(self.base)}


class PatternCandidate(Candidate):
    name = "pattern"

    def fit(self, training):
        return Pattern(float(np.mean(training.rows.actual - training.rows.target * 7919 % 13)))

    def load(self, files, version):
        return Pattern(msgspec.json.decode(files["pattern.json"], type=float)) if "pattern.json" in files else None

    def parameters(self, examples, seed):
        return {"pattern_seed": seed}
"""


def test_the_names_in_the_warehouse_are_those_of_the_table() -> None:
    path, text = candidate_table.warehouse_module()
    assert path.read_text(encoding="utf-8") == text, "run `make candidates`"
    assert CANDIDATE_COLUMNS == CANDIDATES


def test_the_empty_table_of_predictions_has_the_columns_of_its_rows(tmp_path: Path) -> None:
    stage = Stage(Home(tmp_path), SiteOfTest())
    with writer(stage.home, stage.site, "test") as warehouse:
        ensure_predictions(warehouse.connection, stage.home)
    assert stage.table("predictions").schema == predict.schema()


def test_a_table_that_was_made_before_a_candidate_gets_its_column(tmp_path: Path) -> None:
    stage = Stage(Home(tmp_path), SiteOfTest())
    with writer(stage.home, stage.site, "test") as warehouse:
        ensure_predictions(warehouse.connection, stage.home)
        for table in ("predictions", "predictions_superseded"):
            warehouse.connection.execute(f"insert into {table} (device_id, value) values ('a', 1.0)")
            warehouse.connection.execute(f"alter table {table} drop column average")
        ensure_predictions(warehouse.connection, stage.home)
    for table in ("predictions", "predictions_superseded"):
        rows = stage.table(table)
        assert rows["value"].to_list() == [1.0]
        assert rows["average"].to_list() == [None]
        assert set(predict.COLUMNS) <= set(rows.columns)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lightgbm", {"persistence", "linear"}, "linear"),
        ("average", {"persistence", "linear"}, "linear"),
        ("average", {"persistence", "lightgbm"}, "lightgbm"),
        ("weekly_naive", {"persistence"}, "persistence"),
        ("of another version", {"persistence", "linear", "average"}, "average"),
    ],
)
def test_a_candidate_that_is_missing_is_replaced_by_a_simpler_one(name: str, known: set[str], expected: str) -> None:
    assert simpler(name, known) == expected


def test_a_candidate_is_added_by_its_module_and_its_line_in_the_table(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    candidates = copy / PACKAGE.name / "predict/forecast/candidates"
    (candidates / "pattern.py").write_text(MODULE)
    table = candidates / "candidate_table.py"
    text = table.read_text().replace("    BoostedCandidate(),\n", "    BoostedCandidate(),\n    PatternCandidate(),\n")
    line = "from sensor_platform.predict.forecast.candidates.pattern import PatternCandidate\n\nTABLE:"
    table.write_text(text.replace("\nTABLE:", line))

    def run(*arguments: str) -> str:
        paths = os.pathsep.join([str(copy), str(PACKAGE.parent)])
        command = [sys.executable, "-m", *arguments]
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(command, env=environment, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("sensor_platform.predict.forecast.candidates.candidate_table")  # as `make candidates` does
    found = json.loads(run("sensor_platform_tests.predict.add_candidate", str(tmp_path / "home")))
    assert found["served"] == ["pattern"]
    assert found["values"] > 0
    assert found["errors"] == [pytest.approx(0.0, abs=1e-9)] * 2
    assert "pattern.json" in found["files"]
    assert found["pattern_seed"] == SiteOfTest().forecast.seed
    rows, error = found["view"]
    assert rows > 0
    assert error < 1e-9
