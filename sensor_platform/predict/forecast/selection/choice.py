"""Choice of what is served in a bucket, by the errors of the candidates; detection of a regime change.

Served is an ensemble of the candidates with weights learnt from the record, or a baseline where the ensemble is not
clearly better. The whole record is used while the errors stay as they are. Where its newest part shows significantly
that the choice has become worse than another candidate, only that part is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.forecast.candidates.baselines import PERSISTENCE
from sensor_platform.predict.forecast.candidates.candidate_table import BASELINES, CANDIDATES, ENSEMBLE
from sensor_platform.predict.forecast.selection import ensemble
from sensor_platform.predict.forecast.selection.forecast_record import ForecastRecord

MARGIN = 0.015
"""An ensemble or a model is served only where its error is smaller than the best baseline's by this share, a single
model only where its error is smaller than the ensemble's by it: both were fitted to the record."""
SMALL_MARGIN = 0.002
"""The same between two baselines."""
_BLOCKS = 240
"""Maximum number of blocks that the time of a record is divided into."""
_SHORTEST = 6
"""Minimum length of a block, in steps."""
_OF_HORIZON = 4
"""A block is at least this part of the farthest horizon long: errors of overlapping forecasts are correlated."""
_NEWEST = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""Numbers of newest blocks that are compared with all blocks before them."""
_LEAST_OLDER = 5
_LEAST_NEWEST = 24
"""Minimum number of forecasts in the newest part: a few hours of a single series are not evidence."""
_CHANGED = 0.05
"""The choice is given up only where it has become worse than another candidate by more than this share."""
_DOUBT = 3.5
"""The choice is given up only where the difference exceeds this number of standard errors of such stretches."""


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """What is served in a bucket."""

    served: str
    """A candidate, or ENSEMBLE."""
    why: str
    weights: Mapping[str, float] = field(default_factory=dict)
    mae: Mapping[str, float] = field(default_factory=dict)
    """Mean absolute error of every candidate, and of the ensemble with the weights of the whole record."""
    newest: int = 0
    """Number of newest forecasts that the choice is based on; 0 for all."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A record by time, oldest first."""

    names: tuple[str, ...]
    forecasts: Floats
    """Shape (rows, candidates)."""
    actual: Floats
    edges: tuple[int, ...]

    def newest(self, count: int) -> "_Blocks":
        """Only the newest blocks."""
        start = self.edges[-1 - count]
        edges = tuple(edge - start for edge in self.edges[-1 - count :])
        return _Blocks(self.names, self.forecasts[start:], self.actual[start:], edges)


def choose(errors: Mapping[str, float]) -> tuple[str, str]:
    """What is served and why, by the mean errors of the candidates and the ensemble on the same rows."""
    best = PERSISTENCE
    for name in (name for name in (*BASELINES, ENSEMBLE) if name in errors):
        if errors[name] < errors[best] * (1 - (MARGIN if name == ENSEMBLE else SMALL_MARGIN)):
            best = name
    alone = min((name for name in CANDIDATES if name in errors), key=lambda name: errors[name], default=best)
    if best != alone and errors[alone] < errors[best] * (1 - MARGIN):
        best = alone  # ensemble weights not converged, or just disturbed by a regime change
    others = ", ".join(
        f"{name} {errors[name]:.4g}" for name in (*CANDIDATES, ENSEMBLE) if name in errors and name != best
    )
    return best, f"error {errors[best]:.4g} against {others}; an ensemble must beat the baselines by {MARGIN:.1%}"


def chosen(record: ForecastRecord) -> CandidateChoice:
    """The choice from a record of one bucket, based on newer forecasts alone after a regime change."""
    if not len(record):
        return CandidateChoice(PERSISTENCE, "no actual to judge by")
    blocks = _blocks(record)
    choice, totals, counts = _of(blocks)
    served = (*blocks.names, ENSEMBLE).index(choice.served)
    newest = _since_change(totals[::-1], counts[::-1], served)
    if newest is None:
        return _plain(choice)
    recent = blocks.newest(newest)
    now, *_ = _of(recent)
    if now.served == choice.served and now.weights == choice.weights:
        return _plain(choice)
    why = (
        f"what the whole record favours has become worse of late: only the newest {len(recent.actual)} forecasts count"
    )
    return _plain(CandidateChoice(now.served, f"{why}; {now.why}", now.weights, choice.mae, len(recent.actual)))


def _of(blocks: _Blocks) -> tuple[CandidateChoice, Floats, Floats]:
    """The choice from these blocks; summed errors, shape (blocks, candidates and ensemble); rows of each block."""
    weights = ensemble.learnt(blocks.forecasts, blocks.actual, blocks.edges)
    forecasts = np.column_stack([blocks.forecasts, blocks.forecasts @ weights])
    totals: Floats = np.add.reduceat(np.abs(forecasts - blocks.actual[:, None]), blocks.edges[:-1], axis=0)
    counts = np.diff(blocks.edges).astype(np.float64)
    errors = dict(
        zip((*blocks.names, ENSEMBLE), (float(each) for each in totals.sum(axis=0) / counts.sum()), strict=True)
    )
    served, why = choose(errors)
    shares = {name: float(each) for name, each in zip(blocks.names, weights, strict=True) if each > 0}
    return CandidateChoice(served, why, shares if served == ENSEMBLE else {}, errors), totals, counts


def _plain(choice: CandidateChoice) -> CandidateChoice:
    """An ensemble of one candidate is that candidate."""
    if len(choice.weights) != 1:
        return choice
    (name,) = choice.weights
    return replace(choice, served=name, weights={})


def _blocks(record: ForecastRecord) -> _Blocks:
    """The record cut into blocks of one length, counted back from its newest target; without empty ones."""
    order = np.argsort(record.target, kind="stable")
    target = record.target[order]
    age = target[-1] - target
    length = max(_SHORTEST, int(record.horizon.max()) // _OF_HORIZON, -(-(int(age[0]) + 1) // _BLOCKS))
    changes = np.flatnonzero(np.diff(age // length)) + 1
    forecasts = np.stack([each[order] for each in record.by_candidate.values()], axis=1)
    edges = (0, *changes.tolist(), len(order))
    return _Blocks(tuple(record.by_candidate), forecasts, record.actual[order], edges)


def _since_change(totals: Floats, counts: Floats, served: int) -> int | None:
    """How many of the newest blocks (they come first) show most clearly that `served` is worse than another, if any."""
    means = totals / counts[:, None]
    # In units of each block's own errors: a period that is hard for all candidates is not a regime change.
    unit = means.mean(axis=1, keepdims=True)
    loss = (means[:, [served]] - means) / np.where(unit > 0, unit, 1.0)
    best, clearest = None, _DOUBT
    for newest in _NEWEST:
        if len(counts) - newest < max(_LEAST_OLDER, newest + 2):
            break
        if counts[:newest].sum() < _LEAST_NEWEST:
            continue
        recent = totals[:newest].sum(axis=0) / counts[:newest].sum()
        doubt = _doubt(loss, newest)
        is_worse = (recent[served] > recent * (1 + _CHANGED)) & (doubt > 0)
        by_doubts = loss[:newest].mean(axis=0) / np.where(doubt > 0, doubt, 1.0)
        clear = float(np.where(is_worse, by_doubts, 0.0).max())
        if clear > clearest:
            best, clearest = newest, clear
    return best


def _doubt(loss: Floats, newest: int) -> Floats:
    """Standard error of a mean over `newest` blocks: as single blocks vary, and as such stretches of the older do."""
    older = loss[newest:]
    single = older.std(axis=0)
    if newest > 2:
        single = np.maximum(single, loss[:newest].std(axis=0))
    sums = np.concatenate([np.zeros((1, loss.shape[1])), np.cumsum(older, axis=0)])
    stretches = (sums[newest:] - sums[:-newest]) / newest
    doubt: Floats = np.maximum(single / np.sqrt(newest), stretches.std(axis=0))
    return doubt
