"""Serving rules from a forecast record: per horizon bucket a candidate or an ensemble, and the conformal margin.

The platform adjusts them from the backtest and the live record; `evaluate` does so up to four times a day of its test,
from the backtest and the actuals known by then.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from sensor_platform.predict.features.matrix import Examples
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES, ENSEMBLE, simpler
from sensor_platform.predict.forecast.candidates.forecaster import Forecasts
from sensor_platform.predict.forecast.selection import conformal
from sensor_platform.predict.forecast.selection.choice import CandidateChoice, choose, chosen
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord, HorizonBucket, buckets

_OLDER = 2 / 3
Mask = npt.NDArray[np.bool_]


class ServingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is served in one horizon bucket. Errors are in the metric's unit."""

    first: int
    last: int
    served: str
    """A candidate, or ENSEMBLE for the weighted mean of several."""
    why: str
    widening: float
    """Conformal margin: how far the interval is widened on both sides, in widths."""
    widening_rests_on: str
    """See Margin."""
    rows: int
    mae: dict[str, float]
    """Mean absolute error on the record, of every candidate and of ENSEMBLE with its final weights."""
    weights: dict[str, float] = {}
    """Weights of ENSEMBLE by candidate; they sum to 1."""
    newest: int = 0
    """Number of newest forecasts that the choice is based on; 0 for the whole record."""

    def text(self, known: Container[str] = CANDIDATES) -> str:
        """The served candidates: `linear`, or `0.60 linear + 0.40 lightgbm`, the largest weight first."""
        shares = sorted(self.shares(known).items(), key=lambda each: -each[1])
        return shares[0][0] if len(shares) == 1 else " + ".join(f"{weight:.2f} {name}" for name, weight in shares)

    def shares(self, known: Container[str]) -> dict[str, float]:
        """Weight of each served candidate; a candidate that is not known is replaced by a simpler one."""
        weights = self.weights if self.served == ENSEMBLE else {self.served: 1.0}
        found: dict[str, float] = {}
        for name, weight in weights.items():
            there = name if name in known else simpler(name, known)
            found[there] = found.get(there, 0.0) + weight
        return found

    def value(self, by_candidate: Mapping[str, Floats], mask: Mask) -> Floats:
        """Served forecasts where `mask` holds."""
        shares = self.shares(by_candidate)
        return np.asarray(sum(by_candidate[name][mask] * weight for name, weight in shares.items()))


@dataclass(frozen=True, slots=True)
class ServedForecasts:
    """Per example: the forecast, its calibrated interval, and the text of the served candidates."""

    value: Floats
    lower: Floats
    upper: Floats
    candidate: list[str]


def adjust(record: ForecastRecord, horizons: Sequence[int]) -> tuple[ServingRule, ...]:
    """The rule of every bucket of `horizons`, from the record alone."""
    parts = {bucket: record.where(bucket.holds(record.horizon)) for bucket in buckets(horizons)}
    widenings = conformal.calibrate({bucket: part.misses for bucket, part in parts.items()})
    if len(record):
        # Where errors have grown lately, the margin of the whole record would be too small.
        since = np.quantile(record.target, _OLDER)
        newest = {bucket: part.misses[part.target > since] for bucket, part in parts.items()}
        widenings = {bucket: conformal.wider(widenings[bucket], newest[bucket]) for bucket in parts}
    choices = _choices(parts)
    return tuple(_rule(bucket, part, choices[bucket], widenings[bucket]) for bucket, part in parts.items())


def _choices(parts: Mapping[HorizonBucket, ForecastRecord]) -> dict[HorizonBucket, CandidateChoice]:
    """The choice per bucket; for a bucket without actuals the best baseline of the bucket before it."""
    found, before = {}, None
    for bucket, part in parts.items():
        if len(part) or before is None:
            found[bucket] = chosen(part)
        else:
            plain = replace(before, by_candidate={name: before.by_candidate[name] for name in BASELINES})
            errors = {name: float(each.mean()) for name, each in plain.errors().items()}
            served, _ = choose(errors)
            found[bucket] = CandidateChoice(served, "no actual to judge by; the best baseline of nearer horizons")
        before = part if len(part) else before
    return found


def _rule(
    bucket: HorizonBucket, part: ForecastRecord, choice: CandidateChoice, widening: conformal.Margin
) -> ServingRule:
    return ServingRule(
        first=bucket.first,
        last=bucket.last,
        served=choice.served,
        why=choice.why,
        widening=widening.widths,
        widening_rests_on=widening.rests_on,
        rows=len(part),
        mae=dict(choice.mae),
        weights=dict(choice.weights),
        newest=choice.newest,
    )


def apply_rules(rules: Sequence[ServingRule], rows: Examples, forecasts: Forecasts) -> ServedForecasts:
    """Served forecasts of these examples; a rule whose candidate is missing serves a simpler one."""
    value, candidate = np.empty(len(rows)), np.empty(len(rows), dtype=object)
    widening = np.zeros(len(rows))
    for rule in rules:
        inside = HorizonBucket(rule.first, rule.last).holds(rows.horizon)
        value[inside] = rule.value(forecasts.by_candidate, inside)
        candidate[inside] = rule.text(forecasts.by_candidate)
        widening[inside] = rule.widening
    lower, upper = conformal.widened(forecasts.lower, forecasts.upper, forecasts.width, widening, value)
    if forecasts.least is not None:  # the margin must not extend below the metric's minimum
        lower = np.maximum(lower, forecasts.least)
    return ServedForecasts(value, lower, upper, list(candidate))


def preview_coverage(record: ForecastRecord, horizons: Sequence[int]) -> float | None:
    """Coverage of the newer half of the record with the rules of its older half; None where a half is empty."""
    middle = int(np.median(record.step)) if len(record) else 0
    older, newer = record.where(record.target <= middle), record.where(record.step > middle)
    if not len(older) or not len(newer):
        return None
    rules = adjust(older, horizons)
    widening = np.zeros(len(newer))
    for rule in rules:
        widening[HorizonBucket(rule.first, rule.last).holds(newer.horizon)] = rule.widening
    return float((newer.misses <= widening).mean())
