"""What is served, from what each candidate got wrong; and from when on the record still says something.

Served is a mix of the candidates with weights learnt from the record, or a baseline where the mix is not clearly
better. The whole record is the best guide while things stay as they are. Where its newest part shows beyond doubt that
what it chose has become worse than another candidate, only that part is listened to.
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
"""A mix or a model is served only where it errs at least this share less than the best baseline, a model alone only
where it errs so much less than the mix: both fit what they are judged by."""
SMALL_MARGIN = 0.002
"""The same between two baselines."""
_BLOCKS = 240
"""Into at most so many blocks the time of a record is cut,"""
_SHORTEST = 6
"""each of at least so many steps,"""
_OF_HORIZON = 4
"""and at least this part of the farthest horizon: errors of overlapping forecasts are alike."""
_NEWEST = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89)
"""Newest blocks that are compared with all before them."""
_LEAST_OLDER = 5
_LEAST_NEWEST = 24
"""Forecasts that the newest part holds: of a single series, a few hours show nothing, however plainly."""
_CHANGED = 0.05
"""What was chosen is left only where it has become worse than another by more than this share,"""
_DOUBT = 3.5
"""and by so many standard errors: by what such stretches of the older blocks vary, as beyond doubt."""


@dataclass(frozen=True, slots=True)
class CandidateChoice:
    """A candidate's name, or ENSEMBLE with the weights of several; the reason in words; errors on the whole record."""

    served: str
    why: str
    weights: Mapping[str, float] = field(default_factory=dict)
    mae: Mapping[str, float] = field(default_factory=dict)
    """Mean absolute error of every candidate, and of what the whole record's weights would have made of them."""
    newest: int = 0
    """Newest forecasts that alone counted; 0 for all."""


@dataclass(frozen=True, slots=True)
class _Blocks:
    """A record by time, oldest first."""

    names: tuple[str, ...]
    said: Floats
    """Shape (rows, candidates)."""
    actual: Floats
    edges: tuple[int, ...]

    def newest(self, count: int) -> "_Blocks":
        """Only the newest blocks."""
        start = self.edges[-1 - count]
        edges = tuple(edge - start for edge in self.edges[-1 - count :])
        return _Blocks(self.names, self.said[start:], self.actual[start:], edges)


def choose(errors: Mapping[str, float]) -> tuple[str, str]:
    """What is served, and the reason in words, from the mean errors of the candidates and the mix on the same rows."""
    best = PERSISTENCE
    for name in (name for name in (*BASELINES, ENSEMBLE) if name in errors):
        if errors[name] < errors[best] * (1 - (MARGIN if name == ENSEMBLE else SMALL_MARGIN)):
            best = name
    alone = min((name for name in CANDIDATES if name in errors), key=lambda name: errors[name], default=best)
    if best != alone and errors[alone] < errors[best] * (1 - MARGIN):
        best = alone  # the mix has not learnt its weights, or a storm has just upset them
    others = ", ".join(
        f"{name} {errors[name]:.4g}" for name in (*CANDIDATES, ENSEMBLE) if name in errors and name != best
    )
    return best, f"error {errors[best]:.4g} against {others}; a mix must beat the baselines by {MARGIN:.1%}"


def chosen(record: ForecastRecord) -> CandidateChoice:
    """The choice from a record of one bucket, newer evidence before older where the two contradict each other."""
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
    """The choice from all of these blocks; summed errors, shape (blocks, candidates and the mix), and rows of each."""
    weights = ensemble.learnt(blocks.said, blocks.actual, blocks.edges)
    said = np.column_stack([blocks.said, blocks.said @ weights])
    totals: Floats = np.add.reduceat(np.abs(said - blocks.actual[:, None]), blocks.edges[:-1], axis=0)
    counts = np.diff(blocks.edges).astype(np.float64)
    errors = dict(
        zip((*blocks.names, ENSEMBLE), (float(each) for each in totals.sum(axis=0) / counts.sum()), strict=True)
    )
    served, why = choose(errors)
    shares = {name: float(each) for name, each in zip(blocks.names, weights, strict=True) if each > 0}
    return CandidateChoice(served, why, shares if served == ENSEMBLE else {}, errors), totals, counts


def _plain(choice: CandidateChoice) -> CandidateChoice:
    """A mix of one is that one."""
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
    said = np.stack([each[order] for each in record.by_candidate.values()], axis=1)
    edges = (0, *changes.tolist(), len(order))
    return _Blocks(tuple(record.by_candidate), said, record.actual[order], edges)


def _since_change(totals: Floats, counts: Floats, served: int) -> int | None:
    """How many of the newest blocks (they come first) show most clearly that `served` is worse than another, if any."""
    means = totals / counts[:, None]
    # In units of each block's own errors: a storm is not a change.
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
