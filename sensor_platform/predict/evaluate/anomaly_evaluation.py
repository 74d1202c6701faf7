"""Evaluate the anomaly scores of the platform on the test part of a file, against a column of labels."""

from dataclasses import dataclass

from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.normal_rows import NormalRows
from sensor_platform.predict.anomaly.score_quality import DetectionQuality, auc, best_f1, detection_quality
from sensor_platform.predict.evaluate.evaluated_series import is_empty_anomalous, series_cases
from sensor_platform.predict.evaluate.read_series import EvaluationData, Progress
from sensor_platform.predict.evaluate.score_choice import (
    HIGH_RATES,
    MOST_FALSE_ALARMS,
    RATES,
    choose_by_labels,
    choose_without_labels,
)
from sensor_platform.predict.evaluate.scored_rows import NormalHistory, ScoredRows, score_test_rows


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Detection quality at one threshold, which was made without the test part."""

    expected_false_alarms: float
    threshold: float
    judgement: DetectionQuality


@dataclass(frozen=True, slots=True)
class ScoreEvaluation:
    """Evaluation of one score."""

    score: str
    auc: float | None
    points: tuple[OperatingPoint, ...]
    best_f1: float | None
    """Best F1 with at most 15 % false alarms; the threshold uses the labels of the test, so this is an upper bound."""


@dataclass(frozen=True, slots=True)
class AnomalyReport:
    """Evaluation of both scores, and which one is served. Field names are those of the JSON output."""

    rows: int
    anomalous: int
    warm_up_rows: int
    """First rows of cold series, which served as their reference and are not evaluated."""
    sensors: int
    series: int
    """Number of series after cutting at pauses."""
    served: str
    served_rate: float
    """Expected false alarm rate; a mean over the rows where it depends on the rows before each row."""
    why: str
    scores: tuple[ScoreEvaluation, ...]
    by_sensor: dict[str, float | None]
    """AUC of each sensor's deviation in the served score."""
    empty_rows: int
    """Evaluated rows in which no sensor has a value."""
    empty_anomalous: int
    is_empty_flagged: bool
    """Whether empty rows raise an alarm: where most of them before the test are labelled as anomalous."""

    result: DetectionQuality
    """Detection quality of the served score at the served rate."""


def evaluate_anomalies(table: EvaluationData, config: AnomalyConfig, progress: Progress) -> AnomalyReport:
    """Score and evaluate all series; labels before the test are used only to exclude rows and to choose the score.

    Args:
        table: the file, with labels.
        config: which score is served where labels do not decide, and at which false alarm rate.
        progress: receives a line of text for people.
    """
    cases = series_cases(table)
    progress(f"scoring anomalies of {len(cases)} series, {len(table.targets)} sensors")
    past = {name: NormalHistory(cases, table, name) for name in SCORES}
    rates = sorted({*RATES, config.false_alarm_rate, *HIGH_RATES})
    found = {name: score_test_rows(cases, table, name, past[name], rates) for name in SCORES}
    served = choose_by_labels(cases, table, past, found) or choose_without_labels(config, past, found)
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
        is_empty_flagged=is_empty_anomalous(cases),
        result=detection_quality(served.flagged, sample.labels, sample.series),
    )


def _report(name: str, found: ScoredRows, newest: NormalRows) -> ScoreEvaluation:
    points = tuple(
        OperatingPoint(rate, newest.limit(rate), detection_quality(flagged, found.labels, found.series))
        for rate, flagged in found.flagged.items()
        if rate not in HIGH_RATES
    )
    best = best_f1(found.scores, found.labels, MOST_FALSE_ALARMS)
    return ScoreEvaluation(name, auc(found.scores, found.labels), points, best[0] if best else None)
