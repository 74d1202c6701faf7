"""Anomaly scores of a file's test part, by the platform's own code, judged by a column of labels."""

from collections.abc import Callable
from dataclasses import dataclass

from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.ordinary import Known
from sensor_platform.predict.anomaly.score_quality import Judgement, auc, best_f1, judge
from sensor_platform.predict.evaluate.cases import cases_of, is_empty_wrong
from sensor_platform.predict.evaluate.known_rows import Past
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.evaluate.tested import Tested, tested
from sensor_platform.predict.evaluate.threshold_choice import (
    HIGH_RATES,
    MOST_FALSE_ALARMS,
    RATES,
    by_labels,
    without_labels,
)

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
    series: int
    """Known each by itself: those of the file, or more where one was begun anew after pauses."""
    served: str
    served_rate: float
    """Share of false alarms that was aimed at; a mean where it followed what the scores before each row showed."""
    why: str
    scores: tuple[ScoreReport, ...]
    by_sensor: dict[str, float | None]
    """AUC of each sensor's own part of the served score."""
    empty_rows: int
    """Judged rows in which no sensor has a value: a condition of its own,"""
    empty_anomalous: int
    is_empty_flagged: bool
    """alarmed where most of such rows before the test are labelled; else never."""

    result: Judgement
    """Of the served score at the served rate."""


def anomalies(table: Table, config: AnomalyConfig, say: Say) -> AnomalyReport:
    """Score and judge; labels before the test's start only say what was ordinary, and what to serve."""
    cases = cases_of(table)
    say(f"scoring anomalies of {len(cases)} series, {len(table.targets)} sensors")
    past = {name: Past(cases, table, name) for name in SCORES}
    rates = sorted({*RATES, config.false_alarm_rate, *HIGH_RATES})
    found = {name: tested(cases, table, name, past[name], rates) for name in SCORES}
    served = by_labels(cases, table, past, found) or without_labels(config, past, found)
    sample = found[served.score]
    newest = max((int(case.series.step[-1]) for case in cases), default=0)
    return AnomalyReport(
        rows=len(sample.labels),
        anomalous=int(sample.labels.sum()),
        warm_up_rows=sum(case.first for case in cases if case.is_cold),
        sensors=len(table.targets),
        series=len(cases),
        served=served.score,
        served_rate=served.rate,
        why=served.why,
        scores=tuple(_report(name, found[name], past[name].at(newest)) for name in SCORES),
        by_sensor={name: auc(sample.sizes[:, place], sample.labels) for place, name in enumerate(table.targets)},
        empty_rows=int(sample.is_empty.sum()),
        empty_anomalous=int((sample.is_empty & sample.labels).sum()),
        is_empty_flagged=is_empty_wrong(cases),
        result=judge(served.flagged, sample.labels, sample.series),
    )


def _report(name: str, found: Tested, newest: Known) -> ScoreReport:
    points = tuple(
        Point(rate, newest.limit(rate), judge(flagged, found.labels, found.series))
        for rate, flagged in found.flagged.items()
        if rate not in HIGH_RATES
    )
    best = best_f1(found.scores, found.labels, MOST_FALSE_ALARMS)
    return ScoreReport(name, auc(found.scores, found.labels), points, best[0] if best else None)
