"""Vectorised functions over runs: consecutive rows with equal keys."""

import numpy as np
import numpy.typing as npt

from sensor_platform.stream.series import Ints

Bools = npt.NDArray[np.bool_]


def run_starts(keys: Ints) -> Ints:
    """Number of the first row of each run."""
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])) if len(keys) else np.empty(0, np.int64)


def run_numbers(begin: Ints, count: int) -> Ints:
    """Number of the run of each of `count` rows."""
    marks = np.zeros(count, np.int64)
    marks[begin[1:]] = 1
    return np.cumsum(marks)


def highest_before(keys: Ints, at: Ints, start: Ints) -> Ints:
    """Greatest `at` of the earlier rows of the run and of `start`, which has a value per row, equal within a run."""
    if not len(keys):
        return at
    first = run_starts(keys)
    is_first = np.zeros(len(keys), np.bool_)
    is_first[first] = True
    before = np.where(is_first, start, np.concatenate([[0], at[:-1]]))
    if (is_first | (before >= np.concatenate([before[:1], before[:-1]]))).all() and (before[first] <= at[first]).all():
        return before
    # a running maximum within runs: of ranks, each raised by the number of its run
    both = np.concatenate([before, at])
    order = np.unique(both, return_inverse=True)[1][: len(at)]
    values = np.unique(both)
    lifted = np.maximum.accumulate(run_numbers(first, len(keys)) * (len(values) + 1) + order)
    return np.asarray(values[lifted % (len(values) + 1)])


def newest_known_row(keys: Ints, known: Bools) -> Ints:
    """Number of the newest known row of the same run up to each row, itself included; -1 if there is none."""
    rows = np.where(known, np.arange(len(keys)), -1)
    newest = np.maximum.accumulate(rows) if len(rows) else rows
    first = run_starts(keys)
    start = first[run_numbers(first, len(keys))] if len(keys) else newest
    return np.where(newest >= start, newest, -1)
