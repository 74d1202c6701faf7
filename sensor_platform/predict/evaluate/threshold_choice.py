"""Which score is served and at which threshold: by labels where there are some, else by what scores show without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.anomaly.block_scores import SCORES
from sensor_platform.predict.anomaly.config import AnomalyConfig
from sensor_platform.predict.anomaly.score_quality import Flags, auc, best_f1, judge
from sensor_platform.predict.evaluate.cases import LEAST_LABELS, Case
from sensor_platform.predict.evaluate.known_rows import Past
from sensor_platform.predict.evaluate.prevalence import rates_so_far
from sensor_platform.predict.evaluate.read_series import Table
from sensor_platform.predict.evaluate.tested import Tested, labelled

RATES = (0.01, 0.02, 0.05, 0.10)
"""Shares of false alarms that thresholds are made for, from the part before the test alone,"""
HIGH_RATES = (0.3, 0.5)
"""and those that only tell how common anomalies are."""
MOST_FALSE_ALARMS = 0.15
_SAFE = 0.8
"""Part of it that a threshold may aim at, for what comes out is not what was aimed at to the digit."""
_MARGIN = 0.02
"""By so much must the residual's AUC exceed the band's before the test, with a better F1 at equal false alarms."""
_NARROWER = 0.97
"""Without labels the residual is served where it lies this much closer to what it expects than the band does."""
_LEAST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Served:
    """What is served."""

    score: str
    rate: float
    """Share of false alarms that was aimed at, a mean over the rows."""
    why: str
    flagged: Flags
    """Of each judged row."""


def by_labels(
    cases: Sequence[Case], table: Table, past: Mapping[str, Past], found: Mapping[str, Tested]
) -> Served | None:
    """By the labels before the test; None where there are too few of either kind."""
    known = {name: each.at(table.test_from) for name, each in past.items()}
    seen = {name: labelled(cases, table, name, known[name]) for name in SCORES}
    _, labels = seen["band"]
    if min(int(labels.sum()), int((~labels).sum())) < LEAST_LABELS:
        return None
    areas = {name: auc(*each) or 0.0 for name, each in seen.items()}
    equal = {name: (best_f1(*each, MOST_FALSE_ALARMS) or (0.0, 0.0))[0] for name, each in seen.items()}
    wins = areas["residual"] > areas["band"] + _MARGIN and equal["residual"] > equal["band"]
    best = "residual" if wins else "band"
    rates = {}
    for rate in (each for each in found[best].flagged if each not in HIGH_RATES):
        judged = judge(seen[best][0] > known[best].limit(rate), labels, np.zeros(len(labels), np.int64))
        rates[rate] = (judged.f1 or 0.0) if (judged.false_alarm_rate or 0.0) <= MOST_FALSE_ALARMS * _SAFE else 0.0
    said = ", ".join(f"{name} {value:.3f}" for name, value in areas.items())
    rate = max(rates, key=lambda each: rates[each]) if any(rates.values()) else min(rates)
    return Served(best, rate, f"by the labels before the test: AUC {said}", found[best].flagged[rate])


def without_labels(config: AnomalyConfig, past: Mapping[str, Past], found: Mapping[str, Tested]) -> Served:
    """By what was seen before each row: how close values lie to what each score expects, and how many stand out."""
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
    why = "as configured: too few labels before the test to decide by"
    if score != config.score:
        why = "too few labels before the test to decide by; what the sensors say of each other holds outside of the fit"
    rate = round(float(aimed.mean()), 4) if len(aimed) else config.false_alarm_rate
    return Served(score, rate, why, flagged)


def _is_residual(config: AnomalyConfig, past: Mapping[str, Past], step: int) -> bool:
    if config.score == "residual":
        return True
    band, residual = past["band"].at(step), past["residual"].at(step)
    if band.sensors < 2 or band.rows < _LEAST_ROWS:
        return False
    known = (band.width > 0) & (residual.width > 0)
    return bool(known.any() and np.log(residual.width[known] / band.width[known]).mean() <= np.log(_NARROWER))
