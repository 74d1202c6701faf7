"""Which rows are used at which time, where series are cut, and how the served score and its threshold are chosen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.evaluate.evaluated_series import series_cases, stretches
from sensor_platform.predict.evaluate.read_series import EvaluationData
from sensor_platform.predict.evaluate.score_choice import HIGH_RATES, RATES, choose_without_labels, rates_so_far
from sensor_platform.predict.evaluate.scored_rows import NormalHistory, score_test_rows
from sensor_platform_tests.predict.wandering import SECONDS, walk

START = datetime(2024, 1, 1)  # noqa: DTZ001 - plain UTC, as frames hold it


def runs(count: int, rows: int = 500, spoilt: int | None = None) -> EvaluationData:
    """Runs of two sensors under one load, one after the other; the values of run `spoilt` and later are nonsense."""
    frames = []
    for number in range(count):
        rng = np.random.default_rng(number)
        load = walk(rng, rows, 0.1)
        values = np.stack([load, load], axis=1) + rng.normal(0, 0.2, (rows, 2))
        values[350:, 0] += 2
        if spoilt is not None and number >= spoilt:
            values = values**3 + 100
        begin = START + timedelta(hours=number)
        frames.append(
            pl.DataFrame(
                {
                    "device_id": f"{number:03}",
                    "window_start": [begin + timedelta(seconds=at) for at in range(rows)],
                    "a": values[:, 0],
                    "b": values[:, 1],
                    "label": (np.arange(rows) >= 350).astype(float),
                }
            ).with_columns(pl.col("window_start").cast(pl.Datetime("us")))
        )
    first = int(START.timestamp())
    return EvaluationData(pl.concat(frames), SECONDS, SECONDS, ("a", "b"), (), "label", first - 10**6, (1,))


def served(table: EvaluationData) -> tuple[Any, Any]:
    cases = series_cases(table)
    rates = sorted({*RATES, *HIGH_RATES})
    past = {name: NormalHistory(cases, table, name) for name in SCORES}
    found = {name: score_test_rows(cases, table, name, past[name], rates) for name in SCORES}
    return found, choose_without_labels(AnomalyConfig(), past, found)


def test_what_comes_later_changes_no_score_threshold_or_choice_of_what_was_before() -> None:
    whole, chosen = served(runs(10))
    other, chosen_then = served(runs(10, spoilt=6))
    before = whole["band"].series < 6
    assert before.sum() > 1000
    for name in SCORES:
        assert np.array_equal(whole[name].scores[before], other[name].scores[before])
        for rate in RATES:
            assert np.array_equal(whole[name].flagged[rate][before], other[name].flagged[rate][before])
    assert np.array_equal(chosen.flagged[before], chosen_then.flagged[before])
    assert not np.array_equal(whole["band"].scores, other["band"].scores)


@pytest.mark.parametrize(("share", "wanted"), [(0.0, 0.05), (0.02, 0.05), (0.5, 0.10)])
def test_more_false_alarms_are_taken_only_where_anomalies_are_seen_to_be_common(share: float, wanted: float) -> None:
    rng = np.random.default_rng(3)
    wrong = rng.random(4000) < share
    scores = np.where(wrong, rng.uniform(0.88, 1.2, 4000), rng.random(4000))
    over = {rate: scores > 1 - rate for rate in (0.01, 0.05, 0.10, 0.3, 0.5)}
    aimed = rates_so_far(over, np.arange(4000), 0.05, 0.12)
    assert aimed[:400].tolist() == [0.05] * 400
    assert aimed[-1] == wanted
    changed = {rate: np.where(np.arange(4000) > 2000, False, each) for rate, each in over.items()}
    assert np.array_equal(rates_so_far(changed, np.arange(4000), 0.05, 0.12)[:2001], aimed[:2001])


def cut(jump: float, gap: int, runs_: Sequence[int] = (400,) * 6, season: int = 1) -> list[slice]:
    """A wandering pair of sensors with a pause of `gap` steps after each run, where values move by `jump`."""
    rng = np.random.default_rng(5)
    rows = sum(runs_)
    values = np.stack([walk(rng, rows, 0.02), walk(rng, rows, 0.02)], axis=1)
    values += np.repeat(rng.normal(0, jump, (len(runs_), 2)), runs_, axis=0)
    step = np.arange(rows) + np.repeat(np.arange(len(runs_)) * gap, runs_)
    grid = replace(SECONDS, season=season)
    return stretches(step, values, np.ones(rows, bool), int(step[-1]) - 300, grid)


def test_a_series_is_cut_where_values_jump_across_pauses_and_only_there() -> None:
    assert len(cut(jump=5, gap=500)) == 6
    assert cut(jump=5, gap=500)[1] == slice(400, 800)
    assert len(cut(jump=0, gap=500)) == 1, "a recorder that stopped while the machine went on"
    assert len(cut(jump=5, gap=30)) == 1, "no pause"
    assert len(cut(jump=5, gap=500, season=24)) == 1, "the time of day says what is ordinary"
    assert len(cut(jump=5, gap=500, runs_=(400,) * 3)) == 1, "too few pauses to tell"
