"""Anomaly scores of rows with labels: evaluated rows, and rows before the test from which the score is chosen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensor_platform.predict.anomaly.block_scores import normal_deviations, out_of_sample_deviations, scored_blocks
from sensor_platform.predict.anomaly.deviation import CAP, Deviations
from sensor_platform.predict.anomaly.normal_rows import NormalRows
from sensor_platform.predict.evaluate.evaluated_series import SeriesCase, is_empty_anomalous, warm_up
from sensor_platform.predict.evaluate.read_series import EvaluationData
from sensor_platform.predict.features.grid import Grid
from sensor_platform.predict.features.panel import Flags, Floats, Ints

_LEAST_PAST = 2_000
"""With fewer rows of series that ended before the test, thresholds also use rolling origins within each series."""
_GROWTH = 1.1
"""Thresholds are computed again when the number of parts has grown by this factor, so that many series cost little
more than few."""


class NormalHistory:
    """Deviations of normal rows that were known at each time, for one score. Later rows are never used."""

    def __init__(self, cases: Sequence[SeriesCase], table: EvaluationData, score: str) -> None:
        """Score the normal rows.

        Where series of the test are cold, the series that ended before the test are scored as the cold ones will be:
        against their first rows, to their end. If that gives too few rows, the first rows of each series are added,
        from the time at which they exist.
        """
        found = list(_ended(cases, table.grid, score)) if any(case.is_cold for case in cases) else []
        ends = [table.test_from] * len(found)
        if sum(len(each.level) for each in found) < _LEAST_PAST:
            for case in cases:
                own = out_of_sample_deviations(case.series.head(case.first), table.grid, score)
                found += own
                ends += [int(case.series.step[case.first - 1]) + 1 if case.is_cold else table.test_from] * len(own)
        order = np.argsort(ends, kind="stable")
        self._ends, self._found = np.asarray(ends, np.int64)[order], [found[place] for place in order]
        self._sensors, self._grid = len(table.targets), table.grid
        self._seen: dict[int, NormalRows] = {}

    def at(self, step: int) -> NormalRows:
        """The normal rows that were known when this step began."""
        count = int(np.searchsorted(self._ends, step, side="right"))
        if count > 1:
            count = int(_GROWTH ** np.floor(np.log(count + 0.5) / np.log(_GROWTH)))
        if count not in self._seen:
            self._seen[count] = NormalRows(self._found[:count], self._sensors, self._grid)
        return self._seen[count]


def _ended(cases: Sequence[SeriesCase], grid: Grid, score: str) -> Iterator[Deviations]:
    for case in cases:
        if not case.is_cold and case.first == len(case.series.step):
            first = warm_up(len(case.series.step))
            yield from (
                normal_deviations(case.series, block) for block in scored_blocks(case.series, first, grid, score)
            )


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """Evaluated rows that have a label, in order of series and time."""

    scores: Floats
    flagged: Mapping[float, Flags]
    """Alarms by the expected false alarm rate of the threshold."""
    labels: Flags
    series: Ints
    step: Ints
    began: Ints
    """Step of the first evaluated row of the row's series."""
    sizes: Floats
    """Size of each sensor's deviation, shape (rows, sensors)."""
    is_empty: Flags


def score_test_rows(
    cases: Sequence[SeriesCase], table: EvaluationData, score: str, past: NormalHistory, rates: Sequence[float]
) -> ScoredRows:
    """Score the rows of the test, with thresholds from what was known when the test part of their series began.

    Args:
        cases: all series.
        table: the file.
        score: name of the score.
        past: normal rows by time, for this score.
        rates: expected false alarm rates to make thresholds for.
    """
    sizes, scores, empty = [np.empty((0, len(table.targets)))], [np.empty(0)], [np.empty(0, bool)]
    labels, keys = [np.empty(0, bool)], [np.empty((0, 3), np.int64)]
    flagged = {rate: [np.empty(0, bool)] for rate in rates}
    empty_score = CAP if is_empty_anomalous(cases) else 0.0
    for number, case in enumerate(cases):
        for block in scored_blocks(case.series, case.first, table.grid, score):
            own = slice(block.first, block.last)
            has_label = np.isfinite(case.labels[own])
            is_empty = case.is_empty[own][has_label]
            began = int(case.series.step[case.first])
            known = past.at(began)
            found = known.spread_factors.applied(block.deviations)
            scores.append(np.where(is_empty, empty_score, found.row_score()[has_label]))
            for rate in rates:
                flagged[rate].append(scores[-1] > known.limit(rate))
            sizes.append(found.size[has_label])
            empty.append(is_empty)
            labels.append(case.labels[own][has_label] > 0)
            step = case.series.step[own][has_label]
            keys.append(np.stack(np.broadcast_arrays(number, step, began), axis=1))
    whole = {rate: np.concatenate(parts) for rate, parts in flagged.items()}
    key = np.concatenate(keys)
    ends = (np.concatenate(labels), *key.T, np.concatenate(sizes), np.concatenate(empty))
    return ScoredRows(np.concatenate(scores), whole, *ends)


def score_labelled_rows(
    cases: Sequence[SeriesCase], table: EvaluationData, score: str, known: NormalRows
) -> tuple[Floats, Flags]:
    """Scores and labels of the rows before the test, each scored against the rows before it."""
    scores, labels = [np.empty(0)], [np.empty(0, bool)]
    for case in cases:
        past = case.series.head(0 if case.is_cold else case.first)
        for block in scored_blocks(past, len(past.step) * 2 // 5, table.grid, score):
            has_label = np.isfinite(case.labels[block.first : block.last])
            scores.append(known.spread_factors.applied(block.deviations).row_score()[has_label])
            labels.append(case.labels[block.first : block.last][has_label] > 0)
    return np.concatenate(scores), np.concatenate(labels)
