"""Memory grows neither with the range nor with the fleet: work in pieces, learning from a part of the fleet."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sensor_platform.home import Home
from sensor_platform.predict.features import build_features as building
from sensor_platform.predict.features.build_features import build_features
from sensor_platform.predict.features.read_panels import read_source, read_to_learn
from sensor_platform.predict.forecast import score_job
from sensor_platform.predict.forecast.score_job import score
from sensor_platform.predict.forecast.train import train
from sensor_platform.predict.over_hours import over_hours
from sensor_platform.predict.revised_table import RevisedTable
from sensor_platform.warehouse.staleness.propagation import Built
from sensor_platform.warehouse.tables import Due, writer
from sensor_platform_tests.predict.stage import HISTORY, NOW, START, Make, SiteOfTest, Stage, history, wave


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(Home(tmp_path), SiteOfTest())


def test_a_range_in_pieces_gives_the_rows_and_the_report_of_the_range_at_once(
    stage: Stage, make_hourly: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.write(history(make_hourly), 1)
    build_features(stage.home, stage.site)
    train(stage.home, stage.site, NOW)
    stage.write(history(make_hourly, HISTORY + 96), 2)
    later = NOW + timedelta(hours=96)
    whole = [build_features(stage.home, stage.site), score(stage.home, stage.site, now=later)]
    tables = {name: stage.table(name) for name in ("features", "predictions")}

    monkeypatch.setattr(building, "_ROWS", 1)
    monkeypatch.setattr(score_job, "_ROWS", 1)
    replaced: list[int] = []
    monkeypatch.setattr(RevisedTable, "replace", _noted(RevisedTable.replace, replaced))
    with writer(stage.home, stage.site, "test") as warehouse:
        warehouse.connection.execute("delete from predictions")
    pieces = [build_features(stage.home, stage.site), score(stage.home, stage.site, now=later)]
    assert len(replaced) > 4
    assert max(replaced) <= 24
    for name, before in tables.items():
        assert_frame_equal(stage.table(name), before)
    for one, other in zip(pieces, whole, strict=True):
        assert _facts(one) == _facts(other)


def _noted(function: Callable[..., Any], sizes: list[int]) -> Callable[..., Any]:
    def noted(table: RevisedTable, warehouse: Any, due: Due, *rest: Any) -> Any:
        sizes.append(len(due.windows))
        return function(table, warehouse, due, *rest)

    return noted


def _facts(report: Any) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__slots__ if name != "seconds"}


def test_pieces_hold_every_window_once_in_order() -> None:
    hour = 3_600_000_000
    due = Due("features", {start * hour: Built("", 1) for start in (0, 1, 23, 24, 60, 61)})
    assert [sorted(start // hour for start in piece.windows) for piece in due.pieces(24)] == [
        [0, 1, 23],
        [24],
        [60, 61],
    ]
    assert [len(piece.windows) for piece in Due("features", {}).pieces(24)] == [0]


def test_learning_reads_some_devices_of_a_large_fleet_and_the_mean_of_all(stage: Stage, make_hourly: Make) -> None:
    fleet = {f"d{number}": wave(number, 240) + number for number in range(6)}
    stage.write(make_hourly(fleet, "temp").with_columns(pl.col("n").cast(pl.Int64)), 1)
    build_features(stage.home, stage.site)
    span = (START, START + timedelta(hours=240))
    with writer(stage.home, stage.site, "test") as warehouse:
        over = over_hours(warehouse, stage.site, NOW)
        every = read_source(over, "temp", (), *span)
        some = [read_to_learn(over, "temp", (), *span, most=most) for most in (2 * 240 + 5, 1, 10_000)]
    assert [len(each.panel.devices) for each in some] == [2, 1, 6]
    assert set(some[1].panel.devices) < set(some[0].panel.devices) < set(every.panel.devices)
    steps = every.panel.step[every.panel.rows]
    np.testing.assert_array_equal(some[1].panel.network_at(steps), every.panel.network_at(steps))


def test_nothing_built_yet_is_nothing_to_learn_from(stage: Stage) -> None:
    with writer(stage.home, stage.site, "test") as warehouse:
        over = over_hours(warehouse, stage.site, NOW)
        assert not len(read_to_learn(over, "temp", ("rain",), START, NOW).panel.rows)
        assert not len(read_source(over, "temp", ("rain",), START, NOW).panel.rows)
