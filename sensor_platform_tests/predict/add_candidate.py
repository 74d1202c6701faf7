"""Run by `test_candidate_table` with a copy of the package that has the candidate `pattern`; prints JSON."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from sensor_platform.home import Home
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.warehouse.published import joined_views
from sensor_platform_tests.predict.stage import HISTORY, NOW, START, SiteOfTest, Stage, hourly


def main(root: Path) -> None:
    """Train on a series that only `pattern` can forecast, score, and read the published view."""
    stage = Stage(Home(root), SiteOfTest())
    hours = np.arange(HISTORY) + int(START.timestamp()) // 3600
    values = np.asarray(40 + hours * 7919 % 13, dtype=np.float64)
    rows = hourly({"a": values, "b": values}, "temp")
    stage.write(rows.with_columns(pl.col("n").cast(pl.Int64)), 1)
    build_features(stage.home, stage.site)
    train(stage.home, stage.site, NOW - timedelta(days=2))
    score(stage.home, stage.site, now=NOW - timedelta(days=1))
    card = forecasters.champion_card(stage.home, "temp")
    assert card is not None
    with duckdb.connect() as connection:
        for table in ("predictions", "readings_1h"):
            connection.register("rows", stage.table(table).to_arrow())
            connection.execute(f"create table {table} as select *, date '2026-01-01' as day from rows")
        for statement in joined_views.statements(["predictions", "readings_1h"]):
            connection.execute(statement)
        view = connection.execute("select count(*), max(abs(pattern - actual)) from prediction_accuracy").fetchall()
    predictions = stage.table("predictions")
    found = {
        "served": sorted(set(predictions["served"])),
        "values": predictions["pattern"].is_not_null().sum(),
        "errors": [rule.mae.get("pattern") for rule in card.rules],
        "files": sorted(card.files),
        "pattern_seed": card.parameters["pattern_seed"],
        "view": view[0],
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
