"""Forecasts of a file's test part by the platform's own recipe, judged as they would have been served.

Everything before the test's start is learnt from once. During the test, choice and intervals are adjusted up to four
times a day from the backtest and from what had come true by then, as the platform does by its live record.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sensor_platform.predict.candidates.baselines import BASELINES, CANDIDATES, PERSISTENCE
from sensor_platform.predict.candidates.forecaster import Forecasts
from sensor_platform.predict.config import ForecastConfig
from sensor_platform.predict.evaluate.reading import Table
from sensor_platform.predict.features import table as features
from sensor_platform.predict.features.grid import DAY_US, HOUR_US
from sensor_platform.predict.features.matrix import Examples, Source, examples
from sensor_platform.predict.features.panel import Floats, Panel
from sensor_platform.predict.judge.adjust import BucketRule, adjust, apply
from sensor_platform.predict.judge.learn import Learned, learn
from sensor_platform.predict.judge.record import Record, buckets, joined, recorded

TEST_EXAMPLES = 480_000
"""Pairs of hour and horizon that are judged at most, drawn at random."""
RECORD_ROWS = 60_000
MOST_ADJUSTMENTS = 200
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One horizon bucket of one target; errors in the target's unit."""

    horizons: str
    rows: int
    mae: dict[str, float]
    mae_served: float
    served: dict[str, float]
    """Share of forecasts that each candidate served."""
    coverage: float
    width: float


@dataclass(frozen=True, slots=True)
class TargetReport:
    """What came of one target."""

    target: str
    status: str
    """`forecast`, or why not."""
    trained_rows: int = 0
    tested_rows: int = 0
    recipe: str = ""
    interval_rests_on: str = ""
    rows: tuple[Row, ...] = ()
    """One per bucket, and `all`: the mean over the horizons."""
    by_horizon: tuple[Row, ...] = ()


def forecast(table: Table, config: ForecastConfig, say: Say) -> tuple[TargetReport, ...]:
    """Learn and judge every target; first all is learnt, so that the panels of both parts are never held at once."""
    before = panels_of(table, table.test_from)
    learnt = {name: _learnt(name, table, before, config, say) for name in table.targets}
    del before
    whole = panels_of(table, None)
    return tuple(_judged(name, table, whole, *learnt[name], config, say) for name in table.targets)


def panels_of(table: Table, known_to: int | None) -> dict[str, Panel]:
    """Panels of all metrics; with `known_to` only of rows before that step, so that nothing later can be seen."""
    import polars as pl

    frame = table.frame
    if known_to is not None:
        steps = frame["window_start"].dt.epoch("us") // table.rhythm.step_us
        frame = frame.filter(steps < known_to)
    return {
        name: features.build(frame.select("device_id", "window_start", pl.col(name).alias("mean")), table.rhythm)
        for name in (*table.targets, *table.others)
    }


def _source(name: str, panels: dict[str, Panel]) -> Source:
    return Source(panels[name], {other: panel for other, panel in panels.items() if other != name})


def _learnt(
    name: str, table: Table, before: dict[str, Panel], config: ForecastConfig, say: Say
) -> tuple[Learned | None, int]:
    """What was learnt of a target, None where not every horizon could be, and from how many values."""
    known = _source(name, before)
    say(f"{name}: learning from {len(known.panel.rows):,} values")
    block = config.backtest_hours * HOUR_US // table.rhythm.step_us
    if table.rhythm.step_us >= DAY_US:
        block = max(block, 90)
    learned = learn(known, table.horizons, block, config.seed, config.parallel_fits)
    if learned is None or set(table.horizons) - set(learned.forecaster.units):
        return None, len(known.panel.rows)
    return replace(learned, judged=None), len(known.panel.rows)


def _judged(
    name: str,
    table: Table,
    whole: dict[str, Panel],
    learned: Learned | None,
    trained: int,
    config: ForecastConfig,
    say: Say,
) -> TargetReport:
    if learned is None:
        return TargetReport(name, "not forecast: its values before the test's start hold no pair for every horizon")
    source = _source(name, whole)
    rows = source.panel.rows
    issued = rows[source.panel.step[rows] >= table.test_from - 1]
    test = examples(source, table.horizons, issued, TEST_EXAMPLES, config.seed)
    if not len(test):
        return TargetReport(name, "not judged: no forecast of the test part has an actual")
    say(f"{name}: judging {len(test):,} forecasts")
    said = learned.forecaster.forecast(test)
    served = _serve(table, learned, test, said, config)
    return _report(name, learned, test, said, served, trained)


@dataclass(frozen=True, slots=True)
class _Served:
    value: Floats
    lower: Floats
    upper: Floats
    candidate: "np.ndarray[tuple[int], np.dtype[np.object_]]"
    rests_on: set[str]


def _serve(table: Table, learned: Learned, test: Examples, said: Forecasts, config: ForecastConfig) -> _Served:
    """Piece by piece, with the rules that could be known at the beginning of that piece."""
    outcome = recorded(test, said)
    evidence = joined([learned.record, outcome]) if learned.record is not None else outcome
    window = max(config.record_hours * HOUR_US // table.rhythm.step_us, 60)
    first, last = int(test.step.min()), int(test.step.max()) + 1
    quarter = max(DAY_US // 4 // table.rhythm.step_us, 1)
    every = max(min(quarter, max(1, (last - first) // 20)), -(-(last - first) // MOST_ADJUSTMENTS))
    order = np.argsort(evidence.target, kind="stable")
    evidence = _taken(evidence, order)
    targets = evidence.target
    size = len(test)
    served = _Served(np.empty(size), np.empty(size), np.empty(size), np.empty(size, dtype=object), set())
    for start in range(first, last, every):
        piece = np.flatnonzero((test.step >= start) & (test.step < start + every))
        if not len(piece):
            continue
        # Known at the first hour of the piece: targets up to and including it.
        low, high = np.searchsorted(targets, [start - window, start + 1])
        some = (
            np.arange(low, high) if high - low <= RECORD_ROWS else np.linspace(low, high - 1, RECORD_ROWS).astype(int)
        )
        rules = _rules(learned, _taken(evidence, some), table.horizons)
        mask = np.zeros(len(test), dtype=bool)
        mask[piece] = True
        _fill(served, mask, rules, test, said)
    return served


def _rules(learned: Learned, record: Record, horizons: tuple[int, ...]) -> tuple[BucketRule, ...]:
    return adjust(record, horizons) if len(record) else learned.rules


def _fill(
    served: _Served,
    mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    rules: tuple[BucketRule, ...],
    test: Examples,
    said: Forecasts,
) -> None:
    part = Forecasts(
        {name: each[mask] for name, each in said.by_candidate.items()},
        said.lower[mask],
        said.upper[mask],
        said.width[mask],
    )
    done = apply(rules, test.where(mask), part)
    served.value[mask], served.lower[mask], served.upper[mask] = done.value, done.lower, done.upper
    served.candidate[mask] = done.candidate
    served.rests_on.update(rule.widening_rests_on for rule in rules)


def _taken(record: Record, places: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> Record:
    return Record(
        record.step[places],
        record.horizon[places],
        record.actual[places],
        {name: each[places] for name, each in record.by_candidate.items()},
        record.lower[places],
        record.upper[places],
        record.width[places],
    )


def _report(
    name: str, learned: Learned, test: Examples, said: Forecasts, served: _Served, trained: int
) -> TargetReport:
    horizons = tuple(int(each) for each in np.unique(test.horizon))
    by_horizon = tuple(_row(str(h), test.horizon == h, test, said, served) for h in horizons)
    by_bucket = [_row(str(bucket), bucket.holds(test.horizon), test, said, served) for bucket in buckets(horizons)]
    return TargetReport(
        target=name,
        status="forecast",
        trained_rows=trained,
        tested_rows=len(test),
        recipe=str(learned.forecaster.recipe) if learned.forecaster.trees else "baselines and linear model only",
        interval_rests_on=", ".join(sorted(served.rests_on)),
        rows=(*by_bucket, _mean(by_horizon)),
        by_horizon=by_horizon,
    )


def _row(
    label: str, mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]", test: Examples, said: Forecasts, served: _Served
) -> Row:
    actual = test.actual[mask]
    names, counts = np.unique(served.candidate[mask].astype(str), return_counts=True)
    return Row(
        horizons=label,
        rows=len(actual),
        mae={each: float(np.abs(said.by_candidate[each][mask] - actual).mean()) for each in _known(said)},
        mae_served=float(np.abs(served.value[mask] - actual).mean()),
        served={str(each): float(count / len(actual)) for each, count in zip(names, counts, strict=True)},
        coverage=float(((actual >= served.lower[mask]) & (actual <= served.upper[mask])).mean()),
        width=float((served.upper[mask] - served.lower[mask]).mean()),
    )


def _known(said: Forecasts) -> list[str]:
    return [name for name in CANDIDATES if name in said.by_candidate]


def _mean(rows: tuple[Row, ...]) -> Row:
    """Over the horizons, each counting the same; coverage over the forecasts."""
    total = sum(row.rows for row in rows)
    names = {name for row in rows for name in row.served}
    return Row(
        horizons="all",
        rows=total,
        mae={name: float(np.mean([row.mae[name] for row in rows])) for name in rows[0].mae},
        mae_served=float(np.mean([row.mae_served for row in rows])),
        served={name: sum(row.served.get(name, 0.0) * row.rows for row in rows) / total for name in sorted(names)},
        coverage=sum(row.coverage * row.rows for row in rows) / total,
        width=float(np.mean([row.width for row in rows])),
    )


def best_baseline(row: Row) -> tuple[str, float]:
    """Name and error of the best baseline of a row."""
    name = min(BASELINES, key=lambda each: row.mae.get(each, np.inf))
    return name, row.mae.get(name, row.mae[PERSISTENCE])
