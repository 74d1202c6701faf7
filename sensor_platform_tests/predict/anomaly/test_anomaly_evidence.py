"""What anomaly scores rest on: how far each sensor goes, what is known when, pauses, and how common anomalies are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from sensor_platform.predict.anomaly import deviation
from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.deviation import Deviations
from sensor_platform.predict.anomaly.ordinary import Known
from sensor_platform.predict.anomaly.reach import reach
from sensor_platform.predict.evaluate import tested as scored
from sensor_platform.predict.evaluate.cases import cases_of
from sensor_platform.predict.evaluate.known_rows import Past
from sensor_platform.predict.evaluate.prevalence import rates_so_far
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.evaluate.sessions import stretches
from sensor_platform.predict.evaluate.threshold_choice import HIGH_RATES, RATES, without_labels
from sensor_platform.predict.features.grid import HOURLY, Grid

SECONDS = Grid(1_000_000, 1, 1)
START = datetime(2024, 1, 1)  # noqa: DTZ001 - plain UTC, as frames hold it
Floats = np.ndarray[Any, np.dtype[np.float64]]


def banded(values: Floats, reference: int) -> Deviations:
    return deviation.band(values, np.zeros(len(values), np.int64), reference, 20, SECONDS)


def walk(rng: np.random.Generator, rows: int, step: float) -> Floats:
    return np.asarray(rng.normal(0, 1, rows) + np.cumsum(rng.normal(0, step, rows)))


def test_a_level_that_has_gone_is_not_alarmed_until_the_window_is_over() -> None:
    values = np.random.default_rng(1).normal(0, 1, (600, 1))
    values[400:500] += 3
    level = banded(values, 300).level[:, 0]
    assert level[420:500].min() > 8
    assert np.abs(level[506:520]).max() < 5, "two thirds of the window still hold the shift"


def test_a_sensor_that_leaves_its_band_by_itself_counts_by_how_far_it_went() -> None:
    """Of two sensors only one is still; a shift of that one stands out, however far the other wandered meanwhile."""
    found, later = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        values = np.stack([walk(rng, 1200, 0.15), rng.normal(0, 1, 1200)], axis=1)
        found.append(banded(values, 400).rows(slice(400, None)))
        values[900:, 1] += 1.5
        later.append(banded(values, 400).rows(slice(900, None)))
    wider = reach(found, 2, SECONDS)
    assert wider.level[0] > 2 * wider.level[1]
    for each in later:
        assert np.median(wider.applied(each).size[20:, 1]) > np.median(wider.applied(each).size[20:, 0])


def test_with_a_daily_rhythm_spreads_are_taken_as_they_are() -> None:
    found = banded(walk(np.random.default_rng(1), 1200, 0.5)[:, None], 400).rows(slice(400, None))
    assert reach([found], 1, SECONDS).level[0] > 1.5
    assert reach([found], 1, HOURLY).applied(found).size.tolist() == found.size.tolist()


def test_thresholds_let_through_what_they_promise_on_series_that_they_have_not_seen() -> None:
    """Scored by a reach that was made from the same few rows, 5 % become 12 %."""

    def part(seed: int) -> Deviations:
        rng = np.random.default_rng(seed)
        return banded(np.stack([walk(rng, 800, 0.05) for _ in range(8)], axis=1), 400).rows(slice(400, None))

    shares = []
    for trial in range(6):
        known = Known([part(1000 * trial + seed) for seed in range(6)], 8, SECONDS)
        scores = np.concatenate([known.reach.applied(part(1000 * trial + 500 + n)).row_score() for n in range(12)])
        shares.append([float((scores > known.limit(rate)).mean()) for rate in (0.05, 0.10)])
    five, ten = np.mean(shares, axis=0)
    assert 0.025 <= five <= 0.075
    assert 0.06 <= ten <= 0.14


def runs(count: int, rows: int = 500, spoilt: int | None = None) -> Table:
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
    return Table(pl.concat(frames), SECONDS, SECONDS, ("a", "b"), (), "label", first - 10**6, (1,))


def served(table: Table) -> tuple[Any, Any]:
    cases = cases_of(table)
    rates = sorted({*RATES, *HIGH_RATES})
    past = {name: Past(cases, table, name) for name in SCORES}
    found = {name: scored.tested(cases, table, name, past[name], rates) for name in SCORES}
    return found, without_labels(AnomalyConfig(), past, found)


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
