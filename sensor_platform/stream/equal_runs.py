"""Consecutive rows of equal keys: where they begin, and what came before within them. All vectorised."""

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.series import Ints

Bools = npt.NDArray[np.bool_]


def run_starts(keys: Ints) -> Ints:
    """First row of each run of equal keys."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.int64)


def run_numbers(begin: Ints, count: int) -> Ints:
    """Number of the run of each row."""
    marks = np.zeros(count, np.int64)
    marks[begin[1:]] = 1
    return np.cumsum(marks)


def highest_before(keys: Ints, at: Ints, start: Ints) -> Ints:
    """Greatest `at` of earlier rows of the same run, and of `start`, which is given per row and equal within a run."""
    if not len(keys):
        return at
    first = run_starts(keys)
    is_first = np.zeros(len(keys), np.bool_)
    is_first[first] = True
    before = np.where(is_first, start, np.concatenate([[0], at[:-1]]))
    if (is_first | (before >= np.concatenate([before[:1], before[:-1]]))).all() and (before[first] <= at[first]).all():
        return before
    # a running maximum within runs: of ranks, which a number of the run can be put in front of
    both = np.concatenate([before, at])
    order = np.unique(both, return_inverse=True)[1][: len(at)]
    values = np.unique(both)
    lifted = np.maximum.accumulate(run_numbers(first, len(keys)) * (len(values) + 1) + order)
    return np.asarray(values[lifted % (len(values) + 1)])


def newest_known_row(keys: Ints, known: Bools) -> Ints:
    """Row of the newest known row of the same run, itself included; -1 where there is none."""
    rows = np.where(known, np.arange(len(keys)), -1)
    newest = np.maximum.accumulate(rows) if len(rows) else rows
    first = run_starts(keys)
    start = first[run_numbers(first, len(keys))] if len(keys) else newest
    return np.where(newest >= start, newest, -1)
