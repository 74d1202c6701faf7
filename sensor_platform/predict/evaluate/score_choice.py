"""Which score is served and at which threshold: chosen by labels where there are enough, else by the scores alone.

Without labels, the share of rows over a threshold shows how common anomalies are. If normal rows exceed a threshold 5 %
of the time and all rows 40 %, at least a third of the rows is anomalous. Then missed anomalies cost more than a few
false alarms, and a lower threshold is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.score_quality import auc, best_f1, detection_quality
from sensor_platform.predict.evaluate.evaluated_series import LEAST_LABELS, SeriesCase
from sensor_platform.predict.evaluate.read_series import EvaluationData
from sensor_platform.predict.evaluate.scored_rows import NormalHistory, ScoredRows, score_labelled_rows
from sensor_platform.predict.features.panel import Flags, Floats, Ints

RATES = (0.01, 0.02, 0.05, 0.10)
"""Expected false alarm rates of the reported thresholds, which are made from the part before the test alone."""
HIGH_RATES = (0.3, 0.5)
"""Further rates, used only to estimate how common anomalies are."""
MOST_FALSE_ALARMS = 0.15
_SAFE = 0.8
"""A threshold may aim at this fraction of the maximum, because the observed rate differs from the expected one."""
_MARGIN = 0.02
"""The AUC of the residual before the test must exceed that of the band by this, and its F1 must be better too."""
_NARROWER = 0.97
"""Without labels the residual is served where its deviations are at most this fraction of the band's."""
_COMMON = 0.1
"""From this fraction of anomalous rows on, a higher false alarm rate than configured may be used."""
_LEAST_ROWS = 400


def rates_so_far(over: Mapping[float, npt.NDArray[np.bool_]], step: Ints, configured: float, most: float) -> Floats:
    """Expected false alarm rate to use for each row, from the scores of all rows at earlier steps.

    Args:
        over: by expected false alarm rate, whether each row exceeds that threshold.
        step: time of each row.
        configured: rate where anomalies are not common or too few rows are known; the lower limit.
        most: the upper limit.
    """
    rates = np.array(sorted(over))
    order = np.argsort(step, kind="stable")
    counts = np.cumsum(np.stack([over[rate][order] for rate in rates], axis=1), axis=0)
    before = np.searchsorted(step[order], step, side="left")
    shares = np.where(before[:, None] > 0, counts[before - 1], 0) / np.maximum(before, 1)[:, None]
    common = np.maximum((shares - rates) / (1 - rates), 0).max(axis=1, keepdims=True)
    hits = np.maximum(shares - rates * (1 - common), 0)
    f1 = np.where((rates >= configured) & (rates <= max(most, configured)), 2 * hits / (shares + common + 1e-9), -1)
    is_known = (before >= _LEAST_ROWS) & (common[:, 0] >= _COMMON)
    return np.where(is_known, rates[np.argmax(f1, axis=1)], configured)


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """The score that is served, and its alarms."""

    score: str
    rate: float
    """Expected false alarm rate, a mean over the rows."""
    why: str
    flagged: Flags
    """Whether each evaluated row is an alarm."""


def choose_by_labels(
    cases: Sequence[SeriesCase],
    table: EvaluationData,
    past: Mapping[str, NormalHistory],
    found: Mapping[str, ScoredRows],
) -> ScoreChoice | None:
    """Choose by the labels before the test; None where there are too few of either kind."""
    known = {name: each.at(table.test_from) for name, each in past.items()}
    seen = {name: score_labelled_rows(cases, table, name, known[name]) for name in SCORES}
    _, labels = seen["band"]
    if min(int(labels.sum()), int((~labels).sum())) < LEAST_LABELS:
        return None
    areas = {name: auc(*each) or 0.0 for name, each in seen.items()}
    equal = {name: (best_f1(*each, MOST_FALSE_ALARMS) or (0.0, 0.0))[0] for name, each in seen.items()}
    wins = areas["residual"] > areas["band"] + _MARGIN and equal["residual"] > equal["band"]
    best = "residual" if wins else "band"
    rates = {}
    for rate in (each for each in found[best].flagged if each not in HIGH_RATES):
        quality = detection_quality(seen[best][0] > known[best].limit(rate), labels, np.zeros(len(labels), np.int64))
        rates[rate] = (quality.f1 or 0.0) if (quality.false_alarm_rate or 0.0) <= MOST_FALSE_ALARMS * _SAFE else 0.0
    areas_text = ", ".join(f"{name} {value:.3f}" for name, value in areas.items())
    rate = max(rates, key=lambda each: rates[each]) if any(rates.values()) else min(rates)
    return ScoreChoice(best, rate, f"by the labels before the test: AUC {areas_text}", found[best].flagged[rate])


def choose_without_labels(
    config: AnomalyConfig, past: Mapping[str, NormalHistory], found: Mapping[str, ScoredRows]
) -> ScoreChoice:
    """Choose by the rows before each row: how small the deviations of each score are, and how many rows stand out."""
    band, residual = found["band"], found["residual"]
    begins = np.unique(band.began)
    decided = {int(step): _is_residual(config, past, int(step)) for step in begins}
    uses = np.array([decided[int(step)] for step in band.began], bool)
    over = {rate: np.where(uses, residual.flagged[rate], band.flagged[rate]) for rate in band.flagged}
    aimed = rates_so_far(over, band.step, config.false_alarm_rate, MOST_FALSE_ALARMS * _SAFE)
    flagged = np.zeros(len(aimed), bool)
    for rate, each in over.items():
        flagged |= each & (aimed == rate)
    score = "residual" if len(begins) and decided[int(begins[-1])] else "band"
    why = "as configured: too few labels before the test to choose by"
    if score != config.score:
        why = "too few labels before the test to choose by; the sensors predict each other outside of the reference too"
    rate = round(float(aimed.mean()), 4) if len(aimed) else config.false_alarm_rate
    return ScoreChoice(score, rate, why, flagged)


def _is_residual(config: AnomalyConfig, past: Mapping[str, NormalHistory], step: int) -> bool:
    if config.score == "residual":
        return True
    band, residual = past["band"].at(step), past["residual"].at(step)
    if band.sensors < 2 or band.rows < _LEAST_ROWS:
        return False
    known = (band.width > 0) & (residual.width > 0)
    return bool(known.any() and np.log(residual.width[known] / band.width[known]).mean() <= np.log(_NARROWER))
