"""Anomaly scores of a file's test part, by the platform's own code, judged by a column of labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.deviation import CAP, LEAST_REFERENCE
from sensor_platform.predict.anomaly.judging import Judgement, auc, best_f1, judge
from sensor_platform.predict.anomaly.scoring import SCORES, Series, blocks, ordinary, outside, threshold
from sensor_platform.predict.evaluate.reading import Table
from sensor_platform.predict.features.panel import Floats, Ints

RATES = (0.01, 0.05, 0.10)
"""Shares of false alarms that thresholds are made for, from the part before the test alone."""
MOST_FALSE_ALARMS = 0.15
_LEAST_LABELS = 20
_MARGIN = 0.03
"""By so much must the residual exceed the band before the test, in AUC and in F1 at equal false alarms."""
_WARM_UP = 400
_LEAST_PAST = 2_000
"""With fewer rows of series that ended before the test, thresholds rest on rolling origins within the series."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold, made without looking at the test part."""

    expected_false_alarms: float
    threshold: float
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What came of one score."""

    score: str
    auc: float | None
    points: tuple[Point, ...]
    best_f1: float | None
    """At most 15 % false alarms, the threshold chosen by the test's own labels: an upper bound, not a result."""


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """Both scores, and which is served."""

    rows: int
    anomalous: int
    warm_up_rows: int
    """Rows of series without a past, that only served to know them; not judged."""
    sensors: int
    served: str
    served_rate: float
    why: str
    scores: tuple[ScoreReport, ...]
    by_sensor: dict[str, float | None]
    """AUC of each sensor's own part of the served score."""
    empty_rows: int
    """Judged rows in which no sensor has a value: a condition of its own,"""
    empty_anomalous: int
    is_empty_flagged: bool
    """alarmed where most of such rows before the test are labelled; else never."""

    @property
    def result(self) -> Judgement:
        """Of the served score at the served rate."""
        chosen = next(each for each in self.scores if each.score == self.served)
        return next(point for point in chosen.points if point.expected_false_alarms == self.served_rate).judgement


@dataclass(frozen=True, slots=True)
class _Case:
    """One series, its labels, and the first row that is judged."""

    series: Series
    labels: Floats
    first: int
    is_cold: bool

    @property
    def is_empty(self) -> npt.NDArray[np.bool_]:
        """Rows in which no sensor has a value."""
        return np.asarray(~np.isfinite(self.series.values).any(axis=1))


@dataclass(frozen=True, slots=True)
class _Scored:
    scores: Floats
    labels: npt.NDArray[np.bool_]
    series: Ints
    sizes: Floats
    """Of each sensor, shape (rows, sensors)."""
    is_empty: npt.NDArray[np.bool_]


def anomalies(table: Table, config: AnomalyConfig, say: Say) -> AnomalyReport:
    """Score and judge; labels before the test's start only say what was ordinary, and which score to serve."""
    cases = _cases(table)
    say(f"scoring anomalies of {len(cases)} series, {len(table.targets)} sensors")
    tested = {name: _tested(cases, table, name) for name in SCORES}
    past = {name: _past(cases, table, name) for name in SCORES}
    served, rate, why = _served(cases, table, config, past)
    reports = tuple(_report(name, tested[name], past[name], config.false_alarm_rate) for name in SCORES)
    sample = tested[served]
    return AnomalyReport(
        rows=len(sample.labels),
        anomalous=int(sample.labels.sum()),
        warm_up_rows=sum(case.first for case in cases if case.is_cold),
        sensors=len(table.targets),
        served=served,
        served_rate=rate,
        why=why,
        scores=reports,
        by_sensor={name: auc(sample.sizes[:, place], sample.labels) for place, name in enumerate(table.targets)},
        empty_rows=int(sample.is_empty.sum()),
        empty_anomalous=int((sample.is_empty & sample.labels).sum()),
        is_empty_flagged=_is_empty_wrong(cases),
    )


def _cases(table: Table) -> list[_Case]:
    found = []
    for _, frame in table.frame.group_by("device_id", maintain_order=True):
        step = frame["window_start"].dt.epoch("us").to_numpy() // table.grid.step_us
        values = frame.select(table.targets).to_numpy().astype(np.float64)
        labels = frame[table.labels].to_numpy().astype(np.float64) if table.labels else np.zeros(len(step))
        first = int(np.searchsorted(step, table.test_from))
        is_ordinary = ~((np.nan_to_num(labels) > 0) & (step < table.test_from))
        is_cold = int(is_ordinary[:first].sum()) < LEAST_REFERENCE
        if is_cold and first < len(step):
            first = min(len(step), max(first, _warm_up(len(step))))
        found.append(_Case(Series(step, values, is_ordinary), labels, first, is_cold))
    return found


def _tested(cases: Sequence[_Case], table: Table, score: str) -> _Scored:
    sizes, scores, empty = [np.empty((0, len(table.targets)))], [np.empty(0)], [np.empty(0, bool)]
    labels, numbers = [np.empty(0, bool)], [np.empty(0, np.int64)]
    is_flagged = _is_empty_wrong(cases)
    for number, case in enumerate(cases):
        for block in blocks(case.series, case.first, table.grid, score):
            own = slice(block.first, block.last)
            known = np.isfinite(case.labels[own])
            is_empty = case.is_empty[own][known]
            row = block.deviations.row_score()[known]
            scores.append(np.where(is_empty, CAP if is_flagged else 0.0, row))
            sizes.append(block.deviations.size[known])
            empty.append(is_empty)
            labels.append(case.labels[own][known] > 0)
            numbers.append(np.full(int(known.sum()), number))
    parts = (scores, labels, numbers, sizes, empty)
    return _Scored(*(np.concatenate(part) for part in parts))


def _is_empty_wrong(cases: Sequence[_Case]) -> bool:
    """Whether most rows without any value before the test are labelled as anomalous."""
    seen = [case.labels[: case.first][case.is_empty[: case.first]] for case in cases if not case.is_cold]
    known = np.concatenate([np.empty(0), *seen])
    known = known[np.isfinite(known)]
    return len(known) >= _LEAST_LABELS and float((known > 0).mean()) > 0.5


def _past(cases: Sequence[_Case], table: Table, score: str) -> list[Floats]:
    """Scores before the test of rows outside of what each was fit to.

    Where the series of the test begin cold, those that ended before it are scored as they will be: against their first
    rows, to their end.
    """
    found = []
    if any(case.is_cold for case in cases):
        for case in (case for case in cases if not case.is_cold and case.first == len(case.series.step)):
            first = _warm_up(len(case.series.step))
            found += [ordinary(case.series, block) for block in blocks(case.series, first, table.grid, score)]
    if sum(len(each.level) for each in found) < _LEAST_PAST:
        found += [each for case in cases for each in outside(case.series.upto(case.first), table.grid, score)]
    return [each.row_score() for each in found]


def _warm_up(rows: int) -> int:
    """First rows of a series without a past, which only serve to know it."""
    return min(_WARM_UP, max(LEAST_REFERENCE, rows // 3))


def _served(
    cases: Sequence[_Case], table: Table, config: AnomalyConfig, past: Mapping[str, Sequence[Floats]]
) -> tuple[str, float, str]:
    """Score and rate, by the labels before the test where there are enough of both kinds, else as configured."""
    seen = {name: _labelled(cases, table, name) for name in SCORES}
    _, labels = seen[config.score]
    if min(int(labels.sum()), int((~labels).sum())) < _LEAST_LABELS:
        return config.score, config.false_alarm_rate, "as configured: too few labels before the test to decide by"
    areas = {name: auc(*each) or 0.0 for name, each in seen.items()}
    equal = {name: (best_f1(*each, MOST_FALSE_ALARMS) or (0.0, 0.0))[0] for name, each in seen.items()}
    wins = all(each["residual"] > each["band"] + _MARGIN for each in (areas, equal))
    best = "residual" if wins else "band"
    rates = {}
    for rate in sorted({*RATES, config.false_alarm_rate}):
        found = judge(seen[best][0] > threshold(past[best], rate), labels, np.zeros(len(labels), np.int64))
        rates[rate] = (found.f1 or 0.0) if (found.false_alarm_rate or 0.0) <= MOST_FALSE_ALARMS * 0.8 else 0.0
    said = ", ".join(f"{name} {value:.3f}" for name, value in areas.items())
    rate = max(rates, key=lambda each: rates[each]) if any(rates.values()) else min(rates)
    return best, rate, f"by the labels before the test: AUC {said}"


def _labelled(cases: Sequence[_Case], table: Table, score: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    scores, labels = [np.empty(0)], [np.empty(0, bool)]
    for case in cases:
        past = case.series.upto(0 if case.is_cold else case.first)
        for block in blocks(past, len(past.step) * 2 // 5, table.grid, score):
            known = np.isfinite(case.labels[block.first : block.last])
            scores.append(block.deviations.row_score()[known])
            labels.append(case.labels[block.first : block.last][known] > 0)
    return np.concatenate(scores), np.concatenate(labels)


def _report(name: str, tested: _Scored, past: Sequence[Floats], served_rate: float) -> ScoreReport:
    rates = sorted({*RATES, served_rate})
    limits: Mapping[float, float] = {rate: threshold(past, rate) for rate in rates}
    points = tuple(
        Point(rate, limit, judge(tested.scores > limit, tested.labels, tested.series)) for rate, limit in limits.items()
    )
    best = best_f1(tested.scores, tested.labels, MOST_FALSE_ALARMS)
    return ScoreReport(name, auc(tested.scores, tested.labels), points, best[0] if best else None)
