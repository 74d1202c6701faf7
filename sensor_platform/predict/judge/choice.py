"""Which candidate is served, from what each got wrong; and from when on the record still says something.

The mean over the whole record is the best guide while things stay as they are. Where the newest part shows beyond doubt
that what it chose has become worse than another candidate, only that part is listened to.
"""

from collections.abc import Mapping

import numpy as np

from sensor_platform.predict.candidates.baselines import BASELINES, CANDIDATES, PERSISTENCE
from sensor_platform.predict.features.panel import Floats
from sensor_platform.predict.judge.record import Record

MARGIN = 0.01
"""A model is served only where its error is at least this share below the best baseline's: a tie is not evidence."""
SMALL_MARGIN = 0.002
"""The same between two models."""
_BLOCKS = 60
"""Into so many blocks, each at least as long as the farthest horizon, the time of a record is cut."""
_NEWEST = (1, 2, 3, 5, 8, 13, 21)
"""Newest blocks that are compared with all before them."""
_LEAST_OLDER = 5
_DOUBT = 4.0
"""Standard errors, by what such stretches of the older blocks vary, from which on a change is beyond doubt."""


def choose(errors: Mapping[str, float]) -> tuple[str, str]:
    """What is served, and the reason in words, from each candidate's mean absolute error on the same rows."""
    if not errors:
        return PERSISTENCE, "no actual to judge by"
    best = PERSISTENCE
    for name in (name for name in CANDIDATES if name in errors):
        margin = MARGIN if best in BASELINES and name not in BASELINES else SMALL_MARGIN
        if errors[name] < errors[best] * (1 - margin):
            best = name
    others = ", ".join(f"{name} {errors[name]:.4g}" for name in CANDIDATES if name in errors and name != best)
    return best, f"error {errors[best]:.4g} against {others}; a model must beat the baselines by {MARGIN:.0%}"


def chosen(record: Record) -> tuple[str, str]:
    """The same from a record of one bucket, newer evidence before older where the two contradict each other."""
    errors = record.errors()
    served, why = choose({name: float(each.mean()) for name, each in errors.items() if len(each)})
    if not len(record):
        return served, why
    totals, counts = _by_block(record, errors)
    newest = _since_change(totals, counts, list(errors).index(served))
    if newest is None:
        return served, why
    recent = totals[:newest].sum(axis=0) / counts[:newest].sum()
    now, why = choose(dict(zip(errors, (float(each) for each in recent), strict=True)))
    if now == served:
        return served, why
    return (
        now,
        f"{served} has become worse of late, so only the newest {int(counts[:newest].sum())} forecasts count: {why}",
    )


def _by_block(record: Record, errors: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Sums of errors, shape (blocks, candidates), and rows of each block; newest first, without empty ones."""
    age = int(record.target.max()) - record.target
    length = max(int(record.horizon.max()), -(-(int(age.max()) + 1) // _BLOCKS))
    block = age // length
    counts = np.bincount(block).astype(np.float64)
    totals: Floats = np.stack([np.bincount(block, each).astype(np.float64) for each in errors.values()], axis=1)
    return totals[counts > 0], counts[counts > 0]


def _since_change(totals: Floats, counts: Floats, served: int) -> int | None:
    """How many of the newest blocks show most clearly that `served` is worse than another; None if none does."""
    means = totals / counts[:, None]
    loss = means[:, [served]] - means
    best, clearest = None, _DOUBT
    for newest in _NEWEST:
        if len(counts) - newest < max(_LEAST_OLDER, newest + 2):
            break
        recent = totals[:newest].sum(axis=0) / counts[:newest].sum()
        doubt = _doubt(loss, newest)
        is_worse = (recent[served] > recent * (1 + MARGIN)) & (doubt > 0)
        clear = float(np.where(is_worse, (recent[served] - recent) / np.where(doubt > 0, doubt, 1.0), 0.0).max())
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
